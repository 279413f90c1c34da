//! Runners in processes of their own, which take the jobs of a server that is measured.

use std::path::PathBuf;

use anyhow::{Context, Result};

use super::Options;
use super::engine::Bare;
use super::usage;
use super::variant::Variant;
use crate::cable::Cable;
use crate::docker::{Docker, INSTANCE};
use crate::runner::Runner;
use crate::server::Server;

/// Runners of one server; none if the server runs the jobs itself.
pub(super) struct Runners {
    started: Vec<Started>,
    /// The cable between them and the server, if there is one.
    cable: Option<Cable>,
}

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
        variant: &Variant,
        slots: usize,
    ) -> Result<Self> {
        let cable = if variant.is_cabled { Some(Cable::to(&server.url()).await?) } else { None };
        let url = cable.as_ref().map_or_else(|| server.url(), Cable::url);
        let mut started = Vec::new();
        for number in 0..variant.runners {
            let title = format!("bench-{number}");
            let mut runner = Runner::add_at(server, &title, &[], &url).await?;
            runner.quiet();
            let engine = variant.engines.iter().cycle().nth(number).unwrap_or(&options.docker_url);
            runner.set("KOZMIC_DOCKER_URL", engine);
            runner.set("KOZMIC_DOCKER_NETWORK", &options.network);
            runner.set("KOZMIC_RUNNER_CONCURRENCY", &slots.to_string());
            runner.start().await.context("start a runner")?;
            let idle = memory(&runner)?;
            started.push(Started { runner, idle });
        }
        Ok(Self { started, cable })
    }

    /// The cable between the runners and the server.
    pub(super) fn cable(&self) -> Option<&Cable> {
        self.cable.as_ref()
    }

    /// The directory of logs of the first runner.
    pub(super) fn logs(&self) -> Result<PathBuf> {
        let first = self.started.first().context("there is a runner")?;
        Ok(first.runner.data_dir().join("data/logs"))
    }

    /// The memory of each after its start and now, in MB.
    pub(super) fn memory(&self) -> Result<Vec<(f64, f64)>> {
        self.started.iter().map(|Started { runner, idle }| Ok((*idle, memory(runner)?))).collect()
    }

    /// Waits until all work after the last jobs is done.
    pub(super) async fn settle(&self, bare: &Bare) -> Result<()> {
        for Started { runner, .. } in &self.started {
            bare.wait_until_clean(runner.name()).await?;
        }
        Ok(())
    }

    pub(super) async fn clear(self, docker: &Docker) -> Result<()> {
        for Started { mut runner, .. } in self.started {
            runner.terminate().await?;
            docker.clean(&format!("{INSTANCE}={}", runner.name())).await?;
        }
        Ok(())
    }
}

fn memory(runner: &Runner) -> Result<f64> {
    usage::memory(runner.pid().context("the runner runs")?)
}
