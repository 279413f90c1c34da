//! `kozmic check` tells the state of a running server, of one before its start, and of each broken part. It changes
//! nothing.

use crate::world::{github, options};
use anyhow::{Context, Result, ensure};
use kozmic_testkit::{github::GitHub, server::Server};
use std::{
    collections::BTreeMap,
    fs,
    net::TcpListener,
    os::unix::fs::chown,
    path::{Path, PathBuf},
    process::Output,
    time::SystemTime,
};

fn words(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The line about something.
fn line<'a>(words: &'a str, about: &str) -> Result<&'a str> {
    let mark = format!(" {about}: ");
    words
        .lines()
        .find(|line| line.contains(&mark))
        .with_context(|| format!("no line about {about} in\n{words}"))
}

/// Each file below a directory, with the time of its last change.
fn files(dir: &Path) -> Result<BTreeMap<PathBuf, SystemTime>> {
    let mut found = BTreeMap::from([(dir.to_owned(), fs::metadata(dir)?.modified()?)]);
    for file in fs::read_dir(dir)? {
        let path = file?.path();
        match path.is_dir() {
            true => found.extend(files(&path)?),
            false => drop(found.insert(path.clone(), fs::symlink_metadata(&path)?.modified()?)),
        }
    }
    Ok(found)
}

/// A server that was stopped in order.
async fn stopped(github: &GitHub) -> Result<Server> {
    let mut server = Server::start(options(github)).await?;
    ensure!(server.terminate().await?.success());
    Ok(server)
}

#[tokio::test]
async fn all_that_a_running_server_needs_is_well() -> Result<()> {
    let github = github().await?;
    let server = Server::start(options(&github).env("KOZMIC_SIGN_IN_ALLOWED", "anna")).await?;
    let well = server.run(&["check"]).await?;
    let said = words(&well);
    assert!(well.status.success(), "{said}");
    let (advice, looks) = said.lines().partition::<Vec<_>, _>(|line| line.contains("jobs' way out: "));
    assert!(looks.len() == 16 && looks.iter().all(|line| line.starts_with("ok    ")), "{said}");
    assert!(advice.len() == 1 && advice[0].contains("a job's container"), "{said}");
    let process = format!("process {}", server.pid().context("it runs")?);
    for (about, part) in [
        ("data directory", process.as_str()),
        ("database", process.as_str()),
        ("public address", "leads here"),
        ("Docker engine", "jobs are on a network of Kozmic's own"),
        ("sign-in", github.client_id()),
        ("container", " starts"),
    ] {
        assert!(line(&said, about)?.contains(part), "{part} in {said}");
    }
    github.assert_no_wrong_calls();
    Ok(())
}

#[tokio::test]
async fn nothing_is_made_or_written() -> Result<()> {
    let github = github().await?;
    let mut server = stopped(&github).await?;
    let nowhere = server.data_dir().join("not/there/yet").display().to_string();
    let before = files(server.data_dir())?;
    let early = server.run_with(&["check"], &[("KOZMIC_DATA_DIR", &nowhere)]).await?;
    let said = words(&early);
    assert!(early.status.success(), "{said}");
    for (about, part) in [
        ("data directory", "is not there yet; the server makes it"),
        ("database", "is not there yet; the server makes it"),
        ("listens on", "is free"),
        ("public address", "leads here"),
        ("at rest", "there is no installation yet"),
    ] {
        assert!(line(&said, about)?.contains(part), "{part} in {said}");
    }
    let said = words(&server.run(&["check"]).await?);
    assert!(line(&said, "database")?.ends_with("kozmic.db is up to date"), "{said}");
    assert_eq!(files(server.data_dir())?, before, "after a server stopped");
    server.restart().await?;
    server.kill_9().await?;
    let before = files(server.data_dir())?;
    assert!(before.contains_key(&server.data_dir().join("kozmic.db-wal")), "a killed server leaves it");
    server.run(&["check"]).await?;
    assert_eq!(files(server.data_dir())?, before, "after a server was killed");
    Ok(())
}

#[tokio::test]
async fn root_makes_nothing_in_a_directory_of_somebody_else() -> Result<()> {
    if !rustix::process::geteuid().is_root() {
        return Ok(());
    }
    let github = github().await?;
    let dir = tempfile::tempdir()?;
    chown(dir.path(), Some(4_242), Some(4_242))?;
    let mut server = Server::launch(options(&github).quiet().data_dir(dir.path()))?;
    let refused = server.wait_exit(crate::world::LIMIT).await?;
    let output = server.output();
    assert!(refused.code() == Some(1) && output.contains("belongs to user 4242"), "{output}");
    let said = words(&server.run(&["check"]).await?);
    let told = line(&said, "data directory")?;
    assert!(told.starts_with("note") && told.contains("run check as user 4242"), "{said}");
    assert_eq!(fs::read_dir(dir.path())?.count(), 0, "nothing is made");
    fs::write(dir.path().join("secret_key"), "0".repeat(40))?;
    let said = words(&server.run(&["check"]).await?);
    let told = line(&said, "data directory")?;
    assert!(told.starts_with("FAIL") && told.contains("run chown -R 4242 "), "{said}");
    Ok(())
}

