//! The order of a pull request's commits if it is closed, opened again or moved back, or if deliveries come late.

use super::{SCRIPT, Story};
use crate::world::REPOSITORY;
use anyhow::Result;
use kozmic_testkit::github::{Commit, NewPull, State};

/// The first pull request in an address.
const PULL: &str = "%231";

/// A fork of Eve's with a branch, and a pull request for it; its number.
async fn opened(story: &Story, message: &str) -> Result<(String, u64, String)> {
    let github = &story.world.github;
    story.world.build_forks().await?;
    let fork = github.fork(REPOSITORY, "eve").await?;
    let sha = github.commit(&fork, "topic", Commit::new(message).file("file", message)).await?;
    let pull = NewPull::new(REPOSITORY, "topic", "Topic").from_fork(&fork).by("eve");
    Ok((fork, github.open_pull_request(pull).await?.number, sha))
}

#[tokio::test]
async fn a_pull_request_is_where_it_was_moved_last_though_it_was_closed_between() -> Result<()> {
    let story = Story::new(SCRIPT, &[]).await?;
    let github = &story.world.github;
    let (fork, number, good) = opened(&story, "good").await?;
    story.ends(PULL, &good, "success").await?;
    let bad = github.commit(&fork, "topic", Commit::new("bad").file("file", "bad")).await?;
    github.synchronize(REPOSITORY, number).await?;
    story.ends(PULL, &bad, "failure").await?;
    github.close_pull_request(REPOSITORY, number).await?;
    github.reopen_pull_request(REPOSITORY, number).await?;
    assert!(story.is_latest(PULL, &bad).await?);

    github.set_branch(&fork, "topic", &good).await?;
    github.synchronize(REPOSITORY, number).await?;
    story.ends(PULL, &good, "success").await?;
    github.close_pull_request(REPOSITORY, number).await?;
    github.set_branch(&fork, "topic", &bad).await?;
    github.reopen_pull_request(REPOSITORY, number).await?;
    story.ends(PULL, &bad, "failure").await?;
    let history = story.world.page("history/").await?;
    assert!(history.contains("#3") && !history.contains("#4"), "a commit is built once: {history}");
    story.world.end().await
}

#[tokio::test]
async fn a_commit_of_a_pull_request_that_is_told_late_is_built_and_not_its_latest() -> Result<()> {
    let story = Story::new(SCRIPT, &[]).await?;
    let github = &story.world.github;
    let (fork, number, good) = opened(&story, "good").await?;
    story.ends(PULL, &good, "success").await?;
    let deaf = story.deafen().await?;
    let bad = github.commit(&fork, "topic", Commit::new("bad").file("file", "bad")).await?;
    let lost = github.synchronize(REPOSITORY, number).await?;
    story.hear(&deaf).await?;
    let last = github.commit(&fork, "topic", Commit::new("good again").file("file", "good again")).await?;
    github.synchronize(REPOSITORY, number).await?;
    story.ends(PULL, &last, "success").await?;
    story.again(&lost.deliveries).await?;
    story.world.status(&bad, State::Failure).await?;
    assert!(story.is_latest(PULL, &last).await?);
    story.again(&lost.deliveries).await?;
    assert!(story.is_latest(PULL, &last).await?);
    story.world.end().await
}
