//! Pushes while no server listened: GitHub does not try again by itself.

use crate::world::{IMAGE, LIMIT, REPOSITORY, World};
use anyhow::{Context, Result};
use kozmic_testkit::{
    github::{Commit, Delivery, FaultKind, FaultRule, NewPull, NewRepository, Pushed, Request, State},
    person::NewHook,
};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};

const HOOKS: &str = "/api/v3/repos/*/*/hooks/";
const LISTS: &str = "/api/v3/repos/*/*/hooks/*/deliveries";

/// Long before this, in seconds since 1970.
const OLD: u64 = 1_600_000_000;

/// A world with a hook that has built once.
async fn built() -> Result<World> {
    let world = World::new().await?;
    world.hook("cat file").await?;
    let first = world.push("Begin").await?;
    world.status(&first.sha, State::Success).await?;
    Ok(world)
}

async fn push_to(world: &World, branch: &str, text: &str) -> Result<Pushed> {
    world.github.push_commit(REPOSITORY, branch, Commit::new(text).file("file", text)).await
}

/// Waits until the settings say so.
async fn until_said(world: &World, words: &str) -> Result<()> {
    let said = async {
        while !world.page("settings/").await?.contains(words) {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        anyhow::Ok(())
    };
    tokio::time::timeout(LIMIT, said).await.with_context(|| format!("the settings say {words}"))?
}

/// Number of times that each delivery that failed first was sent again.
fn again(world: &World) -> Vec<usize> {
    let all = world.github.deliveries();
    let missed = all.iter().filter(|one| !one.redelivery && !one.arrived());
    let again =
        |one: &Delivery| all.iter().filter(|other| other.redelivery && other.uuid == one.uuid).count();
    missed.map(again).collect()
}

#[tokio::test]
async fn what_was_pushed_while_nobody_listened_is_built_after_the_start() -> Result<()> {
    let mut world = built().await?;
    // One that is refused on the way, as by a proxy.
    let hook = world.github.hooks(REPOSITORY).into_iter().next().context("a webhook")?;
    world.github.change_hook(REPOSITORY, hook.id, |hook| hook.url.push_str("nowhere/"))?;
    let refused = push_to(&world, "refused", "Refused").await?;
    world.github.change_hook(REPOSITORY, hook.id, |it| it.url.clone_from(&hook.url))?;
    assert!(refused.deliveries.iter().all(|delivery| !delivery.arrived()));
    world.build_forks().await?;
    world.server.kill_9().await?;
    let mut newest = vec![refused.sha];
    for branch in ["one", "two", "three"] {
        push_to(&world, branch, &format!("{branch} first")).await?;
        newest.push(push_to(&world, branch, &format!("{branch} last")).await?.sha);
    }
    let fork = world.github.fork(REPOSITORY, "eve").await?;
    let outside = Commit::new("From outside").file("file", "outside");
    world.github.commit(&fork, "main", outside).await?;
    let pull = NewPull::new(REPOSITORY, "main", "Please").from_fork(&fork).by("eve");
    newest.push(world.github.open_pull_request(pull).await?.sha);
    // And GitHub is busy when the server comes back.
    let limit = FaultKind::RateLimited(Duration::from_secs(2));
    let _limit = world.github.fault(FaultRule::new(limit).path(LISTS).times(1));

    world.server.restart().await?;
    for sha in &newest {
        world.status(sha, State::Success).await?;
    }
    until_said(&world, "8 deliveries that GitHub could not bring arrived in the end").await?;
    assert_eq!(again(&world), [1; 8], "each is sent again once");
    let history = world.page("history/").await?;
    assert!(history.contains("#9") && !history.contains("#10"), "{history}");
    world.end().await
}

#[tokio::test]
async fn where_github_lists_no_deliveries_branches_are_compared() -> Result<()> {
    let mut world = built().await?;
    // It stood there before anybody set up Kozmic.
    let idle =
        world.github.commit(REPOSITORY, "idle", Commit::new("Idle").file("file", "idle").at(OLD)).await?;
    world.github.push_silently(REPOSITORY, "idle").await?;
    world.server.terminate().await?;
    let old = FaultRule::new(FaultKind::Status(404)).path(LISTS);
    let old = world.github.fault(old);
    push_to(&world, "main", "Not the last").await?;
    let mut newest = vec![push_to(&world, "main", "The last").await?.sha];
    newest.push(push_to(&world, "new", "A new branch").await?.sha);
    world.server.restart().await?;
    for sha in &newest {
        world.status(sha, State::Success).await?;
    }
    until_said(&world, "2 deliveries that GitHub could not bring arrived in the end").await?;
    // From now on another name is new, however old its commit. Besides, nobody may look at webhooks any more.
    drop(old);
    world.server.terminate().await?;
    let _forbidden = world.github.fault(FaultRule::new(FaultKind::Status(403)).path(HOOKS));
    world.github.delete_branch(REPOSITORY, "new").await?;
    let late = Commit::new("Made long ago").file("file", "late").at(OLD);
    let late = world.github.push_commit(REPOSITORY, "late", late).await?;
    world.server.restart().await?;
    world.status(&late.sha, State::Success).await?;
    until_said(&world, "4 deliveries that GitHub could not bring arrived in the end").await?;
    let history = world.page("history/").await?;
    assert!(history.contains("#4") && !history.contains("#5"), "{history}");
    assert!(world.github.statuses(REPOSITORY, &idle).is_empty(), "it was not pushed since the hook is there");
    world.end().await
}

#[tokio::test]
async fn a_delivery_that_was_answered_too_late_is_not_sent_again() -> Result<()> {
    let mut world = built().await?;
    let hook = world.github.hooks(REPOSITORY).into_iter().next().context("a webhook")?;
    let slow = slow_way(&world.server.url()).await?;
    let url = hook.url.replace(&world.server.url(), &slow);
    world.github.change_hook(REPOSITORY, hook.id, |hook| hook.url = url)?;
    let pushed = push_to(&world, "main", "Late").await?;
    assert!(pushed.deliveries.iter().all(|delivery| !delivery.arrived()), "GitHub gave up");
    world.status(&pushed.sha, State::Success).await?;
    world.github.change_hook(REPOSITORY, hook.id, |it| it.url.clone_from(&hook.url))?;
    world.server.restart().await?;
    let looked = |call: &Request| call.path.ends_with("/deliveries") && call.status == Some(200);
    world.github.wait_for_request(LIMIT, looked).await.context("the book is read")?;
    let next = push_to(&world, "main", "In time").await?;
    world.status(&next.sha, State::Success).await?;
    assert_eq!(again(&world), [0], "it is here");
    assert!(!world.page("settings/").await?.contains("could not bring"));
    world.end().await
}

/// A way to a server on which nothing comes back.
async fn slow_way(server: &str) -> Result<String> {
    let server = server.strip_prefix("http://").context("an address")?.to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    tokio::spawn(async move {
        while let Ok((mut from, _)) = listener.accept().await {
            let to = server.clone();
            tokio::spawn(async move {
                let Ok(mut to) = TcpStream::connect(to).await else { return };
                tokio::io::copy(&mut from, &mut to).await.ok();
            });
        }
    });
    Ok(url)
}

#[tokio::test]
async fn a_forge_whose_clock_was_ahead_and_put_right_hides_no_delivery() -> Result<()> {
    let mut world = built().await?;
    world.github.set_clock_ahead(Duration::from_secs(3 * 3_600));
    let ahead = push_to(&world, "main", "Ahead").await?;
    world.status(&ahead.sha, State::Success).await?;
    let looks = |call: &Request| call.path.ends_with("/deliveries") && call.status == Some(200);
    let count = || world.github.requests().iter().filter(|call| looks(call)).count();
    let before = count();
    world.server.restart().await?;
    let looked = async {
        while world.github.requests().iter().filter(|call| looks(call)).count() == before {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(LIMIT, looked).await.context("the book is read")?;
    // The look ends with a note of how far it went.
    let next = push_to(&world, "main", "Still ahead").await?;
    world.status(&next.sha, State::Success).await?;
    world.server.terminate().await?;
    world.github.set_clock_ahead(Duration::ZERO);
    let missed = push_to(&world, "main", "Right again").await?;
    world.server.restart().await?;
    world.status(&missed.sha, State::Success).await?;
    assert_eq!(again(&world), [1]);
    world.end().await
}

#[tokio::test]
async fn a_repository_that_is_gone_keeps_no_others_from_being_heard() -> Result<()> {
    let mut world = built().await?;
    world.github.add_repository(NewRepository::public("anna/gone"))?;
    let gone = world.anna.add_project("anna/gone").await?;
    let hook = NewHook { title: "Tests", image: IMAGE, script: "#!/bin/sh\n" };
    world.anna.add_hook(gone, hook).await?;
    world.server.terminate().await?;
    let missed = push_to(&world, "main", "Missed").await?;
    let commit = Commit::new("Missed, too").file("file", "x");
    world.github.push_commit("anna/gone", "main", commit).await?;
    world.github.delete_repository("anna/gone");
    world.server.restart().await?;
    world.status(&missed.sha, State::Success).await?;
    let said = async {
        let settings = format!("/projects/{gone}/settings/");
        while !world.anna.get(&settings).await?.body.contains("Missed deliveries cannot be looked for") {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        anyhow::Ok(())
    };
    tokio::time::timeout(LIMIT, said).await.context("the settings of what is gone say so")??;
    world.end().await
}

#[tokio::test]
async fn a_webhook_that_is_gone_or_switched_off_is_said_to_be() -> Result<()> {
    let mut world = built().await?;
    let hook = world.github.hooks(REPOSITORY).into_iter().next().context("a webhook")?;
    world.server.restart().await?;
    let looked = |call: &Request| call.path.ends_with("/deliveries") && call.status == Some(200);
    world.github.wait_for_request(LIMIT, looked).await.context("the book is read")?;
    assert!(!world.page("settings/").await?.contains("nobody hears of pushes"));
    world.github.change_hook(REPOSITORY, hook.id, |hook| hook.active = false)?;
    world.server.restart().await?;
    until_said(&world, "The webhook is switched off at the forge").await?;
    world.github.delete_hook(REPOSITORY, hook.id);
    world.server.restart().await?;
    until_said(&world, "The webhook is not at the forge any more").await?;
    let [page, restore] =
        ["settings/", "hooks/restore/"].map(|rest| format!("/projects/{}/{rest}", world.project));
    world.anna.post_form(&page, &restore, &[]).await?.ensure_ok()?;
    assert!(!world.page("settings/").await?.contains("nobody hears of pushes"), "it was just made right");
    world.end().await
}

#[tokio::test]
async fn a_branch_that_goes_to_and_fro_unheard_is_made_good_each_time() -> Result<()> {
    let mut world = built().await?;
    let _old = world.github.fault(FaultRule::new(FaultKind::Status(404)).path(LISTS));
    let here = world.github.head(REPOSITORY, "main").await.context("a head")?;
    let there = Commit::new("There").file("file", "there").at(OLD).onto(&here);
    let there = world.github.commit(REPOSITORY, "made", there).await?;
    for sha in [&there, &here, &there, &here, &there] {
        world.server.terminate().await?;
        world.github.set_branch(REPOSITORY, "main", sha).await?;
        world.github.push_silently(REPOSITORY, "main").await?;
        world.server.restart().await?;
        let latest = async {
            while !world.page("builds/latest/?ref=main").await?.contains(&sha[..10]) {
                tokio::task::yield_now().await;
            }
            anyhow::Ok(())
        };
        tokio::time::timeout(LIMIT, latest).await.with_context(|| format!("main is at {sha}"))??;
    }
    // Some of these moves may be found by the question where a branch in doubt is.
    until_said(&world, "deliveries that GitHub could not bring arrived in the end").await?;
    world.end().await
}
