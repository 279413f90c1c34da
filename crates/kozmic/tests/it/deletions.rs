//! A project is deleted while its jobs run: they are stopped, all that it left is removed, and nothing is retried for
//! ever.

use crate::world::{GATE, IMAGE, LIMIT, REPOSITORY, World};
use anyhow::{Context, Result};
use kozmic_testkit::{
    github::{Commit, NewRepository, State},
    person::NewHook,
};
use std::{path::Path, time::Duration};

const OTHER: &str = "anna/other";

async fn delete(world: &World) -> Result<()> {
    let page = format!("/projects/{}/settings/", world.project);
    let action = format!("/projects/{}/delete/", world.project);
    let page = world.anna.post_form(&page, &action, &[("name", REPOSITORY)]).await?;
    anyhow::ensure!(page.body.contains("is deleted"), "{page}");
    Ok(())
}

async fn until_gone(path: &Path) -> Result<()> {
    let gone = async {
        while path.exists() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(LIMIT, gone).await.with_context(|| format!("{} goes", path.display()))
}

/// Another project's push, until GitHub shows that it was built: all that was to be told before was tried by then.
async fn build_another(world: &World) -> Result<()> {
    let other = world.anna.add_project(OTHER).await?;
    let script = "#!/bin/sh\necho fine\n";
    world.anna.add_hook(other, NewHook { title: "Tests", image: IMAGE, script }).await?;
    let pushed = world.github.push_commit(OTHER, "main", Commit::new("Begin").file("a", "1")).await?;
    world.github.wait_for_status(OTHER, &pushed.sha, State::Success, LIMIT).await?;
    Ok(())
}

#[tokio::test]
async fn a_project_that_is_deleted_while_a_job_runs_leaves_nothing_and_nothing_is_tried_for_ever()
-> Result<()> {
    let mut world = World::new().await?;
    world.github.add_repository(NewRepository::public(OTHER))?;
    world.hook(&format!("echo begin; {GATE}")).await?;
    world.push("Begin").await?;
    let mut live = world.live().await?;
    live.read_until("begin", LIMIT).await?;
    let data = world.server.data_dir().to_owned();
    let (log, mirror) = (data.join("logs/0/1-1.log"), data.join(format!("mirrors/{}.git", world.project)));
    assert!(log.exists() && mirror.exists());
    delete(&world).await?;
    world.server.kill_9().await?;
    world.server.restart().await?;
    until_gone(&log).await?;
    until_gone(&mirror).await?;
    world.docker.wait_until_clean(&world.label()?, LIMIT).await?;
    build_another(&world).await?;
    let output = world.server.output();
    assert!(!output.contains("a message was not sent"), "{output}");
    world.end().await
}

#[tokio::test]
async fn a_project_whose_repository_is_gone_is_deleted_on_the_server() -> Result<()> {
    let mut world = World::new().await?;
    world.hook("echo hi").await?;
    let pushed = world.push("Begin").await?;
    world.status(&pushed.sha, State::Success).await?;
    let log = world.server.data_dir().join("logs/0/1-1.log");
    assert!(log.exists());
    world.github.delete_repository(REPOSITORY);
    world.anna.post_form("/repositories/", "/repositories/", &[]).await?.ensure_ok()?;
    assert_eq!(world.anna.get(&format!("/projects/{}/", world.project)).await?.status, 404);

    let listed = world.server.run(&["projects", "list"]).await?;
    assert_eq!(String::from_utf8_lossy(&listed.stdout), format!("{REPOSITORY}  -\n"));
    let unknown = world.server.run(&["projects", "delete", "anna/helo"]).await?;
    assert!(!unknown.status.success());
    assert!(
        String::from_utf8_lossy(&unknown.stderr).contains("there is no project anna/helo"),
        "{unknown:?}"
    );
    let deleted = world.server.run(&["projects", "delete", REPOSITORY]).await?;
    assert!(deleted.status.success(), "{deleted:?}");
    world.server.kill_9().await?;
    world.server.restart().await?;
    until_gone(&log).await?;
    let listed = world.server.run(&["projects", "list"]).await?;
    assert!(listed.stdout.is_empty(), "{listed:?}");
    world.end().await
}
