//! Runners on other machines: lets them in by their tokens, keeps their jobs with them as long as they are heard of, and
//! lets their jobs wait again if they fall silent.

mod connected;
#[cfg(test)]
mod tests;

use crate::{
    Flow,
    coordinator::{Here, Patient},
};
use anyhow::{Context, Result};
use async_trait::async_trait;
use connected::Connected;
use kozmic_edges::{broker::Topic, clock, git::Mirrors, logs::Logs, room::Room, store::RunnerReport};
use kozmic_model::{ids::ProjectId, runner::REMOTE_SILENCE};
use kozmic_remote::{Connection, Installation, KnownRunner, Registry, RunnerHello, RunnerToken};
use kozmic_runner::coordinator::Coordinator;
use std::{collections::BTreeSet, sync::Arc, time::Duration};

/// Interval at which all connected runners are noted as seen, and people's decisions about them are looked for.
const BEAT: Duration = Duration::from_secs(2);

/// The number of beats after which leases are renewed.
const RENEWAL: u32 = 10;

/// The runners on other machines, as the routes for them see the server.
pub struct RemoteRunners(pub(crate) Flow);

#[async_trait]
impl Registry for RemoteRunners {
    async fn authenticate(&self, token: &RunnerToken) -> Result<Option<KnownRunner>> {
        let known = self.0.edges.store.runners().runner_by_fingerprint(&token.fingerprint()).await?;
        Ok(known.map(|runner| KnownRunner { name: runner.name }))
    }

    fn coordinator(&self, runner: &KnownRunner) -> Arc<dyn Coordinator> {
        Arc::new(Patient(Here::of(&self.0, &runner.name)))
    }

    async fn connect(&self, known: &KnownRunner, hello: RunnerHello) -> Result<Box<dyn Connection>> {
        let (flow, name) = (&self.0, known.name.as_str());
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
        renew(flow, name).await?;
        let runner = runners.runner(name).await?.context("the runner was just removed")?;
        let built = built_by(flow, name).await?;
        tracing::info!(runner = runner.title, "a runner is connected");
        flow.edges.broker.ring(Topic::Projects);
        Ok(Box::new(Connected::new(flow, runner, built)))
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

/// Looks after the connected runners until everything stops.
pub(crate) async fn forever(flow: Flow) {
    if let Err(fault) = begin(&flow).await {
        tracing::warn!(error = format!("{fault:#}"), "the runners of before cannot be looked after");
    }
    let mut beats = 0_u32;
    while flow.pause(BEAT).await {
        if let Err(fault) = beat(&flow, beats % RENEWAL == 0).await {
            tracing::warn!(error = format!("{fault:#}"), "runners cannot be looked after");
        }
        beats = beats.wrapping_add(1);
    }
}

/// Keeps all jobs with the runners that had them when the server stopped: nobody could beat meanwhile.
async fn begin(flow: &Flow) -> Result<()> {
    for runner in flow.edges.store.runners().runners().await?.into_iter().filter(|runner| runner.is_remote) {
        renew(flow, &runner.name).await?;
        expect(flow, runner.name);
    }
    Ok(())
}

async fn beat(flow: &Flow, renews: bool) -> Result<()> {
    let names = flow.dispatcher.remote();
    if names.is_empty() {
        return Ok(());
    }
    let store = &flow.edges.store;
    let list = names.iter().map(String::as_str).collect::<Vec<_>>();
    store.runners().note_seen(&list, clock::now()).await?;
    if renews {
        for name in &names {
            renew(flow, name).await?;
        }
    }
    let known = store.runners().runners().await?;
    for name in &names {
        flow.dispatcher.decide(&flow.edges.broker, name, known.iter().find(|known| known.name == *name));
    }
    Ok(())
}

async fn renew(flow: &Flow, name: &str) -> Result<()> {
    flow.edges.store.queue().renew_leases(name, flow.settings.lease(clock::now())).await
}

/// Expects a runner back within a while, and otherwise loses it.
fn expect(flow: &Flow, name: String) {
    let flow = flow.clone();
    flow.tasks.clone().spawn(async move {
        if flow.pause(REMOTE_SILENCE).await {
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

async fn built_by(flow: &Flow, name: &str) -> Result<BTreeSet<ProjectId>> {
    let built = flow.edges.store.runners().built().await?.into_iter();
    Ok(built.filter(|(runner, _)| runner == name).map(|(_, project)| project).collect())
}
