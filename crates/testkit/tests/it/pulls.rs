//! Pull requests, from the same repository and from a fork.

use anyhow::{Context, Result};
use axum::http::StatusCode;
use kozmic_testkit::github::{Commit, NewPull};
use serde_json::json;
use tempfile::TempDir;

use crate::hooks::{add_hook, receiver};
use crate::support::{git_ok, github_of_anna};

#[tokio::test]
async fn a_pull_request_from_a_fork_is_fetched_from_the_base() -> Result<()> {
    let github = github_of_anna().await?;
    github.add_user("bob", "Bob", "bob@example.com");
    let (url, _received) = receiver(StatusCode::OK).await?;
    add_hook(&github, "anna/hello", &url).await?;
    let fork = github.fork("anna/hello", "bob").await?;
    let sha = github.commit(&fork, "topic", Commit::new("Topic").onto(&main_of(&github).await?)).await?;
    let opened =
        github.open_pull_request(NewPull::new("anna/hello", "topic", "A topic").from_fork(&fork)).await?;

    let payload = opened.deliveries.first().context("a delivery")?.payload();
    assert_eq!((&payload["action"], &payload["number"]), (&json!("opened"), &json!(1)));
    let pull = &payload["pull_request"];
    assert_eq!((&pull["head"]["sha"], &pull["head"]["ref"]), (&json!(sha), &json!("topic")));
    assert_eq!(pull["head"]["repo"]["full_name"], "bob/hello");
    assert_eq!(pull["head"]["repo"]["fork"], true);
    assert_eq!((&pull["head"]["label"], &pull["base"]["ref"]), (&json!("bob:topic"), &json!("main")));
    assert_eq!((&pull["user"]["login"], &pull["title"]), (&json!("bob"), &json!("A topic")));

    let dir = TempDir::new()?;
    git_ok(dir.path(), &["init", "-q", "--bare"]).await?;
    git_ok(dir.path(), &["fetch", "-q", &github.clone_url("anna/hello"), "refs/pull/1/head"]).await?;
    assert_eq!(git_ok(dir.path(), &["rev-parse", "FETCH_HEAD"]).await?, sha);
    Ok(())
}

#[tokio::test]
async fn a_push_to_the_head_of_a_pull_request_delivers_both_events() -> Result<()> {
    let github = github_of_anna().await?;
    let (url, _received) = receiver(StatusCode::OK).await?;
    add_hook(&github, "anna/hello", &url).await?;
    let first = main_of(&github).await?;
    github.push_commit("anna/hello", "topic", Commit::new("One").onto(&first)).await?;
    let opened = github.open_pull_request(NewPull::new("anna/hello", "topic", "T").body("[ci skip]")).await?;
    assert_eq!(opened.deliveries[0].payload()["pull_request"]["body"], "[ci skip]");
    let pushed = github.push_commit("anna/hello", "topic", Commit::new("Two")).await?;
    let events: Vec<_> = pushed.deliveries.iter().map(|one| one.event.as_str()).collect();
    assert_eq!(events, ["push", "pull_request"]);
    let synchronize = pushed.deliveries[1].payload();
    assert_eq!(synchronize["action"], "synchronize");
    assert_eq!((&synchronize["before"], &synchronize["after"]), (&json!(opened.sha), &json!(pushed.sha)));
    Ok(())
}

#[tokio::test]
async fn a_pull_request_is_edited_closed_and_opened_again() -> Result<()> {
    let github = github_of_anna().await?;
    let (url, _received) = receiver(StatusCode::OK).await?;
    add_hook(&github, "anna/hello", &url).await?;
    github.commit("anna/hello", "topic", Commit::new("One").onto(&main_of(&github).await?)).await?;
    let number = github.open_pull_request(NewPull::new("anna/hello", "topic", "T")).await?.number;
    let edited = github.edit_pull_request("anna/hello", number, "New", "Text").await?;
    assert_eq!(edited.deliveries[0].payload()["changes"]["title"]["from"], "T");
    let closed = github.close_pull_request("anna/hello", number).await?;
    assert_eq!(closed.deliveries[0].payload()["pull_request"]["state"], "closed");
    let sha = github.commit("anna/hello", "topic", Commit::new("Two")).await?;
    let reopened = github.reopen_pull_request("anna/hello", number).await?;
    assert_eq!(reopened.sha, sha);
    assert_eq!(reopened.deliveries[0].payload()["action"], "reopened");
    Ok(())
}

#[tokio::test]
async fn a_draft_becomes_ready_and_asks_for_another_branch() -> Result<()> {
    let github = github_of_anna().await?;
    let (url, _received) = receiver(StatusCode::OK).await?;
    add_hook(&github, "anna/hello", &url).await?;
    let main = main_of(&github).await?;
    github.commit("anna/hello", "topic", Commit::new("One").onto(&main)).await?;
    github.set_branch("anna/hello", "stable", &main).await?;
    let opened = github.open_pull_request(NewPull::new("anna/hello", "topic", "T").draft()).await?;
    let payload = opened.deliveries[0].payload();
    assert_eq!((&payload["action"], &payload["pull_request"]["draft"]), (&json!("opened"), &json!(true)));
    let ready = github.ready_for_review("anna/hello", opened.number).await?.deliveries[0].payload();
    assert_eq!(
        (&ready["action"], &ready["pull_request"]["draft"]),
        (&json!("ready_for_review"), &json!(false))
    );
    let edited = github.retarget_pull_request("anna/hello", opened.number, "stable").await?;
    let edited = edited.deliveries[0].payload();
    assert_eq!(
        (&edited["action"], &edited["changes"]["base"]["ref"]["from"]),
        (&json!("edited"), &json!("main"))
    );
    assert_eq!(edited["pull_request"]["base"]["ref"], "stable");
    Ok(())
}

async fn main_of(github: &kozmic_testkit::github::GitHub) -> Result<String> {
    github.head("anna/hello", "main").await.context("a head")
}
