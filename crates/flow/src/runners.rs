//! Runners on other machines: lets them in by their tokens, keeps their jobs with them as long as they are heard of, and
//! lets their jobs wait again if they fall silent.

mod connected;
mod decisions;
#[cfg(test)]
mod tests;

pub use decisions::{Added, Decisions, Removal};

use crate::{
    Flow,
    coordinator::{Here, Patient},
};
use anyhow::{Context, Result};
use async_trait::async_trait;
use connected::Connected;
use kozmic_edges::{broker::Topic, clock, git::Mirrors, logs::Logs, room::Room, store::RunnerReport};
use kozmic_model::runner::REMOTE_SILENCE;
use kozmic_remote::{BEAT, Connection, Installation, KnownRunner, Registry, RunnerHello, RunnerToken};
use kozmic_runner::coordinator::Coordinator;
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};
use tokio::time::Instant;

/// Interval at which all connected runners are noted as seen, and people's decisions about them are looked for.
const LOOK: Duration = BEAT;

/// The part of a lease after which it is renewed. A runner without contact gives its jobs up after two thirds, and the
/// lease that is left then must be longer.
const RENEWAL: u32 = 10;

/// The runners on other machines, as the routes for them see the server.
pub struct RemoteRunners(pub(crate) Flow);

#[async_trait]
impl Registry for RemoteRunners {
    async fn authenticate(&self, token: &RunnerToken) -> Result<Option<KnownRunner>> {
        let known = self.0.edges.store.runners().runner_by_fingerprint(&token.fingerprint()).await?;
        Ok(known.map(|runner| KnownRunner { name: runner.name, title: runner.title }))
    }

    fn coordinator(&self, runner: &KnownRunner) -> Arc<dyn Coordinator> {
        Arc::new(Patient(Here::of(&self.0, &runner.name)))
    }

    async fn connect(&self, known: &KnownRunner, hello: RunnerHello) -> Result<Option<Box<dyn Connection>>> {
        let (flow, name) = (&self.0, known.name.as_str());
        let arrival = flow.dispatcher.arrive(hello.process);
        if flow.dispatcher.refuses(name, &arrival) {
            return Ok(None);
        }
        let runners = flow.edges.store.runners();
        let report = RunnerReport {
            name,
            slots: i32::try_from(hello.state.slots)?,
            busy: i32::try_from(hello.state.busy)?,
            trouble: hello.state.trouble.as_deref(),
            facts: Some(&hello.facts),
            seen_at: clock::now(),
        };
        runners.note_report(report).await?;
        renew(flow, &[name]).await?;
        let runner = runners.runner(name).await?.context("the runner was just removed")?;
        let built = runners.built_by(name).await?;
        let title = runner.title.clone();
        // Another process may have come in meanwhile.
        let Some(connected) = Connected::new(flow, runner, built, arrival) else { return Ok(None) };
        tracing::info!(runner = title, "a runner is connected");
        flow.edges.broker.ring(Topic::Projects);
        Ok(Some(Box::new(connected)))
    }

    fn installation(&self) -> Installation {
        let settings = &self.0.settings;
        Installation { id: settings.instance.clone(), lease: settings.lease }
    }

    fn logs(&self) -> &Logs {
        &self.0.edges.logs
    }

    fn mirrors(&self) -> &Mirrors {
        &self.0.edges.mirrors
    }

    fn room(&self) -> &Room {
        &self.0.edges.room
    }
}

/// Looks after the connected runners until everything stops. An installation without runners on other machines asks the
/// database only when leases would be renewed.
pub(crate) async fn forever(flow: Flow) {
    let (mut renewed, mut has_others) = (None::<Instant>, true);
    while flow.pause(LOOK).await {
        let renews = renewed.is_none_or(|at| at.elapsed() >= flow.settings.lease / RENEWAL);
        if !renews && !has_others && !flow.dispatcher.has_remote() {
            continue;
        }
        match beat(&flow, renews).await {
            Ok(others) => {
                has_others = others;
                renewed = if renews { Some(Instant::now()) } else { renewed };
            }
            Err(fault) => {
                renewed = None;
                tracing::warn!(error = format!("{fault:#}"), "runners cannot be looked after");
            }
        }
    }
}

/// Keeps all jobs with the runners that had them when the server stopped: nobody could beat meanwhile. This must happen
/// before any runner claims.
pub(crate) async fn begin(flow: &Flow) {
    while let Err(fault) = keep_all(flow).await {
        tracing::warn!(error = format!("{fault:#}"), "the runners of before cannot be looked after yet");
        if !flow.pause(LOOK).await {
            return;
        }
    }
}

