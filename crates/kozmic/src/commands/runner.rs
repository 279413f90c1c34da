//! `kozmic runner`: runs jobs of a server on another machine, until a signal ends it. Running containers go on, and the
//! next start takes them up again.

use super::serve::signals;
use crate::{data_dir::DataDir, failure::Failure, settings::Settings, version::VERSION, wire};
use anyhow::{Context, anyhow};
use clap::Args;
use kozmic_edges::{
    engine::docker::DockerEngine,
    git::{GitError, Mirrors},
    logs::Logs,
    loopback::is_loopback,
    secret,
};
use kozmic_model::runner::RunnerFacts;
use kozmic_remote::{Access, Away, Introduction, RunnerToken};
use kozmic_runner::{
    OpenRunner, Runner, Tools,
    coordinator::{Coordinator, State},
    facts,
    turns::Turns,
};
use secrecy::ExposeSecret;
use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
    time::Duration,
};
use tokio::sync::watch;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use url::Url;

/// Time for unfinished steps to end.
const FAREWELL: Duration = Duration::from_secs(10);

/// Pause before a loop that had a fault begins again.
const RESTART_PAUSE: Duration = Duration::from_secs(1);

/// Interval between looks at the machine.
const FACTS: Duration = Duration::from_secs(60);

/// Interval at which mirrors are looked after.
const MIRRORS: Duration = Duration::from_mins(10);

/// Time for which a mirror is kept after its last job. Jobs of a project come back, and a deleted project's do not.
const MIRRORS_KEPT: Duration = Duration::from_hours(30 * 24);

/// Arguments of the command.
#[derive(Args)]
pub(crate) struct RunnerArguments {
    /// The server's address, as browsers have it.
    #[arg(long, env = "KOZMIC_SERVER_URL", value_name = "URL", value_parser = address)]
    server: Url,
    /// The file with the runner's token, as `kozmic runners add` printed it.
    #[arg(long, env = "KOZMIC_RUNNER_TOKEN_FILE", value_name = "FILE")]
    token_file: PathBuf,
}

/// Runs jobs until SIGTERM or SIGINT.
pub(crate) async fn runner(settings: Settings, arguments: &RunnerArguments) -> Result<ExitCode, Failure> {
    if settings.runner.concurrency == 0 {
        return Err(Failure::Argument(anyhow!("runner_concurrency is 0: a runner needs at least 1")));
    }
    let token = token(&arguments.token_file).map_err(Failure::Argument)?;
    let dir = DataDir::take(&settings.server.data_dir)?;
    if let Err(fault @ GitError::TooOld { .. }) = Mirrors::version().await {
        return Err(Failure::other(fault.into()));
    }
    warn(&settings, &arguments.server);
    let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
    let ended = signals(stop.clone())?;
    let tools = tools(&settings, &dir)?;
    let own = introduction(&settings, &tools).await;
    let (name, server) = (token.name().to_owned(), arguments.server.clone());
    let away =
        Away::open(Access { server: server.clone(), token }, own, tools.logs.clone(), &stop, tasks.clone());
    let away = Arc::new(away?);
    tracing::info!(version = VERSION, runner = name, %server, "connecting");
    tasks.spawn(tell_facts(tools.clone(), Arc::clone(&away), stop.clone()));
    let (mirrors, until) = (tools.clone(), stop.clone());
    tasks.spawn(keep("mirrors", move || look_after_mirrors(mirrors.clone(), until.clone())));
    tasks.spawn(tell_when_connected(Arc::clone(&away), server, stop.clone()));
    let runner_settings = wire::runner_settings(&settings, &dir, &name);
    let runner = Runner::new(
        Arc::clone(&away) as Arc<dyn Coordinator>,
        tools,
        runner_settings,
        stop.clone(),
        tasks.clone(),
    );
    tokio::select! {
        open = runner.open() => work(open, away, &tasks, stop.clone()),
        () = stop.cancelled() => {}
    }
    stop.cancelled().await;
    tasks.close();
    if tokio::time::timeout(FAREWELL, tasks.wait()).await.is_err() {
        tracing::warn!("some steps did not end in time; the next start goes on with them");
    }
    ended.abort();
    tracing::info!("stopped; running containers go on and are found again");
    Ok(ExitCode::SUCCESS)
}

/// The server's address as typed.
fn address(text: &str) -> Result<Url, String> {
    let right = "write the address that browsers have, such as https://ci.example.com";
    let url = text.parse::<Url>().ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    let url = url.filter(Url::has_host).ok_or_else(|| right.to_owned())?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(format!("a user and a password do not belong into it: {right}"));
    }
    Ok(url)
}

/// Warns of what works otherwise than its author may think.
fn warn(settings: &Settings, server: &Url) {
    if server.scheme() == "http" && !is_loopback(server) {
        tracing::warn!(%server, "the runner's token is sent without encryption: use https");
    }
    if !settings.runner.labels.is_empty() {
        tracing::warn!("runner_labels does not count here: give labels to kozmic runners add, on the server");
    }
}

