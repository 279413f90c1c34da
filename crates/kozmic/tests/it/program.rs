//! The program on the command line: its errors, its exit codes, and `kozmic check`.

use crate::world::{REPOSITORY, World, github, options};
use anyhow::{Context, Result};
use clap::Parser;
use kozmic_testkit::{demo, server::Server};
use std::{
    fs::{self, Permissions},
    net::TcpListener,
    os::unix::fs::PermissionsExt,
    process::ExitCode,
    time::Duration,
};

const LIMIT: Duration = Duration::from_secs(30);

/// Starts a server that cannot start; gives its exit code and last words.
async fn refusal(settings: &[(&str, &str)]) -> Result<(Option<i32>, String)> {
    let github = github().await?;
    let options =
        settings.iter().fold(options(&github).quiet(), |options, (name, value)| options.env(name, value));
    let mut server = Server::launch(options)?;
    let status = server.wait_exit(LIMIT).await?;
    Ok((status.code(), server.output()))
}

#[tokio::test]
async fn a_taken_port_is_named() -> Result<()> {
    let taken = TcpListener::bind("127.0.0.1:0")?;
    let address = taken.local_addr()?.to_string();
    let (code, words) = refusal(&[("KOZMIC_LISTEN", &address)]).await?;
    assert_eq!(code, Some(3), "{words}");
    assert!(
        words.contains(&format!("cannot listen on {address}")) && words.contains("KOZMIC_LISTEN"),
        "{words}"
    );
    Ok(())
}

#[tokio::test]
async fn a_wrong_setting_is_named() -> Result<()> {
    let (code, words) = refusal(&[("KOZMIC_STALL_TIMEOUT", "a while")]).await?;
    assert_eq!(code, Some(2));
    assert!(words.contains("KOZMIC_STALL_TIMEOUT in the environment is \"a while\""), "{words}");
    let (code, words) = refusal(&[("KOZMIC_STAL_TIMEOUT", "1")]).await?;
    assert_eq!(code, Some(2));
    assert!(words.contains("did you mean \"KOZMIC_STALL_TIMEOUT\"?"), "{words}");
    Ok(())
}

#[tokio::test]
async fn a_data_directory_is_used_by_one_server() -> Result<()> {
    let github = github().await?;
    let first = Server::start(options(&github)).await?;
    let dir = first.data_dir().display().to_string();
    let (code, words) = refusal(&[("KOZMIC_DATA_DIR", &dir)]).await?;
    assert_eq!(code, Some(4), "{words}");
    let process = first.pid().map(|pid| format!("process {pid}")).unwrap_or_default();
    assert!(words.contains(&process), "{words}");
    Ok(())
}

#[tokio::test]
async fn a_data_directory_that_others_may_read_is_a_warning() -> Result<()> {
    let dir = tempfile::tempdir()?;
    fs::set_permissions(dir.path(), Permissions::from_mode(0o755))?;
    let github = github().await?;
    let path = dir.path().display().to_string();
    let server = Server::start(options(&github).quiet().data_dir(dir.path())).await?;
    assert!(server.output().contains(&format!("run chmod 700 {path}")), "{}", server.output());
    for made in ["logs", "mirrors"] {
        let mode = fs::metadata(dir.path().join(made))?.permissions().mode();
        assert_eq!(mode & 0o777, 0o700, "{made}");
    }
    Ok(())
}

#[tokio::test]
async fn a_damaged_key_is_named() -> Result<()> {
    let dir = tempfile::tempdir()?;
    fs::write(dir.path().join("secret_key"), "cut")?;
    let (code, words) = refusal(&[("KOZMIC_DATA_DIR", &dir.path().display().to_string())]).await?;
    assert_eq!(code, Some(1), "{words}");
    assert!(words.contains("/secret_key is shorter than 32 characters"), "{words}");
    Ok(())
}

#[tokio::test]
async fn after_a_stop_the_one_file_of_the_database_has_all_of_it() -> Result<()> {
    let mut world = World::new().await?;
    let elsewhere = tempfile::tempdir()?;
    let dir = world.server.data_dir().to_owned();
    assert!(dir.join("kozmic.db-wal").metadata()?.len() > 0, "until then a part of it stands beside");
    assert!(world.server.terminate().await?.success());
    assert!(!dir.join("kozmic.db-wal").exists() && !dir.join("kozmic.db-shm").exists());
    for name in ["kozmic.db", "instance"] {
        fs::copy(dir.join(name), elsewhere.path().join(name))?;
    }
    let path = elsewhere.path().display().to_string();
    let listed = world.server.run_with(&["projects", "list"], &[("KOZMIC_DATA_DIR", &path)]).await?;
    let words = String::from_utf8_lossy(&listed.stdout).into_owned();
    assert!(words.contains(REPOSITORY), "{words}{}", String::from_utf8_lossy(&listed.stderr));
    assert!(!elsewhere.path().join("kozmic.db-wal").exists(), "commands leave it whole, too");
    world.server.restart().await?;
    world.end().await
}

#[tokio::test]
async fn the_demo_says_soon_that_no_engine_answers() -> Result<()> {
    let arguments = ["kozmic-demo", "--once", "--docker-url", "unix:///nowhere/docker.sock"];
    let kozmic = ["--kozmic", env!("CARGO_BIN_EXE_kozmic")];
    let options = demo::Options::parse_from([&arguments[..], &kozmic].concat());
    let code = tokio::time::timeout(Duration::from_secs(60), demo::run(options)).await;
    let code = code.context("it waits for what cannot come")?;
    assert_eq!(format!("{code:?}"), format!("{:?}", ExitCode::FAILURE));
    Ok(())
}
