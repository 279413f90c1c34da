//! The program on the command line: its errors, its exit codes, and `kozmic check`.

use crate::world::{github, options};
use anyhow::Result;
use kozmic_testkit::server::Server;
use std::{
    fs::{self, Permissions},
    net::TcpListener,
    os::unix::fs::PermissionsExt,
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
async fn check_says_what_is_reachable_and_what_is_not() -> Result<()> {
    let github = github().await?;
    let server = Server::start(options(&github)).await?;
    let well = server.run(&["check"]).await?;
    let words = String::from_utf8_lossy(&well.stdout).into_owned();
    assert!(well.status.success(), "{words}");
    assert_eq!(words.lines().filter(|line| line.starts_with("ok ")).count(), 7, "{words}");
    drop(server);
    let away = options(&github).env("KOZMIC_DOCKER_URL", "unix:///nowhere/docker.sock");
    let away = Server::start(away.env("KOZMIC_GITHUB_API_URL", "http://127.0.0.1:9/api/v3")).await?;
    let ill = away.run(&["check"]).await?;
    let words = String::from_utf8_lossy(&ill.stdout).into_owned();
    assert_eq!(ill.status.code(), Some(1));
    let faults = words.lines().filter(|line| line.starts_with("FAIL")).collect::<Vec<_>>();
    assert!(
        faults.len() == 2 && faults[0].contains("/nowhere/docker.sock") && faults[1].contains("GitHub"),
        "{words}"
    );
    Ok(())
}