#[tokio::test]
async fn each_broken_thing_is_told_and_the_exit_code_says_so() -> Result<()> {
    let github = github().await?;
    let server = stopped(&github).await?;
    fs::remove_file(server.data_dir().join("database")).context("another database may be named")?;
    let taken = TcpListener::bind("127.0.0.1:0")?;
    let taken = taken.local_addr().map(|address| (address.to_string(), taken))?;
    let odd_api = format!("{}/nothing-here", github.url());
    let old = tempfile::tempdir()?;
    fs::write(old.path().join("secret_key"), "cut")?;
    let old = old.path().display().to_string();
    for (name, value, about, part) in [
        ("KOZMIC_LISTEN", taken.0.as_str(), "listens on", "Another program may use the port"),
        ("KOZMIC_LISTEN", "192.0.2.1:80", "listens on", "cannot listen on 192.0.2.1:80"),
        ("KOZMIC_GITHUB_CLIENT_SECRET", "wrong", "sign-in", "do not fit together"),
        ("KOZMIC_GITHUB_API_URL", odd_api.as_str(), "GitHub", "github_api_url has to name its API"),
        ("KOZMIC_GITHUB_API_URL", "http://127.0.0.1:9/api/v3", "GitHub", "did not answer"),
        ("KOZMIC_PUBLIC_URL", "http://127.0.0.1:9", "public address", "cannot be reached from here"),
        (
            "KOZMIC_PUBLIC_URL",
            "https://no-such-host.invalid",
            "public address",
            "cannot be reached from here",
        ),
        ("KOZMIC_PUBLIC_URL", github.url(), "public address", "is answered by something else"),
        ("KOZMIC_DATA_DIR", old.as_str(), "data directory", "secret_key is shorter than 32 characters"),
        ("KOZMIC_DATA_DIR", "/etc/passwd/kozmic", "data directory", "/etc/passwd: that is no directory"),
        ("KOZMIC_DATABASE_URL", "sqlite:///nowhere/kozmic.db", "database", "there is no directory /nowhere"),
        ("KOZMIC_DOCKER_URL", "unix:///nowhere/docker.sock", "Docker engine", "/nowhere/docker.sock"),
        ("KOZMIC_DOCKER_NETWORK", "kozmic-has-no-such", "Docker engine", "has no network kozmic-has-no-such"),
    ] {
        // Without an engine no container is tried, which takes its time.
        let engine = ("KOZMIC_DOCKER_URL", "unix:///nowhere/docker.sock");
        let environment =
            if about == "Docker engine" { vec![(name, value)] } else { vec![engine, (name, value)] };
        let ill = server.run_with(&["check"], &environment).await?;
        let said = words(&ill);
        let told = line(&said, about)?;
        assert!(told.starts_with("FAIL ") && told.contains(part), "{name}={value}: {told}\n{said}");
        assert_eq!(ill.status.code(), Some(1), "{said}");
        assert!(!said.contains("wrong"), "no secret is shown: {said}");
    }
    // Those that were asked for.
    github.take_wrong_calls();
    Ok(())
}

#[tokio::test]
async fn what_only_this_machine_reaches_is_no_address_for_a_forge_elsewhere() -> Result<()> {
    let github = github().await?;
    let server = stopped(&github).await?;
    // No name: nothing outside is asked. Nobody answers at this address, which is for documents.
    let away = [
        ("KOZMIC_GITHUB_URL", "http://192.0.2.1:9"),
        ("KOZMIC_GITHUB_API_URL", "http://127.0.0.1:9"),
        ("KOZMIC_DOCKER_URL", "unix:///nowhere/docker.sock"),
    ];
    let said = words(&server.run_with(&["check"], &away).await?);
    let told = line(&said, "public address")?;
    assert!(
        told.starts_with("FAIL ") && told.contains("only this machine gets to http://127.0.0.1:"),
        "{said}"
    );
    Ok(())
}

#[tokio::test]
async fn programs_get_json_and_terminals_colours() -> Result<()> {
    let github = github().await?;
    let server = stopped(&github).await?;
    let well = server.run(&["check", "--json"]).await?;
    let json: serde_json::Value = serde_json::from_slice(&well.stdout)?;
    assert_eq!((well.status.success(), &json["ok"]), (true, &true.into()));
    let looks = json["looks"].as_array().context("looks")?;
    let of = |what: &str| looks.iter().find(|look| look["what"] == what).map(|look| look["result"].clone());
    assert_eq!(of("git"), Some("ok".into()));
    assert_eq!(of("people"), Some("note".into()), "everybody may sign in");
    let ill = server.run_with(&["check", "--json"], &[("KOZMIC_LISTEN", "192.0.2.1:80")]).await?;
    let json: serde_json::Value = serde_json::from_slice(&ill.stdout)?;
    assert_eq!((ill.status.code(), &json["ok"]), (Some(1), &false.into()));
    assert!(!words(&server.run(&["check"]).await?).contains('\u{1b}'), "a pipe gets none");
    let colours = words(&server.run_with(&["check"], &[("CLICOLOR_FORCE", "1")]).await?);
    assert!(colours.contains("\u{1b}[32mok"), "{colours}");
    Ok(())
}

#[tokio::test]
async fn an_image_is_pulled_only_if_somebody_says_so() -> Result<()> {
    let github = github().await?;
    let server = stopped(&github).await?;
    let ill = server.run(&["check", "--pull", "127.0.0.1:9/no/such:image"]).await?;
    let said = words(&ill);
    assert!(line(&said, "container")?.starts_with("FAIL ") && ill.status.code() == Some(1), "{said}");
    Ok(())
}
