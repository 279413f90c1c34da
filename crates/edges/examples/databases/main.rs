//! The benchmark that `bench/databases` runs: SQLite, PostgreSQL and MariaDB side by side, interleaved in one run, so
//! that whatever else the machine does slows all of them. Each has a transaction on the disk before it says so.
// A future that works with the store holds those of the layers below it.
#![recursion_limit = "256"]

mod place;
mod queue;
mod claims;
mod deliveries;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Parser;
use kozmic_testkit::bench::figures::{Series, line, row, title};

use deliveries::Receivers;
use place::{Kind, Place};

/// Measures Kozmic on one database beside the others.
#[derive(Debug, Parser)]
#[command(name = "databases", version)]
struct Options {
    /// A database to measure; the first one is what the others are compared with [default: all three]
    #[arg(long = "database", value_name = "NAME")]
    databases: Vec<Kind>,
    /// Rounds of claims
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Turns of 20 deliveries
    #[arg(long, default_value_t = 20)]
    turns: usize,
    /// The `kozmic` binary that takes deliveries [default: the one of the same build]
    #[arg(long, value_name = "PATH")]
    kozmic: Option<PathBuf>,
    /// The Docker engine of these servers, which no job is given to
    #[arg(long, value_name = "URL", env = "DOCKER_HOST", default_value = "unix:///var/run/docker.sock")]
    docker_url: String,
}

#[tokio::main]
async fn main() -> ExitCode {
    match measure(&Options::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            line(&format!("the benchmark failed: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

async fn measure(options: &Options) -> Result<()> {
    let kinds = if options.databases.is_empty() { &Kind::ALL[..] } else { &options.databases };
    let mut places = Vec::new();
    for kind in kinds {
        places.push(Place::start(*kind).await.with_context(|| format!("start {}", kind.name()))?);
    }
    let claims = claims::measure(options.rounds, &places).await.context("measure claims")?;
    table(&format!("Claims a second, {} claimers", claims::CLAIMERS), &places, &claims);
    let kozmic = options.kozmic.clone().map_or_else(beside, Ok)?;
    let receivers = Receivers { kozmic, docker_url: options.docker_url.clone() };
    let (rates, times) = receivers.measure(options.turns, &places).await.context("measure deliveries")?;
    table(&format!("Deliveries a second, {} senders", deliveries::SENDERS), &places, &rates);
    table("Time to a delivery's answer, in microseconds", &places, &times);
    Ok(())
}

/// Prints the medians of all places, each with its ratio to the first one.
fn table(text: &str, places: &[Place], all: &[Series]) {
    title(text, "ratio");
    for (place, series) in places.iter().zip(all) {
        row(&place.name, series, &all[0]);
    }
}

/// The binary of the build that this example is of.
fn beside() -> Result<PathBuf> {
    let own = std::env::current_exe().context("find this program")?;
    let dir = own.parent().and_then(|examples| examples.parent()).context("an example has a build")?;
    Ok(dir.join("kozmic"))
}
