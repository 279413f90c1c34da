//! Jobs run on runners beside the server: killed, cut off, drained and removed, none is lost and no log byte is.

mod listener;
mod cut_off;
mod partition;
mod authority;
mod images;
mod operators;
mod outage;
mod database;
mod silence;
mod machine;
mod chaos;

use crate::world::{GATE, IMAGE, LIMIT, World, open_gate_in};
use anyhow::{Context, Result, ensure};
use kozmic_testkit::{
    docker::INSTANCE,
    github::{Pushed, State},
    live::Live,
    runner::Runner,
};

/// The script of most stories: numbered lines before and after a gate. Each start of it has a number of its own.
fn script() -> String {
    format!("echo start $(cat /proc/sys/kernel/random/uuid); seq 1 2000; {GATE}; seq 2001 4000; echo end")
}

/// A server that runs no jobs itself, and runners beside it.
struct Fleet {
    world: World,
    runners: Vec<Runner>,
}

impl Fleet {
    /// With a runner for each title, and settings of the server.
    async fn new(titles: &[&str], settings: &[(&str, &str)]) -> Result<Self> {
        let alone = [("KOZMIC_RUNNER_CONCURRENCY", "0"), ("KOZMIC_RUNNER_LEASE", "30")];
        let world = World::with(&[&alone, settings].concat()).await?;
        let mut runners = Vec::new();
        for title in titles {
            runners.push(Runner::add(&world.server, title, &[]).await?);
        }
        Ok(Self { world, runners })
    }

    /// Pushes, and follows the job's log until its script waits at the gate.
    async fn run_to_the_gate(&self) -> Result<(Pushed, Live)> {
        let pushed = self.world.push("Begin").await?;
        let mut live = self.world.live().await?;
        live.read_until("\n2000\n", LIMIT).await?;
        Ok((pushed, live))
    }

    /// The container that runs, and the place of its runner in the list.
    async fn container(&self) -> Result<(usize, String)> {
        for at in 0..self.runners.len() {
            if let Some(container) = self.running_of(at).await? {
                return Ok((at, container));
            }
        }
        anyhow::bail!("no runner has a running container")
    }

    /// The running container of a runner, if it has one.
    async fn running_of(&self, at: usize) -> Result<Option<String>> {
        let all = self.world.docker.containers(&label(&self.runners[at])).await?;
        Ok(all.into_iter().find(|container| container.state == "running").map(|container| container.id))
    }

