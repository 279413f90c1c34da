//! Runners in processes of their own, which take the jobs of a server that is measured.

use anyhow::{Context, Result};

use super::Options;
use super::engine::Bare;
use super::usage;
use crate::docker::{Docker, INSTANCE};
use crate::runner::Runner;
use crate::server::Server;

/// Runners of one server; none if the server runs the jobs itself.
pub(super) struct Runners(Vec<Started>);

/// A runner that was started.
struct Started {
    runner: Runner,
    /// Memory after the start, before the first job, in MB.
    idle: f64,
}

impl Runners {
    /// Starts runners, each with this number of jobs at once.
    pub(super) async fn start(
        options: &Options,
        server: &Server,
        count: usize,
        slots: usize,
    ) -> Result<Self> {
        let mut started = Vec::new();
        for number in 0..count {
            let title = format!("bench-{number}");
            let mut runner = Runner::add_at(server, &title, &[], &server.url()).await?;
            runner.quiet();
            runner.set("KOZMIC_DOCKER_URL", &options.docker_url);
            runner.set("KOZMIC_DOCKER_NETWORK", &options.network);
            runner.set("KOZMIC_RUNNER_CONCURRENCY", &slots.to_string());
            runner.start().await.context("start a runner")?;
            let idle = memory(&runner)?;
            started.push(Started { runner, idle });
        }
        Ok(Self(started))
    }

    /// The memory of each after its start and now, in MB.
    pub(super) fn memory(&self) -> Result<Vec<(f64, f64)>> {
        self.0.iter().map(|Started { runner, idle }| Ok((*idle, memory(runner)?))).collect()
    }

    /// Waits until all work after the last jobs is done.
    pub(super) async fn settle(&self, bare: &Bare) -> Result<()> {
        for Started { runner, .. } in &self.0 {
            bare.wait_until_clean(runner.name()).await?;
        }
        Ok(())
    }

    pub(super) async fn clear(self, docker: &Docker) -> Result<()> {
        for Started { mut runner, .. } in self.0 {
            runner.terminate().await?;
            docker.clean(&format!("{INSTANCE}={}", runner.name())).await?;
        }
        Ok(())
    }
}

fn memory(runner: &Runner) -> Result<f64> {
    usage::memory(runner.pid().context("the runner runs")?)
}