/// Prints a line at the first connection.
#[expect(clippy::print_stdout, reason = "who starts a runner by hand or from a script waits for this line")]
async fn tell_when_connected(away: Arc<Away>, server: Url, stop: CancellationToken) {
    if stop.run_until_cancelled(away.welcomed()).await.is_some() {
        println!("Kozmic's runner is connected to {server}");
    }
}

fn work(open: OpenRunner, away: Arc<Away>, tasks: &TaskTracker, stop: CancellationToken) {
    let [beating, sweeping, working] = [open.clone(), open.clone(), open.clone()];
    tasks.spawn(keep("beat", move || beating.clone().beat()));
    tasks.spawn(keep("containers", move || sweeping.clone().sweep()));
    tasks.spawn(tidy_if_asked(open, away, stop));
    tasks.spawn(keep("jobs", move || working.clone().work()));
}

/// Keeps a loop going. If it panics, that is a fault of ours: it is logged, and the loop begins again.
async fn keep<F: Future<Output = ()> + Send + 'static>(name: &'static str, work: impl Fn() -> F) {
    while tokio::spawn(work()).await.is_err() {
        tracing::error!(name, "a part of the runner has a fault and begins again");
        tokio::time::sleep(RESTART_PAUSE).await;
    }
}

/// Removes surplus images whenever the server asks for that.
async fn tidy_if_asked(open: OpenRunner, away: Arc<Away>, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = away.images_are_to_be_removed() => {}
            () = stop.cancelled() => return,
        }
        if let Err(fault) = open.tidy().await {
            tracing::warn!(error = format!("{fault:#}"), "surplus images could not be removed");
        }
    }
}

/// Keeps mirrors small, and removes those that nobody uses.
async fn look_after_mirrors(tools: Tools, stop: CancellationToken) {
    let work = async {
        loop {
            let mirrors = &tools.mirrors;
            let looked_after = mirrors.look_after(tools.room.is_used_up().is_none()).await;
            if let Err(fault) = looked_after.and(mirrors.forget_unused(MIRRORS_KEPT).await) {
                tracing::warn!(%fault, "mirrors could not be looked after");
            }
            tokio::time::sleep(MIRRORS).await;
        }
    };
    stop.run_until_cancelled(work).await;
}

fn token(file: &Path) -> anyhow::Result<RunnerToken> {
    let text = crate::settings::read_file(file).map_err(|fault| anyhow!("the runner's token: {fault}"))?;
    text.trim().parse().with_context(|| format!("read the token in {}", file.display()))
}

fn tools(settings: &Settings, dir: &DataDir) -> anyhow::Result<Tools> {
    let mirrors = dir.join("mirrors");
    Ok(Tools {
        engine: Arc::new(DockerEngine::new(settings.docker.clone())),
        mirrors: Mirrors::open(mirrors).context("make the directory of mirrors")?,
        logs: Logs::open(dir.join("logs"))?,
        room: wire::room(settings, dir).of_a_runner(),
        turns: Turns::default(),
    })
}

async fn introduction(settings: &Settings, tools: &Tools) -> Introduction {
    let process = secret::random().expose_secret().to_owned();
    let facts = facts(tools.engine.as_ref(), &tools.room, RunnerFacts::default()).await;
    Introduction { features: Vec::new(), facts, slots: settings.runner.concurrency, process }
}

/// Tells the server about changes of the machine: the engine may be updated, and the disk fills. After a trouble, the
/// engine may be another one.
async fn tell_facts(tools: Tools, away: Arc<Away>, stop: CancellationToken) {
    let mut state = away.state();
    loop {
        tokio::select! {
            () = tokio::time::sleep(FACTS) => {}
            () = end_of_trouble(&mut state) => {}
            () = stop.cancelled() => return,
        }
        away.note_facts(facts(tools.engine.as_ref(), &tools.room, away.facts()).await);
    }
}

/// Waits until the runner had trouble and has none any more.
async fn end_of_trouble(state: &mut watch::Receiver<State>) {
    for has_trouble in [true, false] {
        if state.wait_for(|state| state.trouble.is_some() == has_trouble).await.is_err() {
            return std::future::pending().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_one_of_a_web_server_without_a_login() {
        for right in ["https://ci.example.com", "http://127.0.0.1:8080/", "https://example.com/ci"] {
            assert!(address(right).is_ok(), "{right}");
        }
        for wrong in ["", "ci.example.com", "localhost:8080", "ws://ci.example.com", "https://"] {
            let fault = address(wrong).unwrap_err();
            assert!(fault.contains("https://ci.example.com"), "{wrong}: {fault}");
        }
        let fault = address("https://anna:secret@ci.example.com").unwrap_err();
        assert!(fault.starts_with("a user and a password") && !fault.contains("secret"), "{fault}");
    }
}
