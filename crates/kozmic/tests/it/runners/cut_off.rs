//! The network between a runner and the server is cut, for a moment and for longer than the lease.

use super::{Fleet, is_whole, script};
use crate::world::open_gate_in;
use anyhow::{Context, Result};
use kozmic_testkit::{cable::Cable, github::State, runner::Runner};

impl Fleet {
    /// A fleet whose runners have a cable of their own to the server.
    pub(super) async fn on_cables(titles: &[&str]) -> Result<(Self, Vec<Cable>)> {
        let mut fleet = Self::new(&[], &[]).await?;
        let mut cables = Vec::new();
        for title in titles {
            let cable = Cable::to(&fleet.world.server.url()).await?;
            let mut runner = Runner::add_at(&fleet.world.server, title, &[], &cable.url()).await?;
            runner.start().await?;
            cables.push(cable);
            fleet.runners.push(runner);
        }
        Ok((fleet, cables))
    }
}

#[tokio::test]
async fn a_job_goes_on_while_the_server_cannot_be_reached_for_a_moment() -> Result<()> {
    let (fleet, cables) = Fleet::on_cables(&["far"]).await?;
    fleet.world.hook(&script()).await?;
    let (pushed, live) = fleet.run_to_the_gate().await?;
    cables[0].cut();
    let (_, container) = fleet.container().await?;
    open_gate_in(&fleet.world.docker, &container).await;
    fleet.world.docker.run(&["wait", &container]).await?;
    fleet.runners[0].wait_for_output("not connected to the server").await?;
    cables[0].mend();
    fleet.ran_once(&pushed, live).await?;
    fleet.end().await
}

#[tokio::test]
async fn a_frozen_network_is_noticed_and_the_log_is_whole_after_it() -> Result<()> {
    let (fleet, cables) = Fleet::on_cables(&["far"]).await?;
    fleet.world.hook(&script()).await?;
    let (pushed, live) = fleet.run_to_the_gate().await?;
    cables[0].freeze();
    fleet.open_gate().await?;
    fleet.runners[0].wait_for_output("not connected to the server").await?;
    cables[0].mend();
    fleet.ran_once(&pushed, live).await?;
    fleet.end().await
}

#[tokio::test]
async fn a_runner_that_is_cut_off_for_long_stops_its_script_and_another_begins_the_job() -> Result<()> {
    let (fleet, cables) = Fleet::on_cables(&["one", "two"]).await?;
    fleet.world.hook(&script()).await?;
    let (pushed, _live) = fleet.run_to_the_gate().await?;
    let (lost, container) = fleet.container().await?;
    cables[lost].cut();
    fleet.world.docker.run(&["wait", &container]).await.context("the runner stops its script")?;
    let again = fleet.begun_by(1 - lost).await?;
    cables[lost].mend();
    open_gate_in(&fleet.world.docker, &again).await;
    fleet.world.status(&pushed.sha, State::Success).await?;
    is_whole(&fleet.world.log().await?)?;
    fleet.end().await
}
