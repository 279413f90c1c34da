//! `kozmic runners`: adds, lists, drains and removes runners on other machines.

use crate::{data_dir::DataDir, failure::Failure, settings::Settings, wire};
use anyhow::{Context, Result, anyhow, bail};
use clap::Subcommand;
use kozmic_edges::{broker::Broker, clock, loopback::is_loopback, store::Store};
use kozmic_flow::runners::{Added, Decisions, Removal};
use kozmic_model::{
    audit::Actor,
    runner::{Forks, Runner, RunnerDraft, RunnerState, StartLines, TOKEN_FILE},
    time::Timestamp,
};
use secrecy::ExposeSecret;
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
        label: Vec<String>,
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
            let (title, forks) = (name.clone(), forks.word().to_owned());
            let draft = RunnerDraft { title, labels: label.join(" "), projects: project.join(" "), forks };
            add(store, settings, &draft).await
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
        println!("{}", line(&runner, now));
    }
    Ok(())
}

/// A runner with its state, slots and labels.
fn line(runner: &Runner, now: Timestamp) -> String {
    let (state, labels) = (runner.state(now), runner.labels());
    let trouble = runner.trouble.as_ref().filter(|_| state == RunnerState::Trouble);
    // The sentence comes from another machine: no terminal obeys it.
    let on_one_line = |text: &String| text.replace(char::is_control, " ");
    let trouble = trouble.map(|trouble| format!(": {}", on_one_line(trouble))).unwrap_or_default();
    let labels = if labels.is_empty() { "-".to_owned() } else { labels.to_string() };
    format!("{}  {state}{trouble}  {} of {} jobs  {labels}", runner.title, runner.busy, runner.slots)
}

#[expect(clippy::print_stdout, reason = "the command's answer")]
async fn add(store: &Store, settings: &Settings, draft: &RunnerDraft) -> Result<()> {
    let (title, rules) =
        draft.check().map_err(|faults| anyhow!("{}", faults.into_values().collect::<Vec<_>>().join("\n")))?;
    let broker = Broker::default();
    let Some(Added { token, .. }) = Decisions::by_command(store, &broker).add(&title, &rules).await? else {
        bail!("there is a runner {title} already: choose another name, or remove that one first");
    };
    println!("{}", token.expose_secret());
    let server = &settings.server.public_url;
    let StartLines { command, container, service } = StartLines::of(server.as_str());
    eprintln!(
        "Keep this token in {TOKEN_FILE} on the runner's machine; it is not shown again. Then start there:"
    );
    eprintln!("{command}\n\nThe same as a service, with the unit kozmic-runner of the package:\n{service}\n");
    eprintln!(
        "The same as a container of the server's image, which reads the file as user 10000:\n{container}"
    );
    if is_loopback(server) {
        eprintln!("\nOther machines do not reach this address: set public_url to one that they reach.");
    }
    Ok(())
}

async fn drain(store: &Store, title: &str, is_draining: bool) -> Result<()> {
    let (runner, broker) = (named(store, title).await?, Broker::default());
    match Decisions::by_command(store, &broker).set_draining(&runner.name, is_draining).await? {
        true => Ok(()),
        false => bail!("{title} was just removed"),
    }
}

#[expect(clippy::print_stdout, reason = "the command's answer")]
async fn remove(store: &Store, title: &str, is_forced: bool) -> Result<()> {
    let (runner, broker) = (named(store, title).await?, Broker::default());
    match Decisions::by_command(store, &broker).remove(&runner.name, is_forced).await? {
        Removal::Done => println!("{title} is removed: its token is refused from now on"),
        Removal::Holds(jobs) => bail!(
            "{title} has {}: wait until it is drained, or use --force to have other runners begin them again",
            counted(jobs)
        ),
        Removal::Own => bail!("{title} is the server's own runner: it ends with the server"),
        Removal::Unknown => bail!("{title} was just removed"),
    }
    Ok(())
}

fn counted(jobs: usize) -> String {
    if jobs == 1 { "1 job".to_owned() } else { format!("{jobs} jobs") }
}

async fn named(store: &Store, title: &str) -> Result<Runner> {
    let all = store.runners().runners().await.context("list the runners")?;
    let meant = all.into_iter().find(|runner| runner.title == title || runner.name == title);
    meant.ok_or_else(|| anyhow!("there is no runner {title}: see kozmic runners list"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drained_runner_that_is_not_there_is_listed_as_drained() {
        let runner = Runner { is_remote: true, is_draining: true, ..Runner::new("new") };
        assert_eq!(line(&runner, Timestamp(100_000)), "new  never seen, draining  0 of 0 jobs  -");
    }

    #[test]
    fn a_line_of_the_list_shows_what_a_runner_says_as_text() {
        let now = Timestamp(100_000);
        let trouble = Some("No engine.\u{1b}[2J\nother".to_owned());
        let runner = Runner { slots: 4, busy: 1, trouble, seen_at: now, ..Runner::new("big") };
        assert_eq!(line(&runner, now), "big  in trouble: No engine. [2J other  1 of 4 jobs  -");
        let busy = Runner { trouble: None, ..runner };
        assert_eq!(line(&busy, now), "big  busy 1 of 4  1 of 4 jobs  -");
        assert_eq!(
            line(&Runner { is_remote: true, ..Runner::new("new") }, now),
            "new  never seen  0 of 0 jobs  -"
        );
    }
}
