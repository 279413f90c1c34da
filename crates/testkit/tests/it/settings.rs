//! An admin's changes on GitHub's pages: names, owners, privacy, the default branch.

use anyhow::{Context, Result};
use axum::http::StatusCode;
use kozmic_testkit::github::{Commit, Delivery, GitHub, NewPull, NewRepository, Permission};
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::hooks::{add_hook_for, receiver};
use crate::support::{call, git, git_ok, github_of_anna};

/// Anna's double with a webhook of `anna/hello` for `repository` only; gives the webhook's id.
async fn with_hook() -> Result<(GitHub, u64)> {
    let github = github_of_anna().await?;
    github.add_user("bert", "Bert", "bert@example.com");
    let (url, received) = receiver(StatusCode::OK).await?;
    tokio::spawn(async move {
        let mut received = received;
        while received.recv().await.is_some() {}
    });
    let hook = add_hook_for(&github, "anna", "anna/hello", &url, &["repository"]).await?;
    Ok((github, hook))
}

fn payload(deliveries: &[Delivery]) -> Value {
    assert!(deliveries.iter().all(|one| one.event == "repository" && one.arrived()), "{deliveries:?}");
    deliveries.first().map(Delivery::payload).unwrap_or_default()
}

#[tokio::test]
async fn a_renamed_repository_keeps_its_id_and_its_old_addresses_lead_on() -> Result<()> {
    let (github, hook) = with_hook().await?;
    let id = github.repository("anna/hello").context("a repository")?.id;
    let renamed = payload(&github.rename_repository("anna/hello", "anna/world").await?);
    assert_eq!((&renamed["action"], &renamed["repository"]["id"]), (&json!("renamed"), &json!(id)));
    assert_eq!(renamed["changes"]["repository"]["name"]["from"], "hello");
    assert_eq!(renamed["repository"]["full_name"], "anna/world");
    assert_eq!(github.hooks("anna/world")[0].id, hook);

    let token = github.token("anna");
    let old = call(&github, &token, Method::GET, "/repos/anna/hello/hooks?per_page=5").send().await?;
    assert_eq!(old.status(), 301);
    let new = format!("/repositories/{id}/hooks?per_page=5");
    assert_eq!(old.headers()["location"], format!("{}{new}", github.api_url()));
    assert_eq!(old.json::<Value>().await?["message"], "Moved Permanently");
    let hooks: Value = call(&github, &token, Method::GET, &new).send().await?.json().await?;
    assert_eq!(hooks[0]["id"], hook);
    let sha = github.head("anna/world", "main").await.context("a head")?;
    let path = format!("/repos/anna/hello/statuses/{sha}");
    let body = json!({"state": "success"});
    assert_eq!(call(&github, &token, Method::POST, &path).json(&body).send().await?.status(), 307);
    let path = format!("/repositories/{id}/statuses/{sha}");
    assert_eq!(call(&github, &token, Method::POST, &path).json(&body).send().await?.status(), 201);
    github.assert_no_wrong_calls();
    Ok(())
}

#[tokio::test]
async fn git_goes_on_at_the_old_address_until_somebody_else_takes_the_name() -> Result<()> {
    let (github, _) = with_hook().await?;
    let (old, dir) = (github.clone_url_as("anna", "anna/hello"), TempDir::new()?);
    github.rename_repository("anna/hello", "anna/world").await?;
    git_ok(dir.path(), &["clone", "-q", &old, "."]).await?;
    git_ok(dir.path(), &["commit", "-q", "--allow-empty", "-m", "More"]).await?;
    git_ok(dir.path(), &["push", "-q", &old, "HEAD:main"]).await?;
    let sha = git_ok(dir.path(), &["rev-parse", "HEAD"]).await?;
    assert_eq!(github.head("anna/world", "main").await.as_deref(), Some(sha.as_str()));

    github.add_repository(NewRepository::public("anna/hello"))?;
    assert_eq!(git_ok(dir.path(), &["ls-remote", &old]).await?, "");
    assert_eq!(github.head("anna/world", "main").await.as_deref(), Some(sha.as_str()));
    Ok(())
}

#[tokio::test]
async fn a_transferred_repository_has_another_owner_and_the_old_one_may_write() -> Result<()> {
    let (github, hook) = with_hook().await?;
    github.commit("anna/hello", "topic", Commit::new("One").file("b", "2")).await?;
    let number = github.open_pull_request(NewPull::new("anna/hello", "topic", "T")).await?.number;
    let told = payload(&github.transfer_repository("anna/hello", "bert").await?);
    assert_eq!((&told["action"], &told["sender"]["login"]), (&json!("transferred"), &json!("bert")));
    assert_eq!(told["changes"]["owner"]["from"]["user"]["login"], "anna");
    assert_eq!(github.permission_of("bert/hello", "bert"), Some(Permission::Admin));
    assert_eq!(github.permission_of("bert/hello", "anna"), Some(Permission::Push));
    assert_eq!(github.hooks("bert/hello")[0].id, hook);
    let closed = github.close_pull_request("bert/hello", number).await?;
    assert_eq!(closed.number, number);

    github.add_organization("orbit", &["bert"]);
    github.transfer_repository("bert/hello", "orbit").await?;
    for old in ["anna/hello", "bert/hello"] {
        assert_eq!(github.repository(old).map(|one| one.full_name()).as_deref(), Some("orbit/hello"));
    }
    assert_eq!(github.permission_of("orbit/hello", "bert"), Some(Permission::Push));
    assert!(github.transfer_repository("orbit/hello", "nobody").await.is_err());
    Ok(())
}

#[tokio::test]
async fn privacy_and_the_default_branch_change_at_once() -> Result<()> {
    let (github, _) = with_hook().await?;
    let dir = TempDir::new()?;
    let url = github.clone_url("anna/hello");
    let private = payload(&github.set_private("anna/hello", true).await?);
    assert_eq!((&private["action"], &private["repository"]["private"]), (&json!("privatized"), &json!(true)));
    assert!(!git(dir.path(), &["ls-remote", &url]).await?.status.success());
    let bert = github.token("bert");
    assert_eq!(call(&github, &bert, Method::GET, "/repos/anna/hello").send().await?.status(), 404);
    assert_eq!(payload(&github.set_private("anna/hello", false).await?)["action"], "publicized");

    github.commit("anna/hello", "trunk", Commit::new("Trunk").file("a", "1")).await?;
    let edited = payload(&github.set_default_branch("anna/hello", "trunk").await?);
    assert_eq!(
        (&edited["action"], &edited["repository"]["default_branch"]),
        (&json!("edited"), &json!("trunk"))
    );
    assert_eq!(edited["changes"]["default_branch"]["from"], "main");
    git_ok(dir.path(), &["clone", "-q", &url, "."]).await?;
    assert_eq!(git_ok(dir.path(), &["branch", "--show-current"]).await?, "trunk");
    Ok(())
}
