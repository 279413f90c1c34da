//! The jobs that an earlier process of this runner held, and their scripts until the coordinator has told which ones
//! those are.

use crate::{Runner, desk::BEAT, order::Order};
use anyhow::{Context, Result};
use futures_util::future::join_all;
use kozmic_edges::engine::{ContainerId, ContainerState, FoundContainer};
use kozmic_model::job::{Attempt, Outcome};
use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// The time that a script has to end after SIGTERM. Its own limit is not known yet.
const GRACE: Duration = Duration::from_secs(10);

/// Attempts whose scripts were stopped, with the outcomes.
pub(crate) type Stopped = HashMap<Attempt, Outcome>;

/// The jobs that an earlier process held, as soon as the coordinator answers; none if everything stops in the meantime.
/// Meanwhile their scripts are stopped if they must not go on, such as because the server is away for too long.
pub(crate) async fn held(runner: &Runner) -> (Vec<Order>, Stopped) {
    let stopped = Mutex::default();
    let held = tokio::select! {
        held = asked(runner) => held,
        () = watch(runner, &stopped) => Vec::new(),
        () = runner.stop.cancelled() => Vec::new(),
    };
    let stopped = stopped.into_inner().unwrap_or_else(PoisonError::into_inner);
    (held, stopped)
}

async fn asked(runner: &Runner) -> Vec<Order> {
    loop {
        match runner.coordinator.held().await {
            Ok(held) => return held,
            Err(fault) => tracing::warn!(error = format!("{fault:#}"), "held jobs cannot be listed yet"),
        }
        tokio::time::sleep(BEAT).await;
    }
}

/// Stops the running scripts that must not go on. This never ends.
async fn watch(runner: &Runner, stopped: &Mutex<Stopped>) {
    // Mostly the coordinator answers before this.
    tokio::time::sleep(BEAT).await;
    let running = loop {
        match running(runner).await {
            Ok(running) => break running,
            Err(fault) => {
                tracing::warn!(error = format!("{fault:#}"), "scripts of before cannot be found yet")
            }
        }
        tokio::time::sleep(BEAT).await;
    };
    join_all(running.into_iter().map(|found| stop_when_told(runner, found, stopped))).await;
    std::future::pending().await
}

async fn stop_when_told(runner: &Runner, found: FoundContainer, stopped: &Mutex<Stopped>) {
    let FoundContainer { id, attempt, .. } = found;
    let outcome = runner.coordinator.stopped(attempt).await;
    // A script that ended by itself in the meantime keeps its result.
    if !is_running(runner, &id).await.unwrap_or(true) {
        return;
    }
    tracing::warn!(job.id = attempt.job.0, ?outcome, "a script of before is stopped");
    stopped.lock().unwrap_or_else(PoisonError::into_inner).insert(attempt, outcome);
    if let Err(fault) = runner.tools.engine.stop(&id, GRACE).await {
        tracing::warn!(container.id = id.0, %fault, "a container could not be stopped");
    }
}

/// The containers of this runner that run.
async fn running(runner: &Runner) -> Result<Vec<FoundContainer>> {
    let engine = &runner.tools.engine;
    let mut running = Vec::new();
    for found in engine.containers(&runner.settings.name).await.context("list containers")? {
        if is_running(runner, &found.id).await? {
            running.push(found);
        }
    }
    Ok(running)
}

async fn is_running(runner: &Runner, container: &ContainerId) -> Result<bool> {
    let state = runner.tools.engine.state(container).await.context("look at a container")?;
    Ok(state == Some(ContainerState::Running))
}