async fn keep_all(flow: &Flow) -> Result<()> {
    let known = flow.edges.store.runners().runners().await?;
    let names =
        known.into_iter().filter(|runner| runner.is_remote).map(|runner| runner.name).collect::<Vec<_>>();
    renew(flow, &names.iter().map(String::as_str).collect::<Vec<_>>()).await?;
    for name in names {
        expect(flow, name, Instant::now(), 0);
    }
    Ok(())
}

/// Looks after the connected runners once; true if there are runners on other machines.
async fn beat(flow: &Flow, renews: bool) -> Result<bool> {
    let names = flow.dispatcher.remote();
    let store = &flow.edges.store;
    let heard = flow.dispatcher.heard_within(BEAT * 11 / 10);
    let heard = heard.iter().map(String::as_str).collect::<Vec<_>>();
    store.runners().note_seen(&heard, clock::now()).await?;
    if renews {
        renew(flow, &heard).await?;
    }
    let known = store.runners().runners().await?.into_iter().filter(|runner| runner.is_remote);
    // After that, so that a runner that is removed meanwhile is seen at the next look.
    end_lapsed(flow).await?;
    let known = known.map(|runner| (runner.name.clone(), runner)).collect::<HashMap<_, _>>();
    for name in &names {
        flow.dispatcher.decide(&flow.edges.broker, name, known.get(name));
    }
    Ok(!known.is_empty())
}

/// Ends the attempts of lost runners. A connected runner keeps its jobs, even if their leases could not be renewed while
/// the database was away.
async fn end_lapsed(flow: &Flow) -> Result<()> {
    let mut present = flow.dispatcher.all().into_iter().collect::<HashSet<_>>();
    // The runner of this process reads the configuration even if it runs no containers.
    present.insert(flow.settings.runner.clone());
    let lost = flow.edges.store.queue().end_lapsed(&present, clock::now()).await?;
    for job in &lost {
        tracing::warn!(job.id = job.0, "a job's runner was lost");
        flow.edges.broker.ring(Topic::Job(*job));
        flow.edges.broker.ring(Topic::Log(*job));
    }
    if !lost.is_empty() {
        flow.edges.broker.ring(Topic::Jobs);
        flow.edges.broker.ring(Topic::Projects);
        flow.edges.broker.ring(Topic::DeletedProjects);
    }
    Ok(())
}

/// Follows people's decision about the runner of this process, before it asks for its first job. After that, it hears of
/// decisions when it reports.
pub(crate) async fn follow_own(flow: &Flow) {
    let own = &flow.settings.runner;
    match flow.edges.store.runners().runner(own).await {
        Ok(known) => {
            let is_draining = known.is_some_and(|known| known.is_draining);
            flow.dispatcher.drain(&flow.edges.broker, own, is_draining);
        }
        Err(fault) => {
            tracing::warn!(
                error = format!("{fault:#}"),
                "it is not known yet if the server's runner is drained"
            )
        }
    }
}

async fn renew(flow: &Flow, names: &[&str]) -> Result<()> {
    flow.edges.store.queue().renew_leases(names, flow.settings.lease(clock::now())).await
}

/// Notes when a runner whose connection ended was last heard of, and expects it back.
fn hung_up(flow: &Flow, name: String, heard: Instant, connection: u64) {
    let (flow, of) = (flow.clone(), name.clone());
    let tasks = flow.tasks.clone();
    expect(&flow, name, heard, connection);
    tasks.spawn(async move {
        let seen_at = clock::now().before(heard.elapsed());
        if let Err(fault) = flow.edges.store.runners().note_seen(&[&of], seen_at).await {
            tracing::warn!(error = format!("{fault:#}"), "a runner's last word cannot be noted");
        }
        flow.edges.broker.ring(Topic::Projects);
    });
}

/// Expects a runner back within a while after its last sign of life, and otherwise loses it. If it connected again since
/// this `connection`, a later call of this counts.
fn expect(flow: &Flow, name: String, heard: Instant, connection: u64) {
    let flow = flow.clone();
    flow.tasks.clone().spawn(async move {
        let is_over = flow.pause(REMOTE_SILENCE.saturating_sub(heard.elapsed())).await;
        if is_over && flow.dispatcher.newest(&name) == connection {
            lose(&flow, &name).await;
        }
    });
}

/// Lets the jobs wait again that a runner has not begun, unless it is connected.
async fn lose(flow: &Flow, name: &str) {
    if flow.dispatcher.has(name) {
        return;
    }
    match flow.edges.store.queue().give_back_unbegun(name, clock::now()).await {
        Ok(jobs) if jobs.is_empty() => {}
        Ok(jobs) => {
            tracing::warn!(jobs = jobs.len(), "a runner is silent: what it had not begun waits again")
        }
        Err(fault) => {
            tracing::warn!(error = format!("{fault:#}"), "a silent runner's jobs wait for its lease")
        }
    }
    flow.edges.broker.ring(Topic::Jobs);
    flow.edges.broker.ring(Topic::Projects);
}
