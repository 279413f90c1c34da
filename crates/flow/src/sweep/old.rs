//! Removes old things: deliveries, logs, and earlier attempts of jobs.

use crate::Flow;
use anyhow::Result;
use kozmic_edges::clock;
use kozmic_model::time::Timestamp;
use std::time::{Duration, SystemTime};

/// Time for which understood deliveries are kept. A delivery's payload has up to 25 MB, and the forge itself repeats
/// one for three days.
pub(super) const UNDERSTOOD_KEPT: Duration = Duration::from_secs(30 * 86_400);

/// Number of attempts that are removed at once.
const MANY: u64 = 200;

/// Times for which old things are kept; none: for ever.
#[derive(Clone, Copy, Debug, Default)]
pub struct Retention {
    /// Deliveries that could not be understood.
    pub failed_deliveries: Option<Duration>,
    /// Logs of attempts that ended.
    pub logs: Option<Duration>,
    /// Attempts of jobs before the present ones, with their logs.
    pub attempts: Option<Duration>,
}

/// Removes everything whose time is over.
pub(super) async fn forget(flow: &Flow) {
    let now = clock::now();
    let Retention { failed_deliveries, logs, attempts } = flow.settings.retention;
    told(
        "old deliveries",
        flow.edges.store.deliveries().forget_deliveries(now.before(UNDERSTOOD_KEPT)).await,
    );
    if let Some(kept) = failed_deliveries {
        told(
            "old failed deliveries",
            flow.edges.store.deliveries().forget_failed_deliveries(now.before(kept)).await,
        );
    }
    if let Some(kept) = attempts {
        told("earlier attempts", forget_attempts(flow, now.before(kept)).await);
    }
    if let Some(kept) = logs {
        told("old logs", forget_logs(flow, kept).await);
    }
}

fn told(what: &str, forgotten: Result<u64>) {
    match forgotten {
        Ok(0) => {}
        Ok(count) => tracing::info!(count, "{what} were forgotten"),
        Err(fault) => tracing::warn!(error = format!("{fault:#}"), "{what} stay"),
    }
}

/// Removes old attempts. A log is removed before the row that leads to it.
async fn forget_attempts(flow: &Flow, before: Timestamp) -> Result<u64> {
    let mut count = 0;
    while !flow.stop.is_cancelled() {
        let old = flow.edges.store.builds().old_attempts(before, MANY).await?;
        for attempt in &old {
            flow.edges.logs.remove(*attempt).await?;
        }
        flow.edges.store.builds().forget_attempts(&old).await?;
        count += old.len() as u64;
        if (old.len() as u64) < MANY {
            break;
        }
    }
    Ok(count)
}

async fn forget_logs(flow: &Flow, kept: Duration) -> Result<u64> {
    let mut count = 0;
    let moment = SystemTime::now().checked_sub(kept).unwrap_or(SystemTime::UNIX_EPOCH);
    for attempt in flow.edges.logs.written_before(moment).await? {
        if flow.stop.is_cancelled() {
            break;
        }
        // An attempt may be silent for long, and a log may be older than the row that an import made.
        if flow.edges.store.builds().ended_before(attempt, clock::now().before(kept)).await? {
            flow.edges.logs.remove(attempt).await?;
            count += 1;
        }
    }
    Ok(count)
}

#[cfg(test)]
mod tests;
