//! The newest push of a branch is found in whatever order deliveries come. GitHub shows right statuses for commits that
//! are on several branches, or that were not built for good reasons.

mod doubts;
mod late;
mod pulls;
mod refs;

use crate::world::{GATE, LIMIT, REPOSITORY, World};
use anyhow::{Context, Result};
use kozmic_testkit::{
    github::{Commit, Delivery, NewPull, State, Status},
    person::Build,
};
use serde_json::{Value, json};
use std::time::{SystemTime, UNIX_EPOCH};

const NOWHERE: &str = "0000000000000000000000000000000000000000";

/// Fails where the file is bad.
const SCRIPT: &str = "! grep -q bad file";

struct Story {
    world: World,
    /// The payload of a push, as GitHub sends it.
    template: Value,
    second: u64,
}

impl Story {
    async fn new(script: &str, settings: &[(&str, &str)]) -> Result<Self> {
        let world = World::with(settings).await?;
        world.hook(script).await?;
        let first = world.push("Begin").await?;
        world.status(&first.sha, State::Success).await?;
        let template = first.deliveries.first().context("a delivery")?.payload();
        let second = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        Ok(Self { world, template, second })
    }

    /// A commit that nobody hears of, on top of another one.
    async fn commit(&self, message: &str, onto: &str) -> Result<String> {
        let commit = Commit::new(message).file("file", message).onto(onto);
        self.world.github.commit(REPOSITORY, "made", commit).await
    }

    /// Delivers a push of a branch so many seconds after the first one.
    async fn tell(&self, branch: &str, (before, after): (&str, &str), second: u64) -> Result<()> {
        let mut payload = self.template.clone();
        payload["ref"] = json!(format!("refs/heads/{branch}"));
        (payload["before"], payload["after"]) = (json!(before), json!(after));
        (payload["created"], payload["deleted"]) = (json!(before == NOWHERE), json!(after == NOWHERE));
        payload["repository"]["pushed_at"] = json!(self.second + second);
        payload["head_commit"]["id"] = json!(after);
        payload["commits"] = json!([]);
        for delivery in self.world.github.deliver(REPOSITORY, "push", &payload).await? {
            anyhow::ensure!(delivery.arrived(), "{delivery:?}");
        }
        Ok(())
    }

    /// Points a branch there, without telling anybody.
    async fn set(&self, branch: &str, sha: &str) -> Result<()> {
        self.world.github.set_branch(REPOSITORY, branch, sha).await?;
        self.world.github.push_silently(REPOSITORY, branch).await
    }

    /// Whether the page of a branch's latest build is that of this commit, now.
    async fn is_latest(&self, branch: &str, sha: &str) -> Result<bool> {
        let page = self.world.page(&format!("builds/latest/?ref={branch}")).await?;
        Ok(page.contains(&sha[..10]))
    }

    /// Waits until a branch's latest build is of this commit and has ended.
    async fn ends(&self, branch: &str, sha: &str, status: &str) -> Result<()> {
        let path = format!("/projects/{}/builds/latest/?ref={branch}", self.world.project);
        let look = async {
            loop {
                let page = self.world.anna.get(&path).await?;
                let is_ended = page.attribute("main", "data-status").as_deref() == Some(status);
                if is_ended && page.body.contains(&sha[..10]) {
                    return anyhow::Ok(());
                }
                tokio::task::yield_now().await;
            }
        };
        let last = async || self.world.page(&format!("builds/latest/?ref={branch}")).await;
        match tokio::time::timeout(LIMIT, look).await {
            Ok(found) => found,
            Err(_) => anyhow::bail!("the latest of {branch} is not {sha}: {}", last().await?),
        }
    }

    /// Has GitHub deliver to nowhere; gives each webhook's number and its address.
    async fn deafen(&self) -> Result<Vec<(u64, String)>> {
        let hooks = self.world.github.hooks(REPOSITORY).into_iter();
        hooks.map(|hook| Ok((hook.id, self.deafen_hook(hook.id)?))).collect()
    }

    /// The same for one webhook; gives its address.
    fn deafen_hook(&self, id: u64) -> Result<String> {
        let mut address = String::new();
        self.world.github.change_hook(REPOSITORY, id, |hook| {
            address.clone_from(&hook.url);
            hook.url.push_str("nowhere/");
        })?;
        Ok(address)
    }

    async fn hear(&self, hooks: &[(u64, String)]) -> Result<()> {
        for (id, address) in hooks {
            self.world.github.change_hook(REPOSITORY, *id, |hook| hook.url.clone_from(address))?;
        }
        Ok(())
    }

