//! Runners in processes of their own, which take the jobs of a server that is measured.

use std::path::PathBuf;

use anyhow::{Context, Result};

use super::Options;
use super::engine::Bare;
use super::usage;
use crate::docker::{Docker, INSTANCE};
use crate::runner::Runner;
use crate::server::Server;

/// Runners of one server; none if the server runs the jobs itself.
pub(super) struct Helpers(Vec<Helper>);

struct Helper {
    runner: Runner,
    /// Memory after the start, before the first job, in MB.
    idle: f64,
}

impl Helpers {
    /// Starts runners, each with this number of jobs at once.
    pub(super) async fn start(
        options: &Options,
        server: &Server,
        count: usize,
        slots: usize,
    ) -> Result<Self> {
        let mut runners = Vec::new();
        for number in 0..count {
            let title = format!("bench-{number}");
            let mut runner = Runner::add_at(server, &title, &[], &server.url()).await?;
            runner.quiet();
            runner.set("KOZMIC_DOCKER_URL", &options.docker_url);
            runner.set("KOZMIC_DOCKER_NETWORK", &options.network);
            runner.set("KOZMIC_RUNNER_CONCURRENCY", &slots.to_string());
            runner.start().await.context("start a runner")?;
            let idle = memory(&runner)?;
            runners.push(Helper { runner, idle });
        }
        Ok(Self(runners))
    }

    /// The memory of each after its start and now, in MB.
    pub(super) fn memory(&self) -> Result<Vec<(f64, f64)>> {
        self.0.iter().map(|helper| Ok((helper.idle, memory(&helper.runner)?))).collect()
    }

    /// Waits until all work after the last jobs is done.
    pub(super) async fn settle(&self, bare: &Bare) -> Result<()> {
        for Helper { runner, .. } in &self.0 {
            bare.wait_until_clean(runner.name()).await?;
        }
        Ok(())
    }

    pub(super) async fn clear(self, docker: &Docker) -> Result<()> {
        for Helper { mut runner, .. } in self.0 {
            runner.terminate().await?;
            docker.clean(&format!("{INSTANCE}={}", runner.name())).await?;
        }
        Ok(())
    }
}

fn memory(runner: &Runner) -> Result<f64> {
    usage::memory(runner.pid().context("the runner runs")?)
}

/// A Kozmic to measure.
#[derive(Debug, Clone)]
pub(super) struct Variant {
    /// The name in tables.
    pub(super) name: String,
    pub(super) binary: PathBuf,
    /// Number of runners that take all jobs; none: the server runs them itself.
    pub(super) runners: usize,
}

impl Variant {
    /// The variants that the options ask for.
    pub(super) fn all(options: &Options, binaries: &[PathBuf]) -> Vec<Self> {
        let mut all = Vec::new();
        for binary in binaries {
            let file = binary.parent().and_then(|dir| dir.file_name()).unwrap_or_default().to_string_lossy();
            let name = if binaries.len() > 1 { format!("Kozmic {file}") } else { "Kozmic".to_owned() };
            all.push(Self { name: name.clone(), binary: binary.clone(), runners: 0 });
            for runners in &options.runners {
                let words = if *runners == 1 { "a runner".to_owned() } else { format!("{runners} runners") };
                let name = format!("{name}, {words}");
                all.push(Self { name, binary: binary.clone(), runners: *runners });
            }
        }
        all
    }
}
