//! Faults of GitHub: statuses may come late, but they come, and no build is lost.

use crate::world::{IMAGE, LIMIT, REPOSITORY, World};
use anyhow::{Context, Result};
use kozmic_testkit::{
    github::{Commit, FaultKind, FaultRule, NewRepository, State},
    person::{NewHook, Person},
};
use std::time::Duration;

const STATUSES: &str = "/api/v3/repos/*/*/statuses/";

#[tokio::test]
async fn statuses_are_sent_when_github_is_back() -> Result<()> {
    for kind in [FaultKind::Status(502), FaultKind::CloseConnection] {
        let world = World::new().await?;
        world.hook("true").await?;
        let fault = world.github.fault(FaultRule::new(kind).path(STATUSES).times(2));
        let pushed = world.push("Begin").await?;
        assert_eq!(world.finished().await?.status, "success", "the build does not wait for GitHub");
        world.status(&pushed.sha, State::Success).await?;
        assert_eq!(fault.hits(), 2);
        world.end().await?;
    }
    Ok(())
}

#[tokio::test]
async fn rate_limits_are_honoured() -> Result<()> {
    let asked = Duration::from_secs(2);
    for kind in [FaultKind::RateLimited(asked), FaultKind::SecondaryRateLimit(asked)] {
        let world = World::new().await?;
        world.hook("true").await?;
        let fault = world.github.fault(FaultRule::new(kind).path(STATUSES).times(1));
        let pushed = world.push("Begin").await?;
        world.status(&pushed.sha, State::Success).await?;
        assert_eq!(fault.hits(), 1);
        let calls = world.github.requests();
        let calls = calls.iter().filter(|call| call.path.contains("/statuses/")).collect::<Vec<_>>();
        // The double tells whole seconds, so up to one of them has passed when it speaks.
        assert!(calls[1].at - calls[0].at >= asked / 2, "a call came before its time");
        world.end().await?;
    }
    Ok(())
}

#[tokio::test]
async fn one_persons_rate_limit_quiets_nobody_else() -> Result<()> {
    let world = World::new().await?;
    world.hook("true").await?;
    world.github.add_user("bert", "Bert", "bert@example.com");
    world.github.add_repository(NewRepository::public("bert/other"))?;
    let bert = Person::sign_in(&world.server, &world.github, "bert").await?;
    let project = bert.add_project("bert/other").await?;
    bert.add_hook(project, NewHook { title: "Tests", image: IMAGE, script: "#!/bin/bash\ntrue" }).await?;
    let limit = FaultRule::new(FaultKind::RateLimited(Duration::from_secs(3_600)));
    let limited = world.github.fault(limit.path(&format!("/api/v3/repos/{REPOSITORY}/statuses/")));
    world.push("Limited for an hour").await?;
    world
        .github
        .wait_for_request(LIMIT, |call| call.path.contains(&format!("{REPOSITORY}/statuses/")))
        .await
        .context("the limit is met")?;
    let pushed =
        world.github.push_commit("bert/other", "main", Commit::new("Not limited").file("a", "1")).await?;
    let soon = Duration::from_secs(45);
    world.github.wait_for_status("bert/other", &pushed.sha, State::Success, soon).await?;
    world.push("Still limited").await?;
    world.finished().await?;
    assert_eq!(limited.hits(), 1, "nothing more is asked in the name of who is limited");
    world.end().await
}

#[tokio::test]
async fn an_outage_over_a_restart_loses_no_status() -> Result<()> {
    let mut world = World::new().await?;
    world.hook("true").await?;
    let fault = world.github.fault(FaultRule::new(FaultKind::Status(500)).path(STATUSES));
    let pushed = world.push("Begin").await?;
    world.finished().await?;
    world.server.kill_9().await?;
    drop(fault);
    world.server.restart().await?;
    world.status(&pushed.sha, State::Success).await?;
    world.end().await
}

#[tokio::test]
async fn a_fetch_that_fails_is_tried_again_and_the_log_says_so() -> Result<()> {
    let world = World::new().await?;
    world.hook("echo fetched").await?;
    let fault = world
        .github
        .fault(FaultRule::new(FaultKind::Status(503)).path(&format!("/{REPOSITORY}.git/")).times(2));
    let pushed = world.push("Begin").await?;
    world.status(&pushed.sha, State::Success).await?;
    let log = world.log().await?;
    assert!(
        fault.hits() == 2
            && log.contains("503")
            && log.contains("Trying again in 1.0 s.")
            && log.contains("fetched"),
        "{log}"
    );
    world.end().await
}

#[tokio::test]
async fn a_commit_that_is_gone_ends_the_job_with_a_sentence() -> Result<()> {
    let world = World::new().await?;
    world.hook("true").await?;
    let pushed = world.push("Begin").await?;
    world.status(&pushed.sha, State::Success).await?;
    let mut payload = pushed.deliveries[0].payload();
    payload["after"] = "0123456789012345678901234567890123456789".into();
    payload["ref"] = "refs/heads/gone".into();
    world.github.deliver(REPOSITORY, "push", &payload).await?;
    world.anna.wait_for_build(world.project, LIMIT, |build| build.status == "error").await?;
    let log = world.log().await?;
    assert!(
        log.contains("commit 0123456789012345678901234567890123456789 is not in the repository"),
        "{log}"
    );
    // GitHub refuses a status for a commit that it does not have: that is expected here.
    world
        .github
        .wait_for_request(LIMIT, |call| call.path.contains("0123456789"))
        .await
        .context("a status call")?;
    world.github.take_wrong_calls();
    world.docker.wait_until_clean(&world.label()?, LIMIT).await
}
