//! Removes what nobody needs any more: containers of attempts that hold no job, deliveries that were understood long
//! ago.

use crate::Flow;
use anyhow::{Context, Result};
use kozmic_edges::clock;
use std::time::Duration;

const EVERY: Duration = Duration::from_secs(600);

/// A delivery's payload has up to 25 MB; the forge itself repeats one for three days.
const DELIVERIES_KEPT: Duration = Duration::from_secs(30 * 86_400);

pub(crate) async fn forever(flow: Flow) {
    loop {
        if let Err(fault) = containers(&flow).await {
            tracing::warn!(error = format!("{fault:#}"), "containers could not be swept up");
        }
        match flow.edges.store.forget_deliveries(clock::now().before(DELIVERIES_KEPT)).await {
            Ok(0) => {}
            Ok(count) => tracing::info!(count, "old deliveries were forgotten"),
            Err(fault) => tracing::warn!(error = format!("{fault:#}"), "old deliveries stay"),
        }
        if !flow.pause(EVERY).await {
            return;
        }
    }
}

async fn containers(flow: &Flow) -> Result<()> {
    let engine = &flow.edges.engine;
    for found in engine.containers(&flow.settings.instance).await.context("list containers")? {
        if !flow.edges.store.holds(found.attempt).await? {
            tracing::info!(
                container.id = found.id.0,
                job.id = found.attempt.job.0,
                "a container is swept up"
            );
            engine.remove(&found.id).await.context("remove a container")?;
        }
    }
    Ok(())
}
