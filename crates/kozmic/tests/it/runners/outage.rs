//! The server is away for an hour while scripts run or end on another machine.

use super::{
    Fleet, is_whole,
    listener::{Listener, Start, has_no_gap, log_of},
};
use crate::{
    api::Program,
    world::{IMAGE, REPOSITORY},
};
use anyhow::{Context, Result, ensure};
use kozmic_testkit::{
    github::{Pushed, State},
    runner::Runner,
    server::Server,
};
use serde_json::Value;
use tokio::process::Command;

/// The words of an attempt that its runner gave up: two thirds of the lease of 30 s.
const GIVEN_UP: &str = "The server could not be reached for 20 s.";

/// Scripts that run on one runner, and a second runner that waits for work.
struct Stage {
    fleet: Fleet,
    listener: Listener,
    pushed: Pushed,
}

impl Stage {
    /// With a hook for each name, and its answer to an interruption. All scripts have begun.
    async fn with(hooks: &[(&str, &str)]) -> Result<Self> {
        let (mut fleet, listener) = (Fleet::new(&[], &[]).await?, Listener::new().await?);
        let url = fleet.world.server.url();
        let mut runner = Runner::add_at(&fleet.world.server, "one", &[], &url).await?;
        runner.set("KOZMIC_RUNNER_CONCURRENCY", &hooks.len().to_string());
        runner.start().await?;
        fleet.runners.push(runner);
        let path = format!("/projects/{}/hooks/add/", fleet.world.project);
        for (name, answer) in hooks {
            let script = format!("#!/bin/bash\n{}\n", listener.script(name));
            let fields =
                [("title", *name), ("image", IMAGE), ("script", &script), ("if_interrupted", answer)];
            fleet.world.anna.post_form(&path, &path, &fields).await?.ensure_ok()?;
        }
        let pushed = fleet.world.push("Begin").await?;
        let all_wait = |starts: &[_]| starts.len() == hooks.len() && starts.iter().all(Start::waits);
        listener.wait("all scripts begin", all_wait).await?;
        fleet.runners.push(Runner::add(&fleet.world.server, "two", &[]).await?);
        Ok(Self { fleet, listener, pushed })
    }

    /// Lets the server be away until the runner has stopped the script of this name, and for the rest of an hour.
    async fn outlast(&self, name: &str) -> Result<()> {
        let is_over = |starts: &[Start]| starts.iter().any(|start| start.name == name && start.has_ended);
        self.listener.wait("the runner stops a script", is_over).await?;
        end_leases(&self.fleet.world.server).await
    }

    /// The job of a script as the API shows it.
    async fn job(&self, name: &str) -> Result<Value> {
        let starts = self.listener.starts();
        let job = starts.iter().find(|start| start.name == name).context("it has started")?.job;
        let program = Program::of(&self.fleet.world.anna, &self.fleet.world).await?;
        program.get(&format!("projects/{}/jobs/{job}", self.fleet.world.project)).await
    }

    /// The log of an attempt of a script.
    async fn log(&self, name: &str, attempt: i32) -> Result<String> {
        let job = self.job(name).await?["id"].as_u64().context("an id")?;
        log_of(&self.fleet.world, job, attempt).await
    }

    /// The states that GitHub was told, from the first to the last.
    fn told(&self) -> Vec<State> {
        let statuses = self.fleet.world.github.statuses(REPOSITORY, &self.pushed.sha);
        statuses.into_iter().map(|status| status.state).collect()
    }
}

/// Changes the database of a server that is away as if all leases had ended long ago.
async fn end_leases(server: &Server) -> Result<()> {
    let program = "import sqlite3, sys; db = sqlite3.connect(sys.argv[1]); \
                   print(db.execute('UPDATE job SET lease_until = 1 WHERE lease_until IS NOT NULL').rowcount); \
                   db.commit()";
    let mut python = Command::new("python3");
    let done = python.args(["-c", program]).arg(server.data_dir().join("kozmic.db")).output().await?;
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    let is_done = done.status.success() && said.trim() != "0";
    ensure!(is_done, "no lease was changed: {said}{}", String::from_utf8_lossy(&done.stderr));
    Ok(())
}

#[tokio::test]
async fn after_an_hour_without_server_a_script_that_ended_keeps_its_result_and_one_that_ran_runs_again()
-> Result<()> {
    let mut stage = Stage::with(&[("ends", "again"), ("goes-on", "again")]).await?;
    stage.fleet.world.server.kill_9().await?;
    stage.listener.finish("ends").await?;
    let at = stage.listener.starts().iter().position(|start| start.name == "goes-on").context("it runs")?;
    stage.listener.go_on(at).await?;
    stage.outlast("goes-on").await?;
    stage.listener.open();
    stage.fleet.world.server.restart().await?;
    stage.fleet.world.status(&stage.pushed.sha, State::Success).await?;

    assert!(stage.told().iter().all(|state| ![State::Error, State::Failure].contains(state)));
    assert_eq!(stage.listener.attempts_of("ends"), [1]);
    assert_eq!(stage.listener.attempts_of("goes-on"), [1, 2]);
    is_whole(&stage.log("ends", 1).await?)?;
    let first = stage.log("goes-on", 1).await?;
    has_no_gap(&first)?;
    assert!(first.contains("\n1000\n") && !first.contains("\n1001\n"), "{first}");
    assert!(first.contains(GIVEN_UP) && first.contains("runs again, as attempt 2"), "{first}");
    is_whole(&stage.log("goes-on", 2).await?)?;
    let job = stage.job("goes-on").await?;
    assert_eq!(job["attempts"][0]["ending"], "interrupted", "{job}");
    stage.fleet.end().await
}

#[tokio::test]
async fn after_an_hour_without_server_a_script_that_must_not_begin_twice_ends_as_an_error() -> Result<()> {
    let mut stage = Stage::with(&[("deploys", "error")]).await?;
    stage.fleet.world.server.kill_9().await?;
    stage.outlast("deploys").await?;
    stage.listener.open();
    stage.fleet.world.server.restart().await?;
    stage.fleet.world.status(&stage.pushed.sha, State::Error).await?;

    assert!(!stage.told().contains(&State::Failure));
    assert_eq!(stage.listener.attempts_of("deploys"), [1]);
    let log = stage.log("deploys", 1).await?;
    has_no_gap(&log)?;
    assert!(log.contains(GIVEN_UP) && log.contains("as its hook says."), "{log}");
    stage.fleet.end().await
}
