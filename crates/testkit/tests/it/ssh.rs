//! Git over SSH, with the real git and ssh commands.

use std::path::Path;
use std::process::Output;

use anyhow::{Context, Result, ensure};
use kozmic_testkit::github::{Commit, GitHub, NewRepository};
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::Command;

use crate::support::{call, client, github_of_anna};

/// A double with an SSH server and the private repository `anna/secret` of one commit.
async fn github_with_ssh() -> Result<GitHub> {
    let github = github_of_anna().await?;
    github.add_repository(NewRepository::private("anna/secret"))?;
    github.commit("anna/secret", "main", Commit::new("First").file("a", "1")).await?;
    github.start_ssh().await?;
    Ok(github)
}

/// Makes a key in the directory and registers it as a deploy key; gives its fingerprint.
async fn add_key(github: &GitHub, dir: &Path, repository: &str) -> Result<String> {
    let mut command = Command::new("ssh-keygen");
    let made = command.args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(dir.join("key")).output().await?;
    ensure!(made.status.success(), "ssh-keygen: {made:?}");
    let key = std::fs::read_to_string(dir.join("key.pub"))?;
    let body = json!({"title": "Kozmic", "key": key, "read_only": true});
    let path = format!("/repos/{repository}/keys");
    let response = call(github, &github.token("anna"), Method::POST, &path).json(&body).send().await?;
    assert_eq!(response.status(), 201);
    trust(github, dir).await?;
    Ok(github.deploy_keys(repository)[0].fingerprint())
}

/// Trusts the host keys that GitHub publishes.
async fn trust(github: &GitHub, dir: &Path) -> Result<()> {
    let meta: Value = client().get(format!("{}/meta", github.api_url())).send().await?.json().await?;
    let key = meta["ssh_keys"][0].as_str().context("a host key")?;
    let print = meta["ssh_key_fingerprints"]["SHA256_ED25519"].as_str().context("a fingerprint")?;
    assert_eq!(print.len(), 43);
    let url = url::Url::parse(&github.ssh_url("anna/secret"))?;
    let line = format!("[127.0.0.1]:{} {key}\n", url.port().context("a port")?);
    std::fs::write(dir.join("known_hosts"), line).context("write known_hosts")
}

async fn git(dir: &Path, args: &[&str]) -> Result<Output> {
    let here = dir.display();
    let ssh = format!(
        "ssh -F none -i {here}/key -o IdentitiesOnly=yes -o UserKnownHostsFile={here}/known_hosts \
         -o StrictHostKeyChecking=yes -o BatchMode=yes"
    );
    let mut command = Command::new("git");
    command.current_dir(dir).args(args).env("GIT_SSH_COMMAND", ssh).env("GIT_CONFIG_GLOBAL", "/dev/null");
    command.env("GIT_TRACE_PACKET", dir.join("trace")).output().await.context("run git")
}

fn complaint(output: &Output) -> String {
    assert!(!output.status.success());
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[tokio::test]
async fn a_deploy_key_fetches_its_repository_and_no_other() -> Result<()> {
    let (github, dir) = (github_with_ssh().await?, TempDir::new()?);
    let fingerprint = add_key(&github, dir.path(), "anna/secret").await?;
    let url = github.ssh_url("anna/secret");
    let shape: Value =
        call(&github, &github.token("anna"), Method::GET, "/repos/anna/secret").send().await?.json().await?;
    assert_eq!(shape["ssh_url"], url);
    let cloned = git(dir.path(), &["clone", "-q", &url, "here"]).await?;
    assert!(cloned.status.success(), "{cloned:?}");
    assert!(dir.path().join("here/a").exists());
    assert!(std::fs::read_to_string(dir.path().join("trace"))?.contains("version 2"));

    let other = git(dir.path(), &["ls-remote", &github.ssh_url("anna/hello")]).await?;
    assert!(complaint(&other).contains("ERROR: Repository not found."));
    let pushed = git(dir.path(), &["-C", "here", "push", "origin", "HEAD:refs/heads/new"]).await?;
    assert!(complaint(&pushed).contains("marked as read only"));
    let logins = github.ssh_logins();
    assert!(logins.iter().all(|one| one.fingerprint == fingerprint));
    let seen: Vec<_> =
        logins.iter().map(|one| (one.service.as_str(), one.repository.as_str(), one.admitted)).collect();
    let expected = [
        ("git-upload-pack", "anna/secret", true),
        ("git-upload-pack", "anna/hello", false),
        ("git-receive-pack", "anna/secret", false),
    ];
    assert_eq!(seen, expected);
    Ok(())
}

#[tokio::test]
async fn a_removed_key_opens_nothing_any_more() -> Result<()> {
    let (github, dir) = (github_with_ssh().await?, TempDir::new()?);
    add_key(&github, dir.path(), "anna/secret").await?;
    let url = github.ssh_url("anna/secret");
    assert!(git(dir.path(), &["ls-remote", &url]).await?.status.success());
    github.remove_deploy_key("anna/secret", github.deploy_keys("anna/secret")[0].id);
    assert!(
        complaint(&git(dir.path(), &["ls-remote", &url]).await?).contains("Permission denied (publickey)")
    );
    Ok(())
}

#[tokio::test]
async fn a_moved_repository_is_fetched_by_old_and_new_name() -> Result<()> {
    let (github, dir) = (github_with_ssh().await?, TempDir::new()?);
    add_key(&github, dir.path(), "anna/secret").await?;
    let old = github.ssh_url("anna/secret");
    github.rename_repository("anna/secret", "anna/Treasure").await?;
    for url in [old, github.ssh_url("anna/Treasure"), github.ssh_url("anna/treasure")] {
        let listed = git(dir.path(), &["ls-remote", &url]).await?;
        assert!(listed.status.success(), "{listed:?}");
    }
    Ok(())
}

#[tokio::test]
async fn another_host_key_is_noticed_until_it_is_trusted() -> Result<()> {
    let (github, dir) = (github_with_ssh().await?, TempDir::new()?);
    add_key(&github, dir.path(), "anna/secret").await?;
    let url = github.ssh_url("anna/secret");
    github.new_ssh_host_key().await?;
    assert_eq!(github.ssh_url("anna/secret"), url);
    assert!(
        complaint(&git(dir.path(), &["ls-remote", &url]).await?).contains("HOST IDENTIFICATION HAS CHANGED")
    );
    trust(&github, dir.path()).await?;
    assert!(git(dir.path(), &["ls-remote", &url]).await?.status.success());
    Ok(())
}

#[tokio::test]
async fn the_ssh_server_ends_with_the_double() -> Result<()> {
    let github = github_with_ssh().await?;
    let port = url::Url::parse(&github.ssh_url("anna/secret"))?.port().context("a port")?;
    let connect = || tokio::net::TcpStream::connect(("127.0.0.1", port));
    connect().await.context("somebody listens")?;
    assert!(github.start_ssh().await.is_err(), "there is one already");
    drop(github);
    let gone = async { while connect().await.is_ok() {} };
    tokio::time::timeout(crate::support::LIMIT, gone).await.context("it still listens")
}
