//! A runner in a network of its own, whose packets are lost: all of them, those of one direction, those of connections
//! that a firewall forgot. Its commits come from the server, because it reaches nothing else.

use super::{
    Fleet, is_whole,
    listener::{Listener, Start, has_no_gap, log_of},
    script,
};
use crate::{
    api::Program,
    world::{LIMIT, REPOSITORY, World, open_gate_in, options},
};
use anyhow::{Context, Result, ensure};
use kozmic_testkit::{
    github::{GitHub, NewRepository, State},
    netns::{
        Direction::{self, In, Out},
        Namespace,
    },
    runner::Runner,
    server::Server,
};

/// Words of a runner that lost its server.
const LOST: &str = "the connection to the server broke";

/// Words of a runner that hears it again.
const REACHED: &str = "the server is reached";

/// Words of a server that lost a runner.
const ENDED: &str = "a runner's line ended";

/// Runners in networks of their own, and a server outside. The runners end before their networks.
struct Apart {
    fleet: Fleet,
    networks: Vec<Namespace>,
}

impl Apart {
    /// With a runner for each title.
    async fn new(titles: &[&str]) -> Result<Self> {
        let github = GitHub::start().await?;
        github.add_user("anna", "Anna Orbit", "anna@example.com");
        github.add_repository(NewRepository::private(REPOSITORY))?;
        github.start_ssh().await?;
        let settings = options(&github)
            .on_all_addresses()
            .env("KOZMIC_RUNNER_CONCURRENCY", "0")
            .env("KOZMIC_RUNNER_LEASE", "30");
        let world = World::of(github, settings).await?;
        let mut apart = Self { fleet: Fleet { world, runners: Vec::new() }, networks: Vec::new() };
        for title in titles {
            apart.add(title).await?;
        }
        Ok(apart)
    }

    async fn add(&mut self, title: &str) -> Result<()> {
        let (network, server) = (Namespace::new()?, &self.fleet.world.server);
        let mut runner = Runner::add_at(server, title, &[], &server.url_at(network.outside())).await?;
        runner.start_by(network.command());
        runner.set("KOZMIC_RUNNER_CONCURRENCY", "2");
        runner.start().await?;
        self.fleet.runners.push(runner);
        self.networks.push(network);
        Ok(())
    }

    fn server(&self) -> &Server {
        &self.fleet.world.server
    }

    fn drop_all(&self, directions: &[Direction]) -> Result<()> {
        directions.iter().try_for_each(|direction| self.networks[0].drop_all(*direction))
    }

    /// Waits until both ends have noticed a fault for the time of this number.
    async fn is_noticed(&self, times: usize) -> Result<()> {
        self.fleet.runners[0].wait_for_outputs(LOST, times).await?;
        self.server().wait_for_outputs(ENDED, times, LIMIT).await
    }

    async fn end(self) -> Result<()> {
        self.fleet.end().await
    }
}

#[tokio::test]
async fn no_line_is_lost_or_doubled_whichever_packets_are_dropped_for_a_while() -> Result<()> {
    let (apart, listener) = (Apart::new(&["far"]).await?, Listener::new().await?);
    apart.fleet.world.hook(&listener.script("tests")).await?;
    let pushed = apart.fleet.world.push("Begin").await?;
    listener.wait("the script begins", |starts| starts.iter().any(Start::waits)).await?;
    let mut live = apart.fleet.world.live().await?;
    for (count, directions) in [(1, &[In, Out][..]), (2, &[In]), (3, &[Out])] {
        apart.drop_all(directions)?;
        apart.is_noticed(count).await?;
        listener.go_on(0).await?;
        apart.networks[0].heal()?;
        apart.fleet.runners[0].wait_for_outputs(REACHED, count).await?;
        live.read_until(&format!("\n{count}000\n"), LIMIT).await?;
    }
    listener.go_on(0).await?;
    apart.fleet.ran_once(&pushed, live).await?;
    assert_eq!(listener.attempts_of("tests"), [1]);
    apart.end().await
}

