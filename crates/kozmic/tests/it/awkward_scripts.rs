//! Scripts that damage the records about themselves, and servers that sleep or die when a script ends. The reported end
//! is the true one, and the log is complete.

use crate::world::{GATE, IMAGE, LIMIT, World, open_gate_in};
use anyhow::{Context, Result, ensure};
use kozmic_testkit::{github::State, person::NewHook};
use tokio::process::Command;

/// Removes what the shell around a script noted.
const FORGET: &str = "rm -f /kozmic/.started /kozmic/.ended";

#[tokio::test]
async fn a_script_that_removes_the_notes_of_it_runs_once_and_fails() -> Result<()> {
    for (end, code) in [("exit 3", 3), ("kill -9 $PPID", 137)] {
        let world = World::new().await?;
        world.hook(&format!("echo once; {FORGET}; {end}")).await?;
        let pushed = world.push("Forget").await?;
        world.status(&pushed.sha, State::Failure).await?;
        let log = world.log().await?;
        assert_eq!(log.matches("once").count(), 1, "{log}");
        assert!(log.contains(&format!("The script returned {code}")), "{log}");
        world.end().await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_script_that_removes_the_notes_of_it_runs_once_though_its_server_is_killed() -> Result<()> {
    let mut world = World::new().await?;
    world.hook(&format!("echo once; {FORGET}; echo gone; {GATE}")).await?;
    let pushed = world.push("Forget").await?;
    world.live().await?.read_until("gone", LIMIT).await?;
    let container = world.container().await?;
    world.server.kill_9().await?;
    open_gate_in(&world.docker, &container).await;
    assert_eq!(world.docker.run(&["wait", &container]).await?, "0");
    world.server.restart().await?;
    world.status(&pushed.sha, State::Success).await?;
    assert_eq!(world.log().await?.matches("once").count(), 1);
    world.end().await
}

#[tokio::test]
async fn a_script_that_writes_its_own_note_has_not_ended() -> Result<()> {
    let world = World::with(&[("KOZMIC_STALL_TIMEOUT", "2")]).await?;
    world.hook("echo 0 >/kozmic/.ended; sleep 600").await?;
    let pushed = world.push("Lie").await?;
    world.status(&pushed.sha, State::Failure).await?;
    assert!(world.log().await?.contains("Stopped: no output for 2.0 s."));
    world.end().await
}

#[tokio::test]
async fn a_job_that_was_canceled_is_that_though_its_server_is_killed_while_it_stops() -> Result<()> {
    let mut world = World::new().await?;
    let wait = format!("trap 'echo stopping; {GATE}; exit 143' TERM");
    world.hook(&format!("{wait}; echo before; while true; do sleep 0.02; done")).await?;
    let pushed = world.push("Stop").await?;
    let mut live = world.live().await?;
    live.read_until("before", LIMIT).await?;
    let container = world.container().await?;
    world.anna.cancel(world.project, world.build().await?.job()?).await?.ensure_ok()?;
    live.read_until("stopping", LIMIT).await?;
    world.server.kill_9().await?;
    open_gate_in(&world.docker, &container).await;
    assert_eq!(world.docker.run(&["wait", &container]).await?, "143");
    world.server.restart().await?;
    let line = world.status(&pushed.sha, State::Error).await?;
    assert_eq!(line, "Kozmic build #1 was canceled");
    assert_eq!(world.finished().await?.status, "canceled");
    world.end().await
}

/// More time passes than the server waits for output, and all that was printed meanwhile is still to be read.
#[tokio::test]
async fn a_server_that_was_asleep_reads_all_that_was_printed_meanwhile() -> Result<()> {
    let world = World::with(&[("KOZMIC_STALL_TIMEOUT", "2"), ("KOZMIC_RUNNER_CONCURRENCY", "4")]).await?;
    let script = format!("#!/bin/sh\necho before; {GATE}; seq 1 40; sleep 3; seq 41 80\n");
    for title in ["One", "Two", "Three", "Four"] {
        let hook = NewHook { title, image: IMAGE, script: &script };
        world.anna.add_hook(world.project, hook).await?;
    }
    let pushed = world.push("Sleep").await?;
    let label = world.label()?;
    let all = async {
        loop {
            let mut found = world.docker.containers(&label).await?;
            found.retain(|container| container.state == "running");
            if found.len() == 4 {
                return anyhow::Ok(found);
            }
        }
    };
    let containers = tokio::time::timeout(LIMIT, all).await.context("four containers run")??;
    signal(&world, "-STOP").await?;
    for container in &containers {
        open_gate_in(&world.docker, &container.id).await;
    }
    for container in &containers {
        assert_eq!(world.docker.run(&["wait", &container.id]).await?, "0");
    }
    signal(&world, "-CONT").await?;
    world.status(&pushed.sha, State::Success).await?;
    for container in containers {
        let log = world.anna.raw_log(world.project, container.job.parse()?).await?;
        let log = String::from_utf8_lossy(&log).into_owned();
        let numbers = log.lines().filter_map(|line| line.parse::<u32>().ok()).collect::<Vec<_>>();
        assert_eq!(numbers, (1..=80).collect::<Vec<_>>(), "{log}");
    }
    world.end().await
}

async fn signal(world: &World, signal: &str) -> Result<()> {
    let server = world.server.pid().context("the server runs")?.to_string();
    let sent = Command::new("kill").args([signal, &server]).status().await?;
    ensure!(sent.success(), "the server gets {signal}");
    Ok(())
}