    /// The container of a runner, as soon as one runs.
    async fn begun_by(&self, at: usize) -> Result<String> {
        let look = async {
            loop {
                if let Some(container) = self.running_of(at).await? {
                    return anyhow::Ok(container);
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(LIMIT, look).await.context("the runner does not begin")?
    }

    /// Adds a hook of this name, whose script asks the listener.
    async fn hook_named(&self, name: &str, listener: &listener::Listener) -> Result<()> {
        let path = format!("/projects/{}/hooks/add/", self.world.project);
        let script = format!("#!/bin/bash\n{}\n", listener.script(name));
        let fields = [("title", name), ("image", IMAGE), ("script", &script)];
        self.world.anna.post_form(&path, &path, &fields).await?.ensure_ok()
    }

    async fn open_gate(&self) -> Result<()> {
        open_gate_in(&self.world.docker, &self.container().await?.1).await;
        Ok(())
    }

    /// Checks that the script ran once, and that its log has each line once, for a viewer and at the end.
    async fn ran_once(&self, pushed: &Pushed, mut live: Live) -> Result<()> {
        let ended = live.read_to_end(LIMIT).await?;
        let log = self.world.log().await?;
        ensure!(ended.status == "success", "{}: {log}", ended.status);
        ensure!(live.text() == log, "a viewer saw another log than is kept");
        is_whole(&log)?;
        self.world.status(&pushed.sha, State::Success).await.map(drop)
    }

    async fn end(mut self) -> Result<()> {
        for runner in &mut self.runners {
            self.world.docker.wait_until_clean(&label(runner), LIMIT).await?;
            let status = runner.terminate().await?;
            ensure!(status.success(), "a runner ended with {status}");
        }
        self.world.end().await
    }
}

/// The label of a runner's containers.
fn label(runner: &Runner) -> String {
    format!("{INSTANCE}={}", runner.name())
}

/// Checks that a log has one start of the script, and each of its lines once.
fn is_whole(log: &str) -> Result<()> {
    let numbers = log.lines().filter_map(|line| line.parse::<u32>().ok());
    ensure!(numbers.eq(1..=4000), "lines are missing or there twice: {log}");
    ensure!(log.matches("start ").count() == 1 && log.matches("\nend\n").count() == 1, "{log}");
    Ok(())
}

#[tokio::test]
async fn a_push_is_built_by_a_runner_beside_the_server() -> Result<()> {
    let fleet = Fleet::new(&["far"], &[]).await?;
    fleet.world.hook(&script()).await?;
    let (pushed, live) = fleet.run_to_the_gate().await?;
    let here = fleet.world.docker.containers(&fleet.world.label()?).await?;
    assert!(here.is_empty(), "the server itself runs none: {here:?}");
    fleet.open_gate().await?;
    fleet.ran_once(&pushed, live).await?;
    let kept = walk(fleet.runners[0].data_dir())?;
    assert!(!kept.iter().any(|file| file.ends_with(".log")), "a log stays that the server has: {kept:?}");
    fleet.end().await
}

#[tokio::test]
async fn a_runner_that_is_killed_takes_its_job_up_again() -> Result<()> {
    let mut fleet = Fleet::new(&["far"], &[]).await?;
    fleet.world.hook(&script()).await?;
    let (pushed, live) = fleet.run_to_the_gate().await?;
    let (_, container) = fleet.container().await?;
    fleet.runners[0].kill_9().await?;
    open_gate_in(&fleet.world.docker, &container).await;
    fleet.world.docker.run(&["wait", &container]).await?;
    fleet.runners[0].start().await?;
    fleet.ran_once(&pushed, live).await?;
    fleet.end().await
}

#[tokio::test]
async fn a_runner_that_is_updated_in_mid_job_goes_on() -> Result<()> {
    let mut fleet = Fleet::new(&["far"], &[]).await?;
    fleet.world.hook(&script()).await?;
    let (pushed, live) = fleet.run_to_the_gate().await?;
    let status = fleet.runners[0].terminate().await?;
    assert!(status.success());
    fleet.runners[0].start().await?;
    fleet.open_gate().await?;
    fleet.ran_once(&pushed, live).await?;
    fleet.end().await
}

#[tokio::test]
async fn a_server_that_is_killed_gets_the_rest_from_its_runner() -> Result<()> {
    let mut fleet = Fleet::new(&["far"], &[]).await?;
    fleet.world.hook(&script()).await?;
    let (pushed, mut live) = fleet.run_to_the_gate().await?;
    fleet.world.server.kill_9().await?;
    let (_, container) = fleet.container().await?;
    open_gate_in(&fleet.world.docker, &container).await;
    fleet.world.docker.run(&["wait", &container]).await?;
    fleet.world.server.restart().await?;
    live.reconnect().await?;
    fleet.ran_once(&pushed, live).await?;
    fleet.end().await
}

#[tokio::test]
async fn the_job_of_a_lost_runner_runs_again_on_another() -> Result<()> {
    let mut fleet = Fleet::new(&["one", "two"], &[]).await?;
    fleet.world.hook(&script()).await?;
    let (pushed, _live) = fleet.run_to_the_gate().await?;
    let (lost, container) = fleet.container().await?;
    fleet.runners[lost].kill_9().await?;
    fleet.world.docker.remove(&container).await?;
    let again = fleet.begun_by(1 - lost).await?;
    open_gate_in(&fleet.world.docker, &again).await;
    fleet.world.status(&pushed.sha, State::Success).await?;
    is_whole(&fleet.world.log().await?)?;
    let page = fleet.world.page("builds/latest/").await?;
    assert!(page.contains("Attempt 2"), "{page}");
    fleet.runners.remove(lost);
    fleet.end().await
}

/// All files below a directory.
fn walk(dir: &std::path::Path) -> Result<Vec<String>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        match path.is_dir() {
            true => files.extend(walk(&path)?),
            false => files.push(path.display().to_string()),
        }
    }
    Ok(files)
}
