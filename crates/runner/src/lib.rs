//! The runner: everything that happens on the machine where a job's containers run.
//!
//! It takes orders from the coordinator, the part of Kozmic that decides, and runs each to its end: image, install
//! script, checkout, script, results. It has an engine, mirrors of repositories and the logs of its attempts. It has no
//! database, no forge and no secret key: it asks and reports through one port, [`coordinator::Coordinator`].
//!
//! The modules are in the order of the steps; each calls only modules below it.

#[cfg(test)]
mod tests;
#[cfg(any(test, feature = "contract"))]
pub mod contract;
#[cfg(any(test, feature = "contract"))]
pub mod ledger;
mod sweep;
mod run;
mod earlier;
mod claim;
mod tidy;
mod attempt;
mod cache;
mod program;
mod prepare;
mod base;
pub mod registry;
mod checkout;
mod follow;
mod ending;
mod gate;
mod shell;
mod keep;
mod artifact;
mod desk;
mod slots;
pub mod halt;
pub mod work;
mod job_log;
pub mod shelf;
mod facts;
pub mod turns;
pub mod stop;
pub mod coordinator;
pub mod order;
pub mod words;
pub mod chance;

pub use checkout::fetched;
pub use claim::new_key;
pub use facts::facts;
pub use run::{OUR_FAULT, finish};

use coordinator::Coordinator;
use desk::Desk;
use kozmic_edges::{
    engine::Engine,
    git::{Mirrors, TreeSize},
    logs::Logs,
    room::Room,
};
use registry::PrivateRegistries;
use std::{path::PathBuf, sync::Arc, time::Duration};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use turns::Turns;

/// A runner; cheap to clone.
#[derive(Clone)]
pub struct Runner {
    /// The part that decides.
    pub(crate) coordinator: Arc<dyn Coordinator>,
    /// The tools of the machine.
    pub(crate) tools: Tools,
    pub(crate) settings: Arc<RunnerSettings>,
    /// Cancels all work: nothing new begins, and containers continue alone until the next start.
    pub(crate) stop: CancellationToken,
    /// All tasks that run beside the caller.
    pub(crate) tasks: TaskTracker,
}

/// The tools on a runner's machine; cheap to clone.
#[derive(Clone)]
pub struct Tools {
    /// The engine that containers run on.
    pub engine: Arc<dyn Engine>,
    /// The mirrors of repositories.
    pub mirrors: Mirrors,
    /// The logs of attempts.
    pub logs: Logs,
    /// The part of each disk that must stay free.
    pub room: Room,
    /// The turns for work that only one job at a time may do.
    pub turns: Turns,
}

/// Settings of a runner.
#[derive(Clone, Debug)]
pub struct RunnerSettings {
    /// The runner's name. Its containers and images on the engine are marked with it.
    pub name: String,
    /// Number of jobs that run at once.
    pub slots: usize,
    /// The directory for checkouts until they are in their containers. It is emptied at each start.
    pub work_dir: PathBuf,
    /// The largest size of a commit's files.
    pub largest_checkout: TreeSize,
    /// Registries at private addresses from which images may come.
    pub private_registries: PrivateRegistries,
}

impl Runner {
    /// A runner that does nothing before [`Runner::open`]. Its tasks are in `tasks`, and end at `stop`.
    pub fn new(
        coordinator: Arc<dyn Coordinator>,
        tools: Tools,
        settings: RunnerSettings,
        stop: CancellationToken,
        tasks: TaskTracker,
    ) -> Self {
        Self { coordinator, tools, settings: Arc::new(settings), stop, tasks }
    }

    /// Starts the work: reports to the coordinator, and takes up the jobs that an earlier process had.
    pub async fn open(&self) -> OpenRunner {
        let desk = Desk::open(self).await;
        run::take_up(&desk).await;
        OpenRunner(desk)
    }

    /// Waits for a while. Returns false if everything stops in the meantime.
    pub(crate) async fn pause(&self, length: Duration) -> bool {
        tokio::select! {
            () = tokio::time::sleep(length) => true,
            () = self.stop.cancelled() => false,
        }
    }
}

/// A runner at work. Its loops run until everything stops; a loop that panics may be started again.
#[derive(Clone)]
pub struct OpenRunner(Desk);

impl OpenRunner {
    /// Reports every few seconds that the runner is alive, so that it keeps its jobs.
    pub async fn beat(self) {
        self.0.beat().await;
    }

    /// Takes jobs and runs them.
    pub async fn work(self) {
        run::forever(self.0).await;
    }

    /// Removes images that nobody needs any more, once.
    ///
    /// # Errors
    /// The engine or the coordinator does not answer.
    pub async fn tidy(&self) -> anyhow::Result<()> {
        tidy::tidy(&self.0.runner).await
    }

    /// Removes containers that no longer belong to a job, and images that nobody needs any more.
    pub async fn sweep(self) {
        sweep::forever(&self.0.runner).await;
    }
}
