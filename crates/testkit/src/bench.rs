//! The benchmark of `bench/run`: compares Kozmic with the bare engine. The variants alternate within one run, so that
//! other load on the machine slows all of them alike.

pub mod figures;
mod usage;
mod script;
mod engine;
mod stage;
mod first_line;
mod throughput;
mod webhooks;
mod workshop;
mod pushes;
mod viewers;
mod runners;
mod idle;
mod lost;
mod uplink;
mod latency;
mod engines;
mod variant;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Parser, ValueEnum};

use engine::Bare;
use figures::line;
use stage::Stage;
use variant::{Variant, named};

/// Measures Kozmic side by side with the bare Docker engine.
#[derive(Debug, Clone, Parser)]
#[command(name = "kozmic-bench", version)]
pub struct Options {
    /// A `kozmic` binary; several are compared with each other [default: the one beside this program]
    #[arg(long, value_name = "PATH")]
    kozmic: Vec<PathBuf>,
    /// The Docker engine
    #[arg(long, value_name = "URL", env = "DOCKER_HOST", default_value = "unix:///var/run/docker.sock")]
    docker_url: String,
    /// The image that everything runs in
    #[arg(long, default_value = "kozmic/debian:bookworm")]
    image: String,
    /// The network of Kozmic's and the bare engine's containers
    #[arg(long, default_value = "bridge")]
    network: String,
    /// Rounds of the time to the first line
    #[arg(long, default_value_t = 15)]
    rounds: usize,
    /// Rounds of a million lines
    #[arg(long, default_value_t = 3)]
    long_rounds: usize,
    /// Rounds of a build that a thousand watch
    #[arg(long, default_value_t = 3)]
    viewer_rounds: usize,
    /// Measures each Kozmic also with its jobs on this number of runners
    #[arg(long, value_name = "NUMBER")]
    runners: Vec<usize>,
    /// Number of pushes that come at once
    #[arg(long, default_value_t = 50)]
    pushes: usize,
    /// Number of runners that have nothing to do
    #[arg(long, default_value_t = 1_000)]
    idle_runners: usize,
    /// Seconds for which a server with idle runners is measured
    #[arg(long, default_value_t = 60)]
    idle_seconds: u64,
    /// Measure only this
    #[arg(long)]
    only: Vec<Part>,
}

/// A part of the benchmark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    FirstLine,
    Throughput,
    Webhooks,
    Pushes,
    Viewers,
    Latency,
    Uplink,
    Engines,
    LostRunners,
    IdleRunners,
    RunnerMemory,
}

/// Runs the benchmark. All processes that it started have ended when this returns.
pub async fn run(options: Options) -> ExitCode {
    match measure(&options).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            line(&format!("the benchmark failed: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

async fn measure(options: &Options) -> Result<()> {
    let (bare, binaries) = (Bare::new(options)?, binaries(options)?);
    let binaries = named(&binaries);
    let variants = Variant::all(options, &binaries);
    line(&format!("load at the start: {}", usage::load()));
    staged(options, &bare, &variants).await?;
    if options.wants(Part::Pushes) {
        pushes::measure(options, &bare, &variants).await.context("measure pushes")?;
    }
    if options.wants(Part::Viewers) {
        viewers::measure(options, &bare, &variants).await.context("measure viewers")?;
    }
    of_runners(options, &bare, &binaries).await?;
    line(&format!("\nload at the end: {}", usage::load()));
    Ok(())
}

/// The parts that share servers.
async fn staged(options: &Options, bare: &Bare, variants: &[Variant]) -> Result<()> {
    if ![Part::FirstLine, Part::Throughput, Part::Webhooks].into_iter().any(|part| options.wants(part)) {
        return Ok(());
    }
    let mut stages = Vec::new();
    for variant in variants {
        stages.push(Stage::set(options, variant).await?);
    }
    let outcome = on(options, bare, &stages).await;
    for stage in stages {
        stage.clear().await?;
    }
    outcome
}

async fn on(options: &Options, bare: &Bare, stages: &[Stage]) -> Result<()> {
    if options.wants(Part::FirstLine) {
        first_line::measure(options.rounds, bare, stages).await.context("measure the first line")?;
    }
    if options.wants(Part::Throughput) {
        throughput::measure(options.long_rounds, bare, stages).await.context("measure a million lines")?;
    }
    if options.wants(Part::Webhooks) {
        webhooks::measure(stages).await.context("measure webhooks")?;
    }
    Ok(())
}

/// The parts that are about runners on other machines.
async fn of_runners(options: &Options, bare: &Bare, binaries: &[(String, &Path)]) -> Result<()> {
    if options.wants(Part::Latency) {
        latency::measure(options, bare, binaries).await.context("measure lines to their viewer")?;
    }
    if options.wants(Part::Uplink) {
        uplink::measure(options, bare, binaries).await.context("measure a log that waited")?;
    }
    if options.wants(Part::Engines) {
        engines::measure(options, bare, binaries).await.context("measure two engines")?;
    }
    if options.wants(Part::LostRunners) {
        lost::measure(options, binaries).await.context("measure lost runners")?;
    }
    if options.wants(Part::IdleRunners) {
        idle::measure(options, binaries).await.context("measure idle runners")?;
    }
    if options.wants(Part::RunnerMemory) {
        lost::memory(options, binaries).await.context("measure a runner's memory")?;
    }
    Ok(())
}

impl Options {
    fn wants(&self, part: Part) -> bool {
        self.only.is_empty() || self.only.contains(&part)
    }
}

fn binaries(options: &Options) -> Result<Vec<PathBuf>> {
    let mut binaries = options.kozmic.clone();
    if binaries.is_empty() {
        binaries.push(std::env::current_exe().context("find this program")?.with_file_name("kozmic"));
    }
    let find = |path: PathBuf| {
        path.canonicalize().with_context(|| format!("find the kozmic binary {}", path.display()))
    };
    binaries.into_iter().map(find).collect()
}
