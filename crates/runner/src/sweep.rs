//! Removes containers and networks of attempts that no longer hold a job, and images that nobody needs any more.

use crate::{Runner, tidy::tidy};
use anyhow::{Context, Result};
use std::time::Duration;

const EVERY: Duration = Duration::from_secs(600);

pub(crate) async fn forever(runner: &Runner) {
    loop {
        if let Err(fault) = all(runner).await {
            tracing::warn!(error = format!("{fault:#}"), "containers could not be swept up");
        }
        if let Err(fault) = tidy(runner).await {
            tracing::warn!(error = format!("{fault:#}"), "surplus images could not be removed");
        }
        if !runner.pause(EVERY).await {
            return;
        }
    }
}

/// Removes containers first, because a network stays as long as a container is in it. If one removal fails, the others
/// still happen.
async fn all(runner: &Runner) -> Result<()> {
    let (engine, name) = (&runner.tools.engine, runner.settings.name.as_str());
    let mut faults = Vec::new();
    for found in engine.containers(name).await.context("list containers")? {
        if runner.coordinator.standing(found.attempt).await?.is_none() {
            let (container, job) = (&found.id.0, found.attempt.job.0);
            tracing::info!(container.id = container, job.id = job, "a container is swept up");
            faults.extend(engine.remove(&found.id).await.context("remove a container").err());
        }
    }
    for attempt in engine.networks(name).await.context("list networks")? {
        if runner.coordinator.standing(attempt).await?.is_none() {
            tracing::info!(job.id = attempt.job.0, "a network is swept up");
            faults.extend(engine.remove_network(name, attempt).await.context("remove a network").err());
        }
    }
    faults.into_iter().next().map_or(Ok(()), Err)
}