#[tokio::test]
async fn a_script_that_ends_while_all_packets_are_dropped_keeps_its_result() -> Result<()> {
    let apart = Apart::new(&["far"]).await?;
    apart.fleet.world.hook(&script()).await?;
    let (pushed, live) = apart.fleet.run_to_the_gate().await?;
    apart.drop_all(&[In, Out])?;
    let (_, container) = apart.fleet.container().await?;
    open_gate_in(&apart.fleet.world.docker, &container).await;
    apart.fleet.world.docker.run(&["wait", &container]).await?;
    apart.is_noticed(1).await?;
    apart.networks[0].heal()?;
    apart.fleet.ran_once(&pushed, live).await?;
    apart.end().await
}

#[tokio::test]
async fn connections_that_a_firewall_forgot_and_an_address_that_changed_are_replaced() -> Result<()> {
    let (apart, listener) = (Apart::new(&["far"]).await?, Listener::new().await?);
    apart.fleet.world.hook(&listener.script("tests")).await?;
    let pushed = apart.fleet.world.push("Begin").await?;
    listener.wait("the script begins", |starts| starts.iter().any(Start::waits)).await?;
    let mut live = apart.fleet.world.live().await?;
    let forgotten = apart.networks[0].forget_connections()?;
    ensure!(forgotten >= 2, "the line and the log are connections: {forgotten}");
    apart.fleet.runners[0].wait_for_outputs(REACHED, 1).await?;
    listener.go_on(0).await?;
    live.read_until("\n1000\n", LIMIT).await?;
    apart.networks[0].move_away()?;
    listener.go_on(0).await?;
    apart.fleet.runners[0].wait_for_outputs(REACHED, 2).await?;
    live.read_until("\n2000\n", LIMIT).await?;
    listener.open();
    apart.fleet.ran_once(&pushed, live).await?;
    assert_eq!(listener.attempts_of("tests"), [1]);
    apart.end().await
}

#[tokio::test]
async fn after_a_partition_longer_than_the_lease_only_the_attempts_of_another_runner_count() -> Result<()> {
    let (mut apart, listener) = (Apart::new(&["one"]).await?, Listener::new().await?);
    for name in ["ends", "goes-on"] {
        apart.fleet.hook_named(name, &listener).await?;
    }
    let pushed = apart.fleet.world.push("Begin").await?;
    let all_wait = |starts: &[Start]| starts.len() == 2 && starts.iter().all(Start::waits);
    listener.wait("both scripts begin", all_wait).await?;
    apart.add("two").await?;
    apart.drop_all(&[In, Out])?;
    listener.finish("ends").await?;
    let is_stopped = |starts: &[Start]| starts.iter().all(|start| start.has_ended);
    listener.wait("the runner stops its script", is_stopped).await?;
    let begin_again = |starts: &[Start]| starts.len() == 4 && starts[2..].iter().all(Start::waits);
    listener.wait("both scripts begin again", begin_again).await?;
    apart.networks[0].heal()?;
    apart.fleet.runners[0].wait_for_outputs(REACHED, 1).await?;
    listener.open();
    apart.fleet.world.status(&pushed.sha, State::Success).await?;
    let program = Program::of(&apart.fleet.world.anna, &apart.fleet.world).await?;
    for name in ["ends", "goes-on"] {
        assert_eq!(listener.attempts_of(name), [1, 2]);
        let job = listener.starts().iter().find(|start| start.name == name).context("it began")?.job;
        is_whole(&log_of(&apart.fleet.world, job, 2).await?)?;
        has_no_gap(&log_of(&apart.fleet.world, job, 1).await?)?;
        let job = program.get(&format!("projects/{}/jobs/{job}", apart.fleet.world.project)).await?;
        assert_eq!(job["attempts"][0]["ending"], "interrupted", "{job}");
    }
    let told = apart.fleet.world.github.statuses(REPOSITORY, &pushed.sha);
    assert!(told.iter().all(|told| ![State::Failure, State::Error].contains(&told.state)), "{told:?}");
    apart.end().await
}
