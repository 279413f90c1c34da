//! `kozmic runners`: adds, lists, drains and removes runners on other machines.

use crate::{data_dir::DataDir, failure::Failure, settings::Settings, wire};
use anyhow::{Context, Result, anyhow, bail};
use clap::Subcommand;
use kozmic_edges::{
    clock,
    store::{NewRunner, Removed, Store},
};
use kozmic_model::{
    audit::Actor,
    label::Labels,
    runner::{Forks, ProjectPatterns, Runner, RunnerRules},
    time::{Timestamp, spoken},
};
use kozmic_remote::RunnerToken;
use std::process::ExitCode;

/// Commands for runners.
#[derive(Subcommand)]
pub(crate) enum RunnersCommand {
    /// List all runners, one a line, with their state.
    List,
    /// Add a runner, and print its token once.
    Add {
        /// The runner's name for people.
        name: String,
        /// A label of the machine, such as gpu; may be given several times.
        #[arg(long, value_name = "LABEL")]
        label: Vec<Labels>,
        /// The projects whose jobs it may get: owner/name, or owner/* for all of an owner; may be given several times.
        ///
        /// Without it, it may get the jobs of all projects.
        #[arg(long, value_name = "PROJECT")]
        project: Vec<String>,
        /// The rule for pull requests from forks: any, no or only.
        #[arg(long, default_value = "any", value_name = "RULE")]
        forks: Forks,
    },
    /// Let a runner take no more jobs, for an upgrade. Its present jobs go on.
    Drain {
        /// The runner's name.
        name: String,
    },
    /// Let a drained runner take jobs again.
    Resume {
        /// The runner's name.
        name: String,
    },
    /// Remove a runner: the server refuses its token.
    Remove {
        /// The runner's name.
        name: String,
        /// Remove it although it has jobs, which other runners then begin again.
        #[arg(long)]
        force: bool,
    },
}

/// Runs the command.
pub(crate) async fn runners(settings: Settings, command: &RunnersCommand) -> Result<ExitCode, Failure> {
    let dir = DataDir::share(&settings.server.data_dir)?;
    let (store, _engine) = wire::store_and_engine(&settings, &dir).await?;
    let store = store.acting(Actor::Operator);
    wire::closing(&store, run(&store, &settings, command)).await?;
    Ok(ExitCode::SUCCESS)
}

#[expect(clippy::print_stdout, reason = "the command's answer")]
async fn run(store: &Store, settings: &Settings, command: &RunnersCommand) -> Result<()> {
    match command {
        RunnersCommand::List => list(store).await,
        RunnersCommand::Add { name, label, project, forks } => {
            let labels = label.iter().fold(Labels::default(), |all, more| all.with(more));
            let projects = project.join(" ").parse::<ProjectPatterns>()?;
            add(store, settings, name, RunnerRules { labels, projects, forks: *forks }).await
        }
        RunnersCommand::Drain { name } => {
            drain(store, name, true).await?;
            println!("{name} takes no more jobs; those that it has go on");
            Ok(())
        }
        RunnersCommand::Resume { name } => {
            drain(store, name, false).await?;
            println!("{name} takes jobs again");
            Ok(())
        }
        RunnersCommand::Remove { name, force } => remove(store, name, *force).await,
    }
}

#[expect(clippy::print_stdout, reason = "the command's answer")]
async fn list(store: &Store) -> Result<()> {
    let now = clock::now();
    for runner in store.runners().runners().await? {
        let labels = runner.labels();
        println!(
            "{}  {}  {} of {} jobs  {}",
            runner.title,
            state(&runner, now),
            runner.busy,
            runner.slots,
            if labels.is_empty() { "-".to_owned() } else { labels.to_string() }
        );
    }
    Ok(())
}

fn state(runner: &Runner, now: Timestamp) -> String {
    match () {
        () if runner.seen_at == Timestamp(0) => "never seen".to_owned(),
        () if runner.is_silent(now) => format!("silent for {}", spoken(now.since(runner.seen_at))),
        () if runner.is_draining => "draining".to_owned(),
        () => runner.trouble.clone().unwrap_or_else(|| "ready".to_owned()),
    }
}

#[expect(clippy::print_stdout, reason = "the command's answer")]
async fn add(store: &Store, settings: &Settings, title: &str, rules: RunnerRules) -> Result<()> {
    let token = RunnerToken::random();
    let fingerprint = token.fingerprint();
    let new = NewRunner { name: token.name(), title, fingerprint: &fingerprint, rules: &rules };
    if !store.runners().add(new, clock::now()).await? {
        bail!("there is a runner {title} already: choose another name, or remove that one first");
    }
    println!("{}", token.expose());
    eprintln!("Keep this token in a file on the runner's machine; it is not shown again. Then start there:");
    eprintln!("kozmic runner --server {} --token-file FILE", settings.server.public_url);
    Ok(())
}

async fn drain(store: &Store, title: &str, is_draining: bool) -> Result<()> {
    let runner = named(store, title).await?;
    store.runners().set_draining(&runner.name, is_draining).await?;
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the command's answer")]
async fn remove(store: &Store, title: &str, is_forced: bool) -> Result<()> {
    let runner = named(store, title).await?;
    match store.runners().remove(&runner.name, is_forced, clock::now()).await? {
        Removed::Done(_) => println!("{title} is removed: its token is refused from now on"),
        Removed::Holds(jobs) => bail!(
            "{title} has {jobs} jobs: drain it and wait, or use --force to have other runners begin them again"
        ),
        Removed::Unknown => bail!("{title} was just removed"),
    }
    Ok(())
}

async fn named(store: &Store, title: &str) -> Result<Runner> {
    let all = store.runners().runners().await.context("list the runners")?;
    let meant = all.into_iter().find(|runner| runner.title == title || runner.name == title);
    meant.ok_or_else(|| anyhow!("there is no runner {title}: see kozmic runners list"))
}
