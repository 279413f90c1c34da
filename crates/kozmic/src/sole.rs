//! One server at a time on a database. A data directory has a lock for that; a database server has the row of the
//! installation, in which the server beats.

use crate::{data_dir::DataDir, failure::Failure};
use kozmic_edges::store::Store;
use std::time::Duration;
use tokio::time::sleep;

/// Interval of the beats.
const BEAT: Duration = Duration::from_secs(3);

/// A server that does not beat for so long is gone.
const SILENCE: Duration = Duration::from_secs(10);

/// A server's right to its database.
pub(crate) struct Sole {
    store: Store,
    server: String,
    /// True if the database has a row that tells others.
    is_noted: bool,
}

impl Sole {
    /// Takes the database. If its last server was another one and did not leave it, waits to see if that one is alive.
    pub(crate) async fn take(store: &Store, dir: &DataDir) -> Result<Self, Failure> {
        let is_noted = store.is_on_server() && store.installation().is_noted().await?;
        let sole = Self { store: store.clone(), server: dir.runner()?, is_noted };
        if !is_noted {
            return Ok(sole);
        }
        let process = process();
        let installation = store.installation();
        let Some(seen) = installation.take(&sole.server, &process, None).await? else { return Ok(sole) };
        tracing::warn!(
            other = seen.process,
            "another server has used this database: waiting to see if it still does"
        );
        sleep(SILENCE).await;
        match installation.take(&sole.server, &process, Some(&seen)).await? {
            None => Ok(sole),
            Some(holder) => Err(Failure::DatabaseInUse { process: holder.process }),
        }
    }

    /// Beats. Ends only if another server has taken the database.
    pub(crate) async fn keep(&self) {
        if !self.is_noted {
            return std::future::pending().await;
        }
        loop {
            sleep(BEAT).await;
            match self.store.installation().beat(&self.server).await {
                Ok(true) => {}
                Ok(false) => return,
                Err(fault) => {
                    tracing::warn!(error = format!("{fault:#}"), "this server cannot say that it lives")
                }
            }
        }
    }

    /// Leaves the database to the next server.
    pub(crate) async fn leave(&self) {
        if !self.is_noted {
            return;
        }
        if let Err(fault) = self.store.installation().leave(&self.server).await {
            tracing::debug!(error = format!("{fault:#}"), "the next server will wait a moment");
        }
    }
}

/// This process, for people who look for it.
fn process() -> String {
    let machine = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let machine = machine.trim().chars().take(100).collect::<String>();
    format!("process {} on {}", std::process::id(), if machine.is_empty() { "a machine" } else { &machine })
}
