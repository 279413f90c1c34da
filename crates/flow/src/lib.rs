//! The way of a push, one module a step, in the order in which they happen. A step calls only steps below it.
//!
//! ```text
//! GitHub ─▶ receive ─▶ plan ─▶ (the queue) ─▶ run ─▶ prepare ─▶ checkout ─▶ follow ─▶ report ─▶ GitHub
//! ```
//!
//! `sync` keeps Kozmic and the forge in line, `sweep` removes what nobody needs any more; `gate`, `halt` and
//! `job_log` are what a running job holds in its hands.

pub mod receive;
pub mod sync;
mod sweep;
mod plan;
pub mod run;
mod prepare;
mod checkout;
mod follow;
mod gate;
mod halt;
mod job_log;
mod report;

use kozmic_edges::Edges;
use std::{path::PathBuf, sync::Arc, time::Duration};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use url::Url;

/// What the steps of one installation have in common.
#[derive(Clone)]
pub struct Flow {
    /// Everything outside.
    pub edges: Edges,
    /// How this installation works.
    pub settings: Arc<FlowSettings>,
    /// Ends all work: nothing new is begun, containers go on alone until the next start.
    pub stop: CancellationToken,
    /// All that runs beside the caller.
    pub tasks: TaskTracker,
}

/// How an installation works.
#[derive(Clone, Debug)]
pub struct FlowSettings {
    /// How browsers and the forge reach Kozmic.
    pub public_url: Url,
    /// Tells this installation's containers from others'.
    pub instance: String,
    /// How many jobs run at once.
    pub slots: usize,
    /// A job without output for so long is stopped.
    pub stall_timeout: Duration,
    /// A job that takes longer is stopped.
    pub job_timeout: Duration,
    /// Between SIGTERM and SIGKILL.
    pub stop_grace: Duration,
    /// Where checkouts lie until they are in their containers.
    pub work_dir: PathBuf,
}

impl Flow {
    /// Starts all that goes on in the background: deliveries, jobs, statuses, cleaning up.
    pub async fn start(&self) {
        run::introduce(self).await;
        self.tasks.spawn(receive::forever(self.clone()));
        self.tasks.spawn(run::forever(self.clone()));
        self.tasks.spawn(report::forever(self.clone()));
        self.tasks.spawn(sweep::forever(self.clone()));
    }

    /// Stops taking new work and waits until what had begun is left in order.
    pub async fn shut_down(&self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// Waits for a while; false if everything stops meanwhile.
    async fn pause(&self, length: Duration) -> bool {
        tokio::select! {
            () = tokio::time::sleep(length) => true,
            () = self.stop.cancelled() => false,
        }
    }
}
