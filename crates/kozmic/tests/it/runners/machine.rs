//! A runner's machine has trouble: its disk is full, or its engine goes away. The server and other runners go on.

use super::{Fleet, is_whole, operators::runners, script};
use crate::{
    engine_gone::ONLY_FIRST_WAITS,
    world::{GATE, IMAGE, LIMIT, REPOSITORY},
};
use anyhow::{Context, Result};
use kozmic_testkit::{
    disk::{Call, FULL, FaultyDisk},
    docker::INSTANCE,
    engine::Engine,
    github::State,
    runner::Runner,
};
use tokio::time::timeout;

impl Fleet {
    /// Adds a runner whose environment has these variables, and starts it.
    async fn add_with(&mut self, title: &str, variables: &[(&str, &str)]) -> Result<()> {
        let mut runner = Runner::add_at(&self.world.server, title, &[], &self.world.server.url()).await?;
        for (name, value) in variables {
            runner.set(name, value);
        }
        runner.start().await?;
        self.runners.push(runner);
        Ok(())
    }
}

#[tokio::test]
async fn a_log_that_a_runners_disk_does_not_take_ends_its_job_with_the_reason() -> Result<()> {
    let (mut fleet, disk) = (Fleet::new(&[], &[]).await?, FaultyDisk::new()?);
    let environment = disk.environment();
    fleet.add_with("far", &environment.each_ref().map(|(name, value)| (*name, value.as_str()))).await?;
    fleet.world.hook(&script()).await?;
    let (first, _live) = fleet.run_to_the_gate().await?;
    disk.fail(&[Call::Write], FULL, &[".log"])?;
    fleet.open_gate().await?;
    fleet.world.status(&first.sha, State::Error).await?;
    let page = fleet.world.page("builds/latest/").await?;
    assert!(page.contains("No space left on device"), "{page}");
    let log = fleet.world.log().await?;
    assert!(log.contains("\n2000\n") && !log.contains("\n2001\n"), "{log}");
    disk.heal()?;
    fleet.end().await
}

#[tokio::test]
async fn a_runner_with_a_full_disk_says_so_and_its_jobs_go_to_another() -> Result<()> {
    let mut fleet = Fleet::new(&[], &[]).await?;
    fleet.add_with("full", &[("KOZMIC_DISK_RESERVE", "1000000000000000")]).await?;
    fleet.world.hook(&script()).await?;
    let pushed = fleet.world.push("Begin").await?;
    fleet.world.build().await?;
    fleet.runners[0].wait_for_output("no jobs can be taken").await?;
    let is_told = async {
        loop {
            let (_, list) = runners(&fleet.world.server, &["list"]).await?;
            if list.contains("in trouble") && list.contains("The runner's disk is nearly full") {
                return anyhow::Ok(());
            }
        }
    };
    timeout(LIMIT, is_told).await.context("the list tells of no trouble")??;
    fleet.runners.push(Runner::add(&fleet.world.server, "other", &[]).await?);
    fleet.begun_by(1).await?;
    let mut live = fleet.world.live().await?;
    live.read_until("\n2000\n", LIMIT).await?;
    fleet.open_gate().await?;
    fleet.ran_once(&pushed, live).await?;
    fleet.end().await
}

#[tokio::test]
async fn a_job_whose_runners_engine_is_stopped_runs_again_and_nobody_sees_red() -> Result<()> {
    let (mut fleet, mut engine) = (Fleet::new(&[], &[]).await?, Engine::start(false, &[IMAGE]).await?);
    let variables = [("KOZMIC_DOCKER_URL", engine.url()), ("KOZMIC_DOCKER_NETWORK", "none".to_owned())];
    fleet.add_with("far", &variables.each_ref().map(|(name, value)| (*name, value.as_str()))).await?;
    fleet
        .world
        .hook(&format!("{ONLY_FIRST_WAITS} {GATE}; echo start $KOZMIC_ATTEMPT; seq 1 4000; echo end"))
        .await?;
    let pushed = fleet.world.push("Begin").await?;
    fleet.world.live().await?.read_until("attempt 1 begins", LIMIT).await?;
    engine.stop().await?;
    fleet.runners[0].wait_for_output("a job lost its connection").await?;
    engine.start_again().await?;
    fleet.world.status(&pushed.sha, State::Success).await?;
    let told = fleet.world.github.statuses(REPOSITORY, &pushed.sha);
    assert!(told.iter().all(|status| ![State::Failure, State::Error].contains(&status.state)), "{told:?}");
    let log = fleet.world.log().await?;
    assert!(log.contains("the one before was interrupted") && log.contains("attempt 2 begins"), "{log}");
    is_whole(&log)?;
    let label = format!("{INSTANCE}={}", fleet.runners[0].name());
    engine.docker().wait_until_clean(&label, LIMIT).await?;
    fleet.end().await
}