    /// Has deliveries sent once more, as from GitHub's page.
    async fn again(&self, deliveries: &[Delivery]) -> Result<()> {
        anyhow::ensure!(!deliveries.is_empty(), "something is to be sent again");
        for delivery in deliveries {
            let again = self.world.github.redeliver(delivery).await?;
            anyhow::ensure!(again.arrived(), "{again:?}");
        }
        Ok(())
    }

    /// The path of the page that a commit status leads to.
    fn page_of(&self, status: &Status) -> Result<String> {
        let url = status.target_url.as_deref().context("the status has an address")?;
        Ok(url.strip_prefix(&self.world.server.url()).context("the address is the server's")?.to_owned())
    }

    /// Waits until a job of this title has ended in the build of a commit.
    async fn ran(&self, sha: &str, title: &str) -> Result<()> {
        let status = self.world.github.statuses(REPOSITORY, sha).pop().context("a status")?;
        let page = self.page_of(&status)?;
        let look = async {
            loop {
                let shown = self.world.anna.get(&page).await?;
                let word = shown.attribute("main", "data-status").unwrap_or_default();
                if shown.body.contains(title) && !["enqueued", "pending"].contains(&word.as_str()) {
                    return anyhow::Ok(());
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(LIMIT, look).await.with_context(|| format!("{title} never ran at {sha}"))?
    }

    async fn badge(&self, branch: &str) -> Result<String> {
        let url = format!("{}/badges/{REPOSITORY}/{branch}", self.world.server.url());
        let svg = reqwest::get(url).await?.error_for_status()?.text().await?;
        let words = ["success", "failure", "error", "unknown"];
        let word = words.into_iter().find(|word| svg.contains(&format!(">{word}<")));
        Ok(word.with_context(|| format!("a word in {svg}"))?.to_owned())
    }
}

#[tokio::test]
async fn a_branch_that_is_moved_back_shows_what_its_commit_came_to() -> Result<()> {
    let story = Story::new(SCRIPT, &[]).await?;
    let world = &story.world;
    let good = world.push("good").await?;
    world.status(&good.sha, State::Success).await?;
    let bad = world.push("bad").await?;
    world.status(&bad.sha, State::Failure).await?;
    assert_eq!(story.badge("main").await?, "failure");
    world.github.set_branch(REPOSITORY, "main", &good.sha).await?;
    world.github.push(REPOSITORY, "main").await?;
    story.ends("main", &good.sha, "success").await?;
    assert_eq!(story.badge("main").await?, "success");
    world.github.set_branch(REPOSITORY, "main", &bad.sha).await?;
    world.github.push(REPOSITORY, "main").await?;
    story.ends("main", &bad.sha, "failure").await?;
    assert_eq!(story.badge("main").await?, "failure");
    story.world.end().await
}

#[tokio::test]
async fn what_a_newer_push_canceled_is_built_when_its_branch_is_moved_back() -> Result<()> {
    let script = format!("! grep -q wait file || {GATE}");
    let story = Story::new(&script, &[("KOZMIC_RUNNER_CONCURRENCY", "1")]).await?;
    let world = &story.world;
    world.github.commit(REPOSITORY, "other", Commit::new("wait").file("file", "wait")).await?;
    world.github.push(REPOSITORY, "other").await?;
    let is_running = |build: &Build| build.build == 2 && build.status == "pending";
    let holds = world.anna.wait_for_build(world.project, LIMIT, is_running).await?;
    let first = world.push("first").await?;
    let second = world.push("second").await?;
    let line = world.github.wait_for_status(REPOSITORY, &first.sha, State::Pending, LIMIT);
    line.await?;
    let is_told =
        |line: Option<String>| line.is_some_and(|line| line.ends_with("was not run: a newer push came"));
    while !world.github.statuses(REPOSITORY, &first.sha).into_iter().any(|one| is_told(one.description)) {
        tokio::task::yield_now().await;
    }
    world.github.set_branch(REPOSITORY, "main", &first.sha).await?;
    world.github.push(REPOSITORY, "main").await?;
    let mut live = world.anna.live(world.project, holds.job()?, 0).await?;
    while world.container().await.is_err() {}
    world.open_gate().await?;
    live.read_to_end(LIMIT).await?;
    story.ends("main", &first.sha, "success").await?;
    world.status(&first.sha, State::Success).await?;
    let states = world.github.statuses(REPOSITORY, &second.sha);
    assert!(states.iter().all(|status| status.state == State::Pending), "nobody's failure: {states:?}");
    story.world.end().await
}

#[tokio::test]
async fn a_push_that_is_delivered_after_newer_ones_takes_nothing_from_them() -> Result<()> {
    let story = Story::new(SCRIPT, &[]).await?;
    let base = story.world.github.head(REPOSITORY, "main").await.context("a head")?;
    let old = story.commit("bad", &base).await?;
    let new = story.commit("good", &old).await?;
    story.set("main", &new).await?;
    story.tell("main", (&old, &new), 60).await?;
    story.ends("main", &new, "success").await?;
    story.tell("main", (&base, &old), 30).await?;
    story.world.status(&old, State::Failure).await?;
    assert!(story.is_latest("main", &new).await?);
    assert_eq!(story.badge("main").await?, "success");
    story.tell("main", (&base, &old), 30).await?;
    assert!(story.is_latest("main", &new).await?);
    story.world.end().await
}

#[tokio::test]
async fn pushes_of_one_second_count_in_their_own_order_and_where_that_is_open_github_is_asked() -> Result<()>
{
    let story = Story::new(SCRIPT, &[]).await?;
    let base = story.world.github.head(REPOSITORY, "main").await.context("a head")?;
    let one = story.commit("good one", &base).await?;
    let two = story.commit("good two", &one).await?;
    let three = story.commit("good three", &two).await?;
    story.set("chain", &three).await?;
    for push in [(&two, &three), (&one, &two), (&base, &one)] {
        story.tell("chain", (push.0, push.1), 60).await?;
    }
    story.ends("chain", &three, "success").await?;
    // To and fro within a second, and what was before is not known.
    for (branch, head) in [("left", &one), ("right", &two)] {
        story.set(branch, head).await?;
        story.tell(branch, (&one, &two), 60).await?;
        story.tell(branch, (&two, &one), 60).await?;
    }
    story.ends("left", &one, "success").await?;
    story.ends("right", &two, "success").await?;
    story.world.end().await
}

#[tokio::test]
async fn a_pull_request_whose_commit_asks_to_skip_it_makes_no_build_and_no_status() -> Result<()> {
    let story = Story::new(SCRIPT, &[]).await?;
    let world = &story.world;
    world.build_forks().await?;
    let fork = world.github.fork(REPOSITORY, "eve").await?;
    world.github.commit(&fork, "docs", Commit::new("Docs\n\n[skip ci]").file("d", "5")).await?;
    let pull = NewPull::new(REPOSITORY, "docs", "Docs").from_fork(&fork).by("eve");
    let skipped = world.github.open_pull_request(pull).await?;
    world.github.commit(REPOSITORY, "own", Commit::new("More [no ci]").file("d", "6")).await?;
    world.github.push(REPOSITORY, "own").await?;
    let own = world.github.open_pull_request(NewPull::new(REPOSITORY, "own", "Own")).await?;
    world.github.commit(&fork, "docs", Commit::new("Code").file("d", "7")).await?;
    let built = world.github.synchronize(REPOSITORY, skipped.number).await?;
    world.status(&built.sha, State::Success).await?;
    let last = world.push("End").await?;
    world.status(&last.sha, State::Success).await?;
    for sha in [&skipped.sha, &own.sha] {
        assert!(world.github.statuses(REPOSITORY, sha).is_empty(), "{sha}");
    }
    let history = world.page("history/").await?;
    assert!(history.contains("#3") && !history.contains("#4"), "{history}");
    story.world.end().await
}

#[tokio::test]
async fn one_commit_on_two_branches_is_as_bad_as_on_the_worst() -> Result<()> {
    let story = Story::new("[ $KOZMIC_REF_NAME != bad ]", &[]).await?;
    let world = &story.world;
    let sha = world.github.head(REPOSITORY, "main").await.context("a head")?;
    for (branch, status) in [("bad", "failure"), ("good", "success")] {
        world.github.set_branch(REPOSITORY, branch, &sha).await?;
        world.github.push(REPOSITORY, branch).await?;
        story.ends(branch, &sha, status).await?;
    }
    // The last word of the good branch is told when the next one is.
    let next = world.push("Next").await?;
    world.status(&next.sha, State::Success).await?;
    let shown = world.github.statuses(REPOSITORY, &sha).pop().context("a status")?;
    let line = shown.description.unwrap_or_default();
    assert_eq!(shown.state, State::Failure, "{line}");
    assert_eq!(line, "Kozmic build #2 has failed because of the \"Tests\" job");
    assert!(shown.target_url.is_some_and(|url| url.ends_with("/builds/2/")));
    world.github.delete_branch(REPOSITORY, "bad").await?;
    world.status(&sha, State::Success).await?;
    story.world.end().await
}
