//! Facts about its repository in a delivery: if they differ from the known ones, GitHub is asked, and its answer
//! counts.

use crate::world::{LIMIT, REPOSITORY, World};
use anyhow::{Context, Result};
use kozmic_testkit::github::{Commit, Delivery, FaultKind, FaultRule, NewRepository, Pushed, State};
use serde_json::{Value, json};
use std::time::Duration;

/// The badge's address answers so to somebody who has not signed in.
async fn badge(world: &World, name: &str) -> Result<u16> {
    Ok(reqwest::get(format!("{}/badges/{name}", world.server.url())).await?.status().as_u16())
}

async fn until_badge(world: &World, name: &str, status: u16) -> Result<()> {
    let shown = async {
        while badge(world, name).await? != status {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        anyhow::Ok(())
    };
    tokio::time::timeout(LIMIT, shown).await.with_context(|| format!("{name} answers {status}"))?
}

async fn push_to(world: &World, repository: &str, message: &str) -> Result<Pushed> {
    let commit = Commit::new(message).file("file", message);
    world.github.push_commit(repository, "main", commit).await
}

fn hook(world: &World) -> Result<u64> {
    Ok(world.github.hooks(REPOSITORY).first().context("a webhook")?.id)
}

/// The payload of a push that happened, about another commit and with other words about its repository.
fn told(pushed: &Pushed, sha: &str, change: impl FnOnce(&mut Value)) -> Result<Value> {
    let mut payload = pushed.deliveries.first().map(Delivery::payload).context("a delivery")?;
    payload["after"] = json!(sha);
    payload["head_commit"]["id"] = json!(sha);
    change(&mut payload["repository"]);
    Ok(payload)
}

#[tokio::test]
async fn a_renamed_repository_whose_old_name_is_taken_is_fetched_from_and_reported_to() -> Result<()> {
    let world = World::new().await?;
    world.hook("cat file").await?;
    let first = world.push("Begin").await?;
    world.status(&first.sha, State::Success).await?;
    world.github.rename_repository(REPOSITORY, "anna/moved").await?;
    world.github.add_repository(NewRepository::public(REPOSITORY))?;
    let stranger = push_to(&world, REPOSITORY, "Another repository").await?;
    assert!(stranger.deliveries.is_empty(), "it has no webhook");

    let pushed = push_to(&world, "anna/moved", "Moved on").await?;
    world.github.wait_for_status("anna/moved", &pushed.sha, State::Success, LIMIT).await?;
    assert!(world.log().await?.contains("Moved on"));
    assert!(world.page("settings/").await?.contains("anna/moved"));
    assert!(world.github.statuses(REPOSITORY, &stranger.sha).is_empty());
    world.end().await
}

#[tokio::test]
async fn a_project_whose_name_another_one_has_by_now_is_looked_up() -> Result<()> {
    let world = World::new().await?;
    world.github.rename_repository(REPOSITORY, "anna/moved").await?;
    world.github.add_repository(NewRepository::public(REPOSITORY))?;
    assert!(!world.page("settings/").await?.contains("anna/moved"), "nobody has told of it");
    let other = world.anna.add_project(REPOSITORY).await?;
    assert_ne!(other, world.project);
    assert!(world.page("settings/").await?.contains("anna/moved"));
    world.end().await
}

#[tokio::test]
async fn an_owner_and_a_default_branch_that_changed_are_known_with_the_next_push() -> Result<()> {
    let world = World::new().await?;
    world.hook("true").await?;
    let first = world.push("Begin").await?;
    world.status(&first.sha, State::Success).await?;
    world.github.add_organization("orbit", &["anna"]);
    world.github.set_branch(REPOSITORY, "trunk", &first.sha).await?;
    world.github.set_default_branch(REPOSITORY, "trunk").await?;
    world.github.transfer_repository(REPOSITORY, "orbit").await?;
    let pushed = push_to(&world, "orbit/hello", "Moved on").await?;
    world.github.wait_for_status("orbit/hello", &pushed.sha, State::Success, LIMIT).await?;
    let settings = world.page("settings/").await?;
    assert!(settings.contains("orbit/hello") && settings.contains("<dd>trunk</dd>"), "{settings}");
    world.end().await
}

#[tokio::test]
async fn what_is_told_to_be_private_is_hidden_until_github_was_asked_and_what_is_told_wrongly_is_not_believed()
-> Result<()> {
    let world = World::new().await?;
    world.hook("true").await?;
    let first = world.push("Begin").await?;
    world.status(&first.sha, State::Success).await?;
    assert_eq!(badge(&world, REPOSITORY).await?, 200);
    let rule =
        FaultRule::new(FaultKind::Status(503)).method("GET").path(&format!("/api/v3/repos/{REPOSITORY}"));
    let silent = world.github.fault(rule);
    let sha = world.github.commit(REPOSITORY, "main", Commit::new("Next").file("file", "2")).await?;
    world.github.push_silently(REPOSITORY, "main").await?;
    let payload = told(&first, &sha, |repository| {
        repository["private"] = json!(true);
        repository["name"] = json!("elsewhere");
        repository["full_name"] = json!("eve/elsewhere");
        repository["owner"] = json!({ "login": "eve", "name": "eve" });
        repository["clone_url"] = json!(format!("{}/eve/elsewhere.git", world.github.url()));
        repository["default_branch"] = json!("evil");
    })?;
    let delivery = world.github.deliver_event(REPOSITORY, hook(&world)?, "push", &payload).await?;
    assert_eq!(delivery.status(), Some(202));
    until_badge(&world, REPOSITORY, 404).await?;
    assert!(world.github.statuses(REPOSITORY, &sha).is_empty(), "it waits for GitHub's word");
    drop(silent);
    world.status(&sha, State::Success).await?;
    until_badge(&world, REPOSITORY, 200).await?;
    let settings = world.page("settings/").await?;
    assert!(settings.contains("<dd>main</dd>") && !settings.contains("elsewhere"), "{settings}");
    assert!(
        world.github.requests().iter().all(|call| !call.path.contains("elsewhere")),
        "nobody is led astray"
    );
    world.end().await
}

#[tokio::test]
async fn a_delivery_about_another_repository_is_refused_in_words_and_changes_nothing() -> Result<()> {
    let world = World::new().await?;
    world.hook("true").await?;
    let first = world.push("Begin").await?;
    world.status(&first.sha, State::Success).await?;
    let other = world.github.add_repository(NewRepository::public("anna/other"))?;
    let there = push_to(&world, "anna/other", "Elsewhere").await?;
    let payload = told(&first, &there.sha, |repository| {
        repository["id"] = json!(other);
        repository["name"] = json!("other");
    })?;
    let refused = world.github.deliver_event(REPOSITORY, hook(&world)?, "push", &payload).await?;
    let (status, words) = refused.answer.map_err(|fault| anyhow::anyhow!(fault))?;
    assert_eq!(status, 422);
    assert!(words.contains("this hook is about anna/hello") && words.contains("anna/other"), "{words}");
    let last = world.push("End").await?;
    world.status(&last.sha, State::Success).await?;
    let history = world.page("history/").await?;
    assert!(history.contains("#2") && !history.contains("#3"), "{history}");
    assert!(world.github.statuses("anna/other", &there.sha).is_empty());
    world.end().await
}
