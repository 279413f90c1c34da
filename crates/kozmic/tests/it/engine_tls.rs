//! An engine on another machine, over TCP with certificates on both sides: jobs run there as they do here, and `kozmic
//! check` explains a fault of a certificate in a sentence.

use crate::world::{GATE, LIMIT, World, github, options};
use anyhow::{Context, Result};
use kozmic_testkit::{
    authority::{Authority, Certificate},
    engine_on_tls::{EngineOnTls, ToPlain},
    github::State,
    server::Server,
};
use std::path::Path;
use tempfile::TempDir;

/// A directory of certificates as Docker's tools want it.
fn certificates(authority: &Authority, client: &Certificate) -> Result<TempDir> {
    let dir = TempDir::with_prefix("kozmic-engine-certificates-")?;
    client.lay_out_for_docker(&authority.certificate(), dir.path())?;
    Ok(dir)
}

#[tokio::test]
async fn a_build_runs_and_is_canceled_on_an_engine_over_tls() -> Result<()> {
    let authority = Authority::new("Ours")?;
    let engine = EngineOnTls::start(&authority.certify("localhost")?, &authority.certificate()).await?;
    let dir = certificates(&authority, &authority.certify("kozmic")?)?;
    let world = World::with(&[
        ("KOZMIC_DOCKER_URL", &engine.url()),
        ("KOZMIC_DOCKER_CERT_PATH", dir.path().to_str().context("a path of letters")?),
    ])
    .await?;
    world.hook(&format!("cat file; echo first words; {GATE}; seq 1 20000; echo last words")).await?;
    let pushed = world.push("Content that went over TLS").await?;
    world.live().await?.read_until("first words", LIMIT).await?;
    world.open_gate().await?;
    world.status(&pushed.sha, State::Success).await?;
    let log = world.log().await?;
    assert!(log.contains("Content that went over TLS") && log.contains("\n20000\nlast words\n"), "{log}");

    let first = world.build().await?.build;
    world.push("Wait for ever").await?;
    let build = world
        .anna
        .wait_for_build(world.project, LIMIT, |build| build.build != first && build.job.is_some())
        .await?;
    world.anna.live(world.project, build.job()?, 0).await?.read_until("first words", LIMIT).await?;
    world.anna.cancel(world.project, build.job()?).await?.ensure_ok()?;
    assert_eq!(world.finished().await?.status, "canceled");
    world.end().await
}

/// Line of `kozmic check` for the engine with this address and these certificates.
async fn engine_line(server: &Server, url: &str, dir: &Path) -> Result<String> {
    engine_line_of(server, url, Some(dir)).await
}

async fn engine_line_of(server: &Server, url: &str, dir: Option<&Path>) -> Result<String> {
    let dir = dir.map(|dir| dir.to_str().context("a path of letters")).transpose()?;
    // Without any, no directory of whoever runs the test is looked into either.
    let certificates = dir.map_or(("HOME", ""), |dir| ("KOZMIC_DOCKER_CERT_PATH", dir));
    let output = server.run_with(&["check"], &[("KOZMIC_DOCKER_URL", url), certificates]).await?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines().find(|line| line.contains(" Docker engine: ")).map(str::to_owned).context(text)
}

#[tokio::test]
async fn what_is_wrong_with_an_engine_on_tls_is_said_in_a_sentence() -> Result<()> {
    let github = github().await?;
    let kozmic = Server::start(options(&github)).await?;
    let (authority, stranger) = (Authority::new("Ours")?, Authority::new("Theirs")?);
    let (server, client) = (authority.certify("localhost")?, authority.certify("kozmic")?);
    let right = EngineOnTls::start(&server, &authority.certificate()).await?;
    let dir = certificates(&authority, &client)?;
    let line = engine_line(&kozmic, &right.url(), dir.path()).await?;
    assert!(
        line.starts_with("ok    Docker engine: ") && line.contains(&format!(" at {}; ", right.url())),
        "{line}"
    );

    let old = authority.certify_in_the_past("kozmic")?;
    let foreign = stranger.certify("kozmic")?;
    let place = |dir: &TempDir, file: &str| dir.path().join(file).display().to_string();
    for (trusted, client, words, file) in [
        (&stranger, &client, "of an authority that is not trusted here, which is the one in ", "ca.pem"),
        (&authority, &old, ", or sees none: CertificateExpired", "cert.pem"),
        (&authority, &foreign, "it does not accept the certificate in ", "cert.pem"),
    ] {
        let dir = certificates(trusted, client)?;
        let line = engine_line(&kozmic, &right.url(), dir.path()).await?;
        assert!(line.starts_with("FAIL  Docker engine: the Docker engine at tcp://localhost:"), "{line}");
        assert!(line.contains(words) && line.contains(&place(&dir, file)), "{line}");
    }
    for (shown, words) in [
        (authority.certify("elsewhere")?, "it shows a certificate for another name than localhost"),
        (authority.certify_in_the_past("localhost")?, "it shows a certificate that has expired"),
    ] {
        let engine = EngineOnTls::start(&shown, &authority.certificate()).await?;
        let line = engine_line(&kozmic, &engine.url(), dir.path()).await?;
        assert!(line.starts_with("FAIL  ") && line.contains(words), "{line}");
    }

    for address in ["tcp:", "https:"] {
        let line = engine_line(&kozmic, &kozmic.url().replace("http:", address), dir.path()).await?;
        assert!(
            line.contains("it does not speak TLS there: an engine without TLS needs no docker_cert_path"),
            "{line}"
        );
    }
    std::fs::remove_file(dir.path().join("key.pem"))?;
    let line = engine_line(&kozmic, &right.url(), dir.path()).await?;
    assert!(line.contains(&format!("its certificates: {}: No such file", place(&dir, "key.pem"))), "{line}");
    Ok(())
}

#[tokio::test]
async fn an_engine_on_tls_that_is_addressed_without_says_so_however_it_refuses() -> Result<()> {
    let github = github().await?;
    let kozmic = Server::start(options(&github)).await?;
    let authority = Authority::new("Ours")?;
    let server = authority.certify("localhost")?;
    let dir = certificates(&authority, &authority.certify("kozmic")?)?;
    for to_plain in [ToPlain::Words, ToPlain::Reset] {
        let engine = EngineOnTls::answering(to_plain, &server, &authority.certificate()).await?;
        for (address, dir, words) in [
            ("tcp:", None, "it speaks TLS there: docker_cert_path names the directory of its certificates"),
            ("http:", None, "it speaks TLS there: docker_cert_path names the directory of its certificates"),
            (
                "http:",
                Some(dir.path()),
                "it speaks TLS there: its address has to begin with tcp:// or https://",
            ),
            ("https:", None, "an address with https:// needs docker_cert_path"),
        ] {
            let line = engine_line_of(&kozmic, &engine.url().replace("tcp:", address), dir).await?;
            assert!(line.starts_with("FAIL  ") && line.contains(words), "{to_plain:?}: {line}");
        }
    }
    Ok(())
}
