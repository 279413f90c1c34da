//! `kozmic-fleet`, for `bench/run --only idle-runners`: many runners of one server in one process. Each is the real
//! runner with the real connections, on an engine in memory.
//!
//! The tokens are lines of a file. A line on standard output tells when the server has welcomed all runners. They end at
//! SIGTERM, or with the process.

use anyhow::{Context, Result};
use clap::Parser;
use kozmic_edges::{git::Mirrors, logs::Logs, room::Room};
use kozmic_model::runner::RunnerFacts;
use kozmic_remote::{Access, Away, Introduction};
use kozmic_runner::{
    OpenRunner, Runner, RunnerSettings, Tools, coordinator::Coordinator, facts, registry::PrivateRegistries,
    turns::Turns,
};
use kozmic_scripted::ScriptedEngine;
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};
use tokio::task::JoinSet;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use url::Url;

/// Runs many runners in one process.
#[derive(Parser)]
#[command(name = "kozmic-fleet", version)]
struct Arguments {
    /// The server's address
    #[arg(long, value_name = "URL")]
    server: Url,
    /// A file with the token of a runner on each line
    #[arg(long, value_name = "FILE")]
    tokens: PathBuf,
}

/// The state that all runners share.
struct Fleet {
    server: Url,
    dir: tempfile::TempDir,
    stop: CancellationToken,
    tasks: TaskTracker,
}

#[tokio::main]
#[expect(clippy::print_stdout, reason = "the benchmark waits for this line")]
async fn main() -> Result<()> {
    let Arguments { server, tokens } = Arguments::parse();
    // A second installation would be a fault of this program.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let tokens = std::fs::read_to_string(tokens).context("read the tokens")?;
    let dir = tempfile::tempdir().context("make a directory")?;
    let fleet = Fleet { server, dir, stop: CancellationToken::new(), tasks: TaskTracker::new() };
    let mut opening = JoinSet::new();
    let fleet = Arc::new(fleet);
    for token in tokens.lines() {
        opening.spawn(start(Arc::clone(&fleet), token.to_owned()));
    }
    let mut runners = Vec::new();
    while let Some(opened) = opening.join_next().await {
        runners.push(opened??);
    }
    println!("{} runners are connected", runners.len());
    tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?.recv().await;
    fleet.stop.cancel();
    fleet.tasks.close();
    fleet.tasks.wait().await;
    Ok(())
}

/// Starts a runner, as the program's command does it. The server has welcomed it when this returns.
async fn start(fleet: Arc<Fleet>, token: String) -> Result<Arc<Away>> {
    let access =
        Access { server: fleet.server.clone(), token: token.trim().parse().context("read a token")? };
    let name = access.token.name().to_owned();
    let tools = tools(&fleet.dir.path().join(&name))?;
    let facts = facts(tools.engine.as_ref(), &tools.room, RunnerFacts::default()).await;
    let own = Introduction { features: Vec::new(), facts, slots: 1, process: String::new() };
    let (stop, tasks) = (fleet.stop.clone(), fleet.tasks.clone());
    let away = Arc::new(Away::open(access, own, tools.logs.clone(), &stop, tasks.clone())?);
    let settings = RunnerSettings {
        work_dir: fleet.dir.path().join(&name).join("work"),
        name,
        slots: 1,
        largest_checkout: kozmic_edges::git::TreeSize::default(),
        private_registries: PrivateRegistries::new(&[]),
    };
    let runner = Runner::new(Arc::clone(&away) as Arc<dyn Coordinator>, tools, settings, stop, tasks.clone());
    work(runner.open().await, &tasks);
    away.welcomed().await;
    Ok(away)
}

fn work(open: OpenRunner, tasks: &TaskTracker) {
    tasks.spawn(open.clone().beat());
    tasks.spawn(open.clone().sweep());
    tasks.spawn(open.work());
}

fn tools(dir: &Path) -> Result<Tools> {
    std::fs::create_dir(dir).context("make a runner's directory")?;
    Ok(Tools {
        engine: Arc::new(ScriptedEngine::new()),
        mirrors: Mirrors::open(dir.join("mirrors"))?,
        logs: Logs::open(dir.join("logs"))?,
        room: Room::new(vec![dir.to_owned()], Some(0)).of_a_runner(),
        turns: Turns::default(),
    })
}
