//! Any process may be killed at any time and started again: nothing is lost, nothing runs twice, no line is missing.

use crate::world::{GATE, IMAGE, LIMIT, REPOSITORY, World, open_gate_in};
use anyhow::{Context, Result};
use kozmic_testkit::{
    github::{FaultKind, FaultRule, State},
    person::{NewHook, Person},
};

#[tokio::test]
async fn a_job_outlives_kill_9_with_a_whole_log() -> Result<()> {
    let mut world = World::new().await?;
    world
        .hook(&format!(
            "echo begin; seq 1 2000; echo oops >&2; {GATE}; seq 2001 4000; printf 'gr\\303\\274n \\377'"
        ))
        .await?;
    let pushed = world.push("Begin").await?;
    let mut live = world.live().await?;
    live.read_until("2000\n", LIMIT).await?;
    world.server.kill_9().await?;
    world.open_gate().await?;
    world.server.restart().await?;
    live.reconnect().await?;
    assert_eq!(live.read_to_end(LIMIT).await?.status, "success");
    assert_eq!(live.text(), world.log().await?, "a viewer sees each byte once, over the restart");
    let log = world.log().await?;
    let numbers = log.lines().filter_map(|line| line.parse::<u32>().ok()).collect::<Vec<_>>();
    assert_eq!(numbers, (1..=4000).collect::<Vec<_>>());
    assert_eq!(log.matches("begin").count(), 1);
    assert_eq!(log.matches("oops").count(), 1);
    assert!(log.contains("grün "));
    world.status(&pushed.sha, State::Success).await?;
    world.end().await
}

#[tokio::test]
async fn a_job_that_ended_while_nobody_looked_is_finished_at_the_next_start() -> Result<()> {
    let mut world = World::new().await?;
    world.hook(&format!("echo before; {GATE}; echo after; exit 7")).await?;
    let pushed = world.push("Begin").await?;
    world.live().await?.read_until("before", LIMIT).await?;
    let container = world.container().await?;
    world.server.kill_9().await?;
    open_gate_in(&world.docker, &container).await;
    assert_eq!(world.docker.run(&["wait", &container]).await?, "7");
    world.server.restart().await?;
    world.status(&pushed.sha, State::Failure).await?;
    let log = world.log().await?;
    assert!(log.contains("before\nafter\n") && log.contains("The script returned 7."), "{log}");
    world.end().await
}

#[tokio::test]
async fn a_job_whose_container_is_gone_ends_as_an_error_that_says_why() -> Result<()> {
    let mut world = World::new().await?;
    world.hook(&format!("echo before; {GATE}")).await?;
    let pushed = world.push("Begin").await?;
    world.live().await?.read_until("before", LIMIT).await?;
    let container = world.container().await?;
    world.server.kill_9().await?;
    world.docker.remove(&container).await?;
    world.server.restart().await?;
    world.status(&pushed.sha, State::Error).await?;
    let why = format!("container {} is gone", &container[..12]);
    assert!(world.log().await?.contains(&why));
    assert!(world.page("builds/latest/").await?.contains(&why));
    world.end().await
}

#[tokio::test]
async fn a_job_that_had_not_begun_is_begun_once() -> Result<()> {
    let mut world = World::new().await?;
    world.hook("echo only once").await?;
    let hang = world.github.fault(FaultRule::new(FaultKind::Hang).path(&format!("/{REPOSITORY}.git/")));
    let pushed = world.push("Begin").await?;
    world.github.wait_for_request(LIMIT, |call| call.path.contains(".git/")).await.context("git is asked")?;
    world.server.kill_9().await?;
    drop(hang);
    world.server.restart().await?;
    world.status(&pushed.sha, State::Success).await?;
    assert_eq!(world.log().await?.matches("only once").count(), 1);
    world.end().await
}

#[tokio::test]
async fn sigterm_leaves_the_container_and_the_next_start_goes_on() -> Result<()> {
    let mut world = World::new().await?;
    world.hook(&format!("echo before; {GATE}; echo after")).await?;
    let pushed = world.push("Begin").await?;
    let mut live = world.live().await?;
    live.read_until("before", LIMIT).await?;
    assert!(world.server.terminate().await?.success());
    world.open_gate().await?;
    world.server.restart().await?;
    live.reconnect().await?;
    assert_eq!(live.read_to_end(LIMIT).await?.status, "success");
    assert!(live.text().contains("before\nafter\n"), "{}", live.text());
    world.status(&pushed.sha, State::Success).await?;
    world.end().await
}

#[tokio::test]
async fn a_container_killed_under_its_job_is_a_failure() -> Result<()> {
    let world = World::new().await?;
    world.hook(&format!("echo before; {GATE}")).await?;
    world.push("Begin").await?;
    let mut live = world.live().await?;
    live.read_until("before", LIMIT).await?;
    world.docker.kill(&world.container().await?).await?;
    let finished = live.read_to_end(LIMIT).await?;
    assert_eq!((finished.status.as_str(), finished.return_code), ("failure", Some(137)));
    world.end().await
}

#[tokio::test]
async fn without_an_engine_jobs_wait_and_say_so() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let nowhere = format!("unix://{}/docker.sock", dir.path().display());
    let mut world = World::with(&[("KOZMIC_DOCKER_URL", &nowhere)]).await?;
    world.hook("echo back again").await?;
    let pushed = world.push("Begin").await?;
    world.build().await?;
    let reason = "does not answer";
    let ready = world.anna.get("/readyz").await?;
    assert_eq!(ready.status, 503);
    assert!(ready.body.contains(reason), "{}", ready.body);
    let html = world.page("builds/latest/").await?;
    assert!(html.contains(reason) && html.contains("Waiting"), "{html}");
    world.server.terminate().await?;
    let engine = std::env::var("DOCKER_HOST").unwrap_or_else(|_| "unix:///var/run/docker.sock".to_owned());
    world.server.restart_with(&[("KOZMIC_DOCKER_URL", &engine)]).await?;
    world.status(&pushed.sha, State::Success).await?;
    assert_eq!(world.anna.get("/readyz").await?.status, 200);
    world.end().await
}

#[tokio::test]
async fn who_lost_the_secret_key_signs_in_and_saves_the_hook_again() -> Result<()> {
    let mut world = World::new().await?;
    world.hook("echo with a new secret").await?;
    world.server.terminate().await?;
    std::fs::remove_file(world.server.data_dir().join("secret_key"))?;
    world.server.restart().await?;
    let refused = world.push("Lost").await?;
    assert!(refused.deliveries.iter().all(|delivery| !delivery.arrived()));
    world.anna = Person::sign_in(&world.server, &world.github, "anna").await?;
    let script = "#!/bin/bash\necho with a new secret";
    let path = format!("/projects/{}/hooks/1/edit/", world.project);
    world.anna.try_hook(&path, NewHook { title: "Tests", image: IMAGE, script }).await?.ensure_ok()?;
    let pushed = world.push("Found").await?;
    world.status(&pushed.sha, State::Success).await?;
    world.end().await
}
