//! Removes containers of attempts that hold no job any more.

use crate::Runner;
use anyhow::{Context, Result};
use std::time::Duration;

const EVERY: Duration = Duration::from_secs(600);

pub(crate) async fn forever(runner: &Runner) {
    loop {
        if let Err(fault) = containers(runner).await {
            tracing::warn!(error = format!("{fault:#}"), "containers could not be swept up");
        }
        if !runner.pause(EVERY).await {
            return;
        }
    }
}

async fn containers(runner: &Runner) -> Result<()> {
    let engine = &runner.tools.engine;
    for found in engine.containers(&runner.settings.name).await.context("list containers")? {
        if runner.coordinator.standing(found.attempt).await?.is_none() {
            let (container, job) = (&found.id.0, found.attempt.job.0);
            tracing::info!(container.id = container, job.id = job, "a container is swept up");
            engine.remove(&found.id).await.context("remove a container")?;
        }
    }
    Ok(())
}
