//! The database is away while scripts run and end on two machines.

use super::{
    Fleet, is_whole,
    listener::{Listener, Start, log_of},
};
use crate::world::LIMIT;
use anyhow::{Context, Result, ensure};
use kozmic_testkit::{
    github::State,
    live::{Frame, Live},
    postgres::Postgres,
    runner::Runner,
};

impl Fleet {
    /// Adds a runner for each of these hooks, pushes, and waits until each runner has a script that waits.
    async fn one_script_each(&mut self, listener: &Listener, names: &[&str]) -> Result<String> {
        for name in names {
            let mut runner = Runner::add_at(&self.world.server, name, &[], &self.world.server.url()).await?;
            runner.set("KOZMIC_RUNNER_CONCURRENCY", "1");
            runner.start().await?;
            self.runners.push(runner);
            self.hook_named(name, listener).await?;
        }
        let pushed = self.world.push("Begin").await?;
        let all_wait = |starts: &[_]| starts.len() == names.len() && starts.iter().all(Start::waits);
        listener.wait("all scripts begin", all_wait).await?;
        Ok(pushed.sha)
    }

    /// The live log of a script's job.
    async fn live_of(&self, listener: &Listener, name: &str) -> Result<(usize, Live)> {
        let starts = listener.starts();
        let at = starts.iter().position(|start| start.name == name).context("it has started")?;
        Ok((at, self.world.anna.live(self.world.project, starts[at].job, 0).await?))
    }
}

/// Reads until the server has said once more that the connection is alive. It does so every half a minute.
async fn read_to_a_tick(live: &mut Live) -> Result<()> {
    while live.next(LIMIT).await?.context("the live log ended")? != Frame::Tick {}
    Ok(())
}

#[tokio::test]
async fn scripts_and_logs_go_on_while_the_database_is_away_for_longer_than_the_lease() -> Result<()> {
    let (mut postgres, listener) = (Postgres::start().await?, Listener::new().await?);
    let url = postgres.fresh_database().await?;
    let mut fleet = Fleet::new(&[], &[("KOZMIC_DATABASE_URL", &url)]).await?;
    let sha = fleet.one_script_each(&listener, &["ends", "goes-on"]).await?;
    let (_, mut ends) = fleet.live_of(&listener, "ends").await?;
    let (at, mut goes_on) = fleet.live_of(&listener, "goes-on").await?;

    postgres.stop().await?;
    listener.finish("ends").await?;
    listener.go_on(at).await?;
    ends.read_until("\nend\n", LIMIT).await?;
    goes_on.read_until("\n1000\n", LIMIT).await?;
    read_to_a_tick(&mut goes_on).await?;
    listener.go_on(at).await?;
    goes_on.read_until("\n2000\n", LIMIT).await?;
    ensure!(ends.finished().is_none(), "an end was noted without a database");

    postgres.start_again().await?;
    ensure!(ends.read_to_end(LIMIT).await?.status == "success");
    listener.open();
    ensure!(goes_on.read_to_end(LIMIT).await?.status == "success");
    fleet.world.status(&sha, State::Success).await?;
    for (name, live) in [("ends", ends), ("goes-on", goes_on)] {
        ensure!(listener.attempts_of(name) == [1]);
        let job = listener.starts().iter().find(|start| start.name == name).context("it has started")?.job;
        let log = log_of(&fleet.world, job, 1).await?;
        is_whole(&log)?;
        ensure!(live.text() == log, "a viewer saw another log than is kept");
    }
    fleet.end().await
}
