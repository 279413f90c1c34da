//! One commit on several refs: GitHub shows the worst result of the refs that still exist.

use super::Story;
use crate::world::{GATE, LIMIT, REPOSITORY};
use anyhow::{Context, Result};
use kozmic_testkit::{
    github::{Commit, NewPull, State},
    person::Build,
};

/// Fails on the branch `bad` until it runs once more, and on pull requests; waits on `slow`.
const BY_REF: &str = "case $KOZMIC_REF_NAME in bad) [ $KOZMIC_ATTEMPT = 2 ];; slow*) GATE;; *) [ -z $KOZMIC_PULL_REQUEST ];; esac";

/// Waits until GitHub shows this state beside a commit, in these words.
async fn shows(story: &Story, sha: &str, state: State, words: &str) -> Result<()> {
    let github = &story.world.github;
    let shown = async {
        let mut last = 0;
        loop {
            let newest = github.statuses(REPOSITORY, sha).pop();
            if newest.as_ref().is_some_and(|one| {
                one.state == state && one.description.as_deref().is_some_and(|line| line.contains(words))
            }) {
                return anyhow::Ok(());
            }
            last = github.next_status(last, LIMIT).await.context("no more statuses")?.1.id;
        }
    };
    let all = || github.statuses(REPOSITORY, sha);
    tokio::time::timeout(LIMIT, shown).await.with_context(|| format!("{state:?}, {words}: {:?}", all()))?
}

impl Story {
    /// Points a branch at a commit, and tells of it.
    async fn put(&self, branch: &str, sha: &str) -> Result<()> {
        self.world.github.set_branch(REPOSITORY, branch, sha).await?;
        self.world.github.push(REPOSITORY, branch).await.map(drop)
    }
}

#[tokio::test]
async fn a_commit_is_as_bad_as_on_the_worst_of_the_refs_that_are_there() -> Result<()> {
    let story = Story::new(&BY_REF.replace("GATE", GATE), &[]).await?;
    let (world, github) = (&story.world, &story.world.github);
    let sha = github.head(REPOSITORY, "main").await.context("a head")?;
    story.put("bad", &sha).await?;
    shows(&story, &sha, State::Failure, "#2 has failed").await?;
    story.put("good", &sha).await?;
    story.ends("good", &sha, "success").await?;

    // A pull request of the same commit, which fails there, too.
    story.world.build_forks().await?;
    let fork = github.fork(REPOSITORY, "eve").await?;
    github.set_branch(&fork, "topic", &sha).await?;
    let pull = NewPull::new(REPOSITORY, "topic", "Topic").from_fork(&fork).by("eve");
    let number = github.open_pull_request(pull).await?.number;
    story.ends("%231", &sha, "failure").await?;

    // Of two that failed, one is gone.
    github.delete_branch(REPOSITORY, "bad").await?;
    shows(&story, &sha, State::Failure, "#4 has failed").await?;
    github.close_pull_request(REPOSITORY, number).await?;
    shows(&story, &sha, State::Success, "has passed").await?;
    github.reopen_pull_request(REPOSITORY, number).await?;
    shows(&story, &sha, State::Failure, "#4 has failed").await?;
    github.close_pull_request(REPOSITORY, number).await?;
    shows(&story, &sha, State::Success, "has passed").await?;

    // A branch that is there again counts again; run once more by hand, it is well.
    story.put("bad", &sha).await?;
    shows(&story, &sha, State::Failure, "#2 has failed").await?;
    let status = github.statuses(REPOSITORY, &sha).pop().context("a status")?;
    let page = story.page_of(&status)?;
    let build = page.trim_end_matches('/').rsplit('/').next().context("a build's number")?.parse()?;
    let job = world.anna.build(world.project, build).await?.job()?;
    let restart = format!("/projects/{}/jobs/{job}/restart/", world.project);
    world.anna.post_form(&page, &restart, &[]).await?.ensure_ok()?;
    shows(&story, &sha, State::Success, "has passed").await?;
    story.world.end().await
}

#[tokio::test]
async fn a_commit_that_waits_on_one_branch_is_pending_until_a_newer_push_cancels_it_there() -> Result<()> {
    let settings = [("KOZMIC_RUNNER_CONCURRENCY", "1")];
    let story = Story::new(&BY_REF.replace("GATE", GATE), &settings).await?;
    let (world, github) = (&story.world, &story.world.github);
    let sha = github.head(REPOSITORY, "main").await.context("a head")?;
    github.commit(REPOSITORY, "slow", Commit::new("Hold").file("file", "hold")).await?;
    github.push(REPOSITORY, "slow").await?;
    let is_running = |build: &Build| build.build == 2 && build.status == "pending";
    let holds = world.anna.wait_for_build(world.project, LIMIT, is_running).await?;
    story.put("other", &sha).await?;
    shows(&story, &sha, State::Pending, "#3 is pending").await?;
    let newer = github.push_commit(REPOSITORY, "other", Commit::new("Newer").file("file", "newer")).await?;
    shows(&story, &sha, State::Success, "#1 has passed").await?;
    let mut live = world.anna.live(world.project, holds.job()?, 0).await?;
    while world.container().await.is_err() {}
    world.open_gate().await?;
    live.read_to_end(LIMIT).await?;
    world.status(&newer.sha, State::Success).await?;
    // Back there, it runs.
    story.put("other", &sha).await?;
    story.ends("other", &sha, "success").await?;
    shows(&story, &sha, State::Success, "has passed").await?;
    story.world.end().await
}
