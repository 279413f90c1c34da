//! The program's resources on its machine: files for itself alone, as many open files as the machine allows, and a git
//! without ways in for others.

use crate::world::{github, options};
use anyhow::{Context, Result};
use kozmic_testkit::server::Server;
use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::Path,
    time::Duration,
};

const LIMIT: Duration = Duration::from_secs(30);

fn set(path: &Path, mode: u32) -> Result<()> {
    fs::set_permissions(path, Permissions::from_mode(mode))
        .with_context(|| format!("chmod {}", path.display()))
}

fn mode(path: &Path) -> Result<u32> {
    Ok(fs::metadata(path).with_context(|| path.display().to_string())?.permissions().mode() & 0o777)
}

/// The line of `kozmic check` about something.
async fn line(server: &Server, about: &str) -> Result<String> {
    let words = String::from_utf8(server.run(&["check"]).await?.stdout)?;
    let line = words.lines().find(|line| line.contains(&format!(" {about}: "))).map(str::to_owned);
    line.with_context(|| words)
}

/// A line of what the system says of a process.
fn of_process(server: &Server, file: &str, start: &str) -> Result<String> {
    let path = format!("/proc/{}/{file}", server.pid().context("it runs")?);
    let text = fs::read_to_string(path)?;
    text.lines().find(|line| line.starts_with(start)).map(str::to_owned).context(text)
}

#[tokio::test]
async fn what_an_older_version_left_open_is_told_and_closed() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let github = github().await?;
    let mut server = Server::start(options(&github).data_dir(dir.path())).await?;
    assert!(server.terminate().await?.success());
    let kept = ["kozmic.db", "secret_key", "instance", "logs", "mirrors", "mirrors/ssh"]
        .map(|name| dir.path().join(name));
    for path in &kept {
        set(path, if path.is_dir() { 0o755 } else { 0o644 })?;
    }
    fs::write(dir.path().join("backup.db"), "")?;
    set(&dir.path().join("backup.db"), 0o664)?;
    set(dir.path(), 0o755)?;
    let told = line(&server, "at rest").await?;
    assert!(
        told.starts_with("note") && told.contains("kozmic.db (644)") && told.contains("logs (755)"),
        "{told}"
    );
    server.restart().await?;
    for name in
        ["kozmic.db", "kozmic.db-wal", "kozmic.db-shm", "secret_key", "instance", "runner", "backup.db"]
    {
        assert_eq!(mode(&dir.path().join(name))?, 0o600, "{name}");
    }
    assert_eq!((mode(&dir.path().join("logs"))?, mode(&dir.path().join("mirrors"))?), (0o700, 0o700));
    assert_eq!(mode(dir.path())?, 0o755, "whoever made it may have had a reason");
    assert!(of_process(&server, "status", "Umask:")?.ends_with("0077"));
    let told = line(&server, "at rest").await?;
    assert!(!told.contains("kozmic.db") && told.contains("names of the files"), "{told}");
    set(dir.path(), 0o700)?;
    let told = line(&server, "at rest").await?;
    assert!(told.starts_with("ok"), "{told}");
    Ok(())
}

#[tokio::test]
async fn secrets_that_everybody_may_read_are_told() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let secret = dir.path().join("client-secret");
    let github = github().await?;
    fs::write(&secret, github.client_secret())?;
    set(&secret, 0o644)?;
    let options = options(&github).env("KOZMIC_GITHUB_CLIENT_SECRET_FILE", &secret.display().to_string());
    let server = Server::start(options.without_env("KOZMIC_GITHUB_CLIENT_SECRET")).await?;
    let told = line(&server, "at rest").await?;
    assert!(told.starts_with("note") && told.contains(&format!("{} (644)", secret.display())), "{told}");
    set(&secret, 0o640)?;
    let told = line(&server, "at rest").await?;
    assert!(told.starts_with("ok"), "a group may have been given it: {told}");
    Ok(())
}

#[tokio::test]
async fn the_soft_limit_of_open_files_is_raised() -> Result<()> {
    let server = Server::start(options(&github().await?)).await?;
    let limits = of_process(&server, "limits", "Max open files")?;
    // Max open files, soft, hard, unit; what is no number is without limit.
    let numbers = limits.split_whitespace().skip(3).map(|word| word.parse().unwrap_or(u64::MAX));
    let [soft, hard, _] = numbers.collect::<Vec<_>>()[..] else { anyhow::bail!("{limits}") };
    assert!(soft >= hard.min(65_536), "{limits}");
    let told = line(&server, "connections").await?;
    assert!(told.starts_with("ok") && told.contains(" at most") && told.contains("of one client"), "{told}");
    Ok(())
}

#[tokio::test]
async fn a_git_that_lets_others_in_is_refused_with_the_reason() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let git = dir.path().join("git");
    fs::write(&git, "#!/bin/sh\necho git version 2.34.1\n")?;
    set(&git, 0o755)?;
    let path = format!("{}:{}", dir.path().display(), std::env::var("PATH").unwrap_or_default());
    let github = github().await?;
    let mut server = Server::launch(options(&github).env("PATH", &path).quiet())?;
    let ended = server.wait_exit(LIMIT).await?;
    let words = server.output();
    assert_eq!(ended.code(), Some(1), "{words}");
    let reason = "git version 2.34.1 is too old, 2.39.1 or newer is needed";
    assert!(words.contains(reason) && words.contains("CVE-2022-41903"), "{words}");
    let told = line(&server, "git").await?;
    assert!(told.starts_with("FAIL") && told.contains(reason), "{told}");
    Ok(())
}

#[tokio::test]
async fn check_tells_how_long_what_is_over_is_kept() -> Result<()> {
    let github = github().await?;
    let server = Server::start(options(&github)).await?;
    let told = line(&server, "kept").await?;
    assert!(
        told.ends_with("failed deliveries 90 days, logs for ever, earlier attempts of jobs for ever"),
        "{told}"
    );
    let days = [("KOZMIC_LOGS_KEPT_DAYS", "30"), ("KOZMIC_FAILED_DELIVERIES_KEPT_DAYS", "none")];
    let words = String::from_utf8(server.run_with(&["check"], &days).await?.stdout)?;
    assert!(words.contains("failed deliveries for ever, logs 30 days, earlier attempts"), "{words}");
    Ok(())
}
