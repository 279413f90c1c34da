//! Git over HTTP, with the real git command.

use anyhow::{Context, Result};
use axum::http::StatusCode;
use kozmic_testkit::github::{Area, Commit, NewRepository, Permission};
use tempfile::TempDir;

use crate::hooks::{add_hook, receiver};
use crate::support::{LIMIT, git, git_ok, github_of_anna};

#[tokio::test]
async fn a_public_repository_is_cloned_without_a_token() -> Result<()> {
    let github = github_of_anna().await?;
    let script = "#!/bin/bash\necho hi\n";
    let sha = github.commit("anna/hello", "main", Commit::new("Script").file("run.sh", script)).await?;
    let dir = TempDir::new()?;
    git_ok(dir.path(), &["clone", "-q", &github.clone_url("anna/hello"), "here"]).await?;
    let here = dir.path().join("here");
    assert_eq!(git_ok(&here, &["rev-parse", "HEAD"]).await?, sha);
    assert_eq!(git_ok(&here, &["rev-list", "--count", "HEAD"]).await?, "2");
    assert_eq!(git_ok(&here, &["ls-files", "-s", "run.sh"]).await?.split(' ').next(), Some("100755"));
    assert!(github.requests().iter().any(|one| one.area == Area::Git && one.status == Some(200)));
    github.assert_no_wrong_calls();
    Ok(())
}

#[tokio::test]
async fn one_commit_is_fetched_by_its_id_after_the_branch_has_moved_on() -> Result<()> {
    let github = github_of_anna().await?;
    let first = github.head("anna/hello", "main").await.context("a head")?;
    let lone = github.commit("anna/hello", "main", Commit::new("Lone").file("a", "1")).await?;
    github.commit("anna/hello", "main", Commit::new("Instead").onto(&first)).await?;
    let dir = TempDir::new()?;
    git_ok(dir.path(), &["init", "-q", "--bare"]).await?;
    git_ok(dir.path(), &["fetch", "-q", "--depth=1", &github.clone_url("anna/hello"), &lone]).await?;
    git_ok(dir.path(), &["cat-file", "-e", &lone]).await?;
    Ok(())
}

#[tokio::test]
async fn a_private_repository_wants_a_token_that_may() -> Result<()> {
    let github = github_of_anna().await?;
    github.add_user("bob", "Bob", "bob@example.com");
    github.add_user("eve", "Eve", "eve@example.com");
    github.add_repository(NewRepository::private("anna/secret").allow("bob", Permission::Pull))?;
    github.commit("anna/secret", "main", Commit::new("First").file("a", "1")).await?;
    let dir = TempDir::new()?;
    let ls = async |url: String| git(dir.path(), &["ls-remote", &url]).await;
    assert!(!ls(github.clone_url("anna/secret")).await?.status.success());
    assert!(!ls(github.clone_url_as("eve", "anna/secret")).await?.status.success());
    assert!(ls(github.clone_url_as("bob", "anna/secret")).await?.status.success());
    let host = github.url().replace("http://", "");
    let other_name = format!("http://x-access-token:{}@{host}/anna/secret.git", github.token("anna"));
    assert!(ls(other_name).await?.status.success());
    assert!(!ls(format!("http://x:gho_wrong@{host}/anna/secret.git")).await?.status.success());
    github.assert_no_wrong_calls();
    Ok(())
}

#[tokio::test]
async fn a_push_over_http_sets_off_a_delivery() -> Result<()> {
    let github = github_of_anna().await?;
    let (url, _received) = receiver(StatusCode::OK).await?;
    add_hook(&github, "anna/hello", &url).await?;
    let before = github.head("anna/hello", "main").await.context("a head")?;
    let dir = TempDir::new()?;
    git_ok(dir.path(), &["clone", "-q", &github.clone_url_as("anna", "anna/hello"), "."]).await?;
    std::fs::write(dir.path().join("big"), "x".repeat(3_000_000))?;
    git_ok(dir.path(), &["add", "."]).await?;
    git_ok(dir.path(), &["commit", "-q", "-m", "By hand"]).await?;
    git_ok(dir.path(), &["push", "-q", "origin", "HEAD:main", "HEAD:topic"]).await?;
    let sha = git_ok(dir.path(), &["rev-parse", "HEAD"]).await?;

    for (name, expected) in [("refs/heads/main", before.as_str()), ("refs/heads/topic", &"0".repeat(40))] {
        let is_it =
            |one: &kozmic_testkit::github::Delivery| one.event == "push" && one.payload()["ref"] == name;
        let delivery = github.wait_for_delivery(LIMIT, is_it).await.context("a delivery")?;
        let payload = delivery.payload();
        assert_eq!(
            (payload["before"].as_str(), payload["after"].as_str()),
            (Some(expected), Some(sha.as_str()))
        );
    }
    let stranger = git(dir.path(), &["push", &github.clone_url("anna/hello"), "HEAD:x"]).await?;
    assert!(!stranger.status.success());
    github.assert_no_wrong_calls();
    Ok(())
}
