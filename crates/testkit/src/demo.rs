//! The demo of `script/demo`: shows the whole way of a push, step by step in the terminal.

mod links;
mod sample;
mod stage;
mod story;
mod terminal;
mod summary;
mod tunnel;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};

use links::Links;
use stage::{Act, Stage};
use terminal::Terminal;

/// Starts Kozmic beside a double of GitHub, pushes a commit, and follows its build.
#[derive(Debug, Clone, Parser)]
#[command(name = "kozmic-demo", version)]
pub struct Options {
    /// Stop after the build; the exit code is 0 only if everything happened
    #[arg(long)]
    once: bool,
    /// The `kozmic` binary [default: the one beside this program]
    #[arg(long, value_name = "PATH")]
    kozmic: Option<PathBuf>,
    /// The Docker engine [default: as Kozmic finds it]
    #[arg(long, value_name = "URL")]
    docker_url: Option<String>,
    /// The image that the sample's tests run in
    #[arg(long, default_value = "kozmic/debian:bookworm")]
    image: String,
    /// The port of Kozmic's pages [default: 8080; with --once any free one]
    #[arg(long)]
    port: Option<u16>,
    /// The port of the double of GitHub [default: any free one]
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    github_port: u16,
    /// The directory of Kozmic's data [default: one that is removed at the end]
    #[arg(long, value_name = "PATH")]
    data_dir: Option<PathBuf>,
}

/// Runs the demo. All processes that it started have ended when this returns.
pub async fn run(options: Options) -> ExitCode {
    let terminal = Terminal::new();
    let mut stage = None;
    let outcome = tokio::select! {
        outcome = play(&options, &terminal, &mut stage) => outcome.map(|()| None),
        signal = interrupted() => signal.map(Some),
    };
    if let Some(stage) = &mut stage {
        stage.interrupted = matches!(outcome, Ok(Some(_)));
    }
    let code = match outcome {
        Ok(None) => ExitCode::SUCCESS,
        // Ctrl-C is the normal way to leave after the story. Before that, not everything has happened.
        Ok(Some(_)) if stage.as_ref().is_some_and(|stage| stage.act == Act::Told) => ExitCode::SUCCESS,
        Ok(Some(signal)) => ExitCode::from(128 + signal),
        Err(error) => {
            terminal.failure(&error, stage.as_ref().and_then(Stage::server_output).as_deref());
            ExitCode::FAILURE
        }
    };
    match clear(stage).await {
        Ok(()) => code,
        Err(error) => {
            terminal.failure(&error, None);
            ExitCode::FAILURE
        }
    }
}

async fn play(options: &Options, terminal: &Terminal, place: &mut Option<Stage>) -> Result<()> {
    let stage = place.insert(Stage::set(options, terminal).await?);
    stage.wait_ready(terminal).await?;
    let report = story::tell(stage, options, terminal).await?;
    let links = Links::new(stage, &report);
    links.check(stage).await?;
    terminal.step("the pages of build and commit answer, and the repository can be cloned");
    summary::print(&report, terminal);
    if options.once {
        summary::farewell(terminal);
        return Ok(());
    }
    summary::invite(stage, &links, terminal)?;
    stage.act = Act::Told;
    stage.stay_open(terminal).await
}

async fn clear(stage: Option<Stage>) -> Result<()> {
    match stage {
        Some(stage) => stage.clear().await,
        None => Ok(()),
    }
}

/// Waits for a signal that ends the demo; gives its number.
async fn interrupted() -> Result<u8> {
    let mut interrupt = signal(SignalKind::interrupt()).context("listen for SIGINT")?;
    let mut terminate = signal(SignalKind::terminate()).context("listen for SIGTERM")?;
    let mut hang_up = signal(SignalKind::hangup()).context("listen for SIGHUP")?;
    tokio::select! {
        _ = interrupt.recv() => Ok(2),
        _ = terminate.recv() => Ok(15),
        _ = hang_up.recv() => Ok(1),
    }
}
