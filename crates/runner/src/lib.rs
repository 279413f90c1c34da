//! The runner: what happens on the machine where a job's containers run.
//!
//! It takes orders from the coordinator, the part of Kozmic that decides, and runs each to its end: image, install script,
//! checkout, script, what that left. It has an engine, mirrors of repositories and the logs of its attempts. It has no
//! database, no forge and no secret key: all that it asks and tells goes through one port, [`coordinator::Coordinator`].
//!
//! The modules stand in the order of the steps; each calls only those below it.

#[cfg(test)]
mod tests;
#[cfg(any(test, feature = "contract"))]
pub mod contract;
mod sweep;
mod run;
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
pub mod halt;
pub mod work;
mod job_log;
pub mod shelf;
pub mod turns;
pub mod coordinator;
pub mod order;
pub mod stop;
pub mod words;

pub use checkout::fetched;
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
    /// The things that it works with.
    pub(crate) tools: Tools,
    pub(crate) settings: Arc<RunnerSettings>,
    /// Ends all work: nothing new is begun, containers go on alone until the next start.
    pub(crate) stop: CancellationToken,
    /// All that runs beside the caller.
    pub(crate) tasks: TaskTracker,
}

/// The things on its machine that a runner works with; cheap to clone.
#[derive(Clone)]
pub struct Tools {
    /// The engine that containers run on.
    pub engine: Arc<dyn Engine>,
    /// The mirrors of repositories.
    pub mirrors: Mirrors,
    /// The logs of attempts.
    pub logs: Logs,
    /// The part of each disk that is kept free.
    pub room: Room,
    /// Turns for work with them that is done one at a time.
    pub turns: Turns,
}

/// Settings of a runner.
#[derive(Clone, Debug)]
pub struct RunnerSettings {
    /// Its name: containers and images on its engine have it, and tell by it whose they are.
    pub name: String,
    /// Number of jobs that run at once.
    pub slots: usize,
    /// Directory of checkouts until they are in their containers. It is emptied at each start.
    pub work_dir: PathBuf,
    /// The most that a commit's files may be.
    pub largest_checkout: TreeSize,
    /// Registries in its own network that images may come from.
    pub private_registries: PrivateRegistries,
}

impl Runner {
    /// A runner that does nothing before [`Runner::open`]. What it begins is in `tasks`, until `stop`.
    pub fn new(
        coordinator: Arc<dyn Coordinator>,
        tools: Tools,
        settings: RunnerSettings,
        stop: CancellationToken,
        tasks: TaskTracker,
    ) -> Self {
        Self { coordinator, tools, settings: Arc::new(settings), stop, tasks }
    }

    /// Opens for work: tells the coordinator of itself, and takes up the jobs that an earlier process had.
    pub async fn open(&self) -> OpenRunner {
        let desk = Desk::open(self).await;
        run::take_up(&desk).await;
        OpenRunner(desk)
    }

    /// Waits for a while; false if everything stops meanwhile.
    pub(crate) async fn pause(&self, length: Duration) -> bool {
        tokio::select! {
            () = tokio::time::sleep(length) => true,
            () = self.stop.cancelled() => false,
        }
    }
}

/// A runner at work. Its loops go on until everything stops; one that panics may be begun anew.
#[derive(Clone)]
pub struct OpenRunner(Desk);

impl OpenRunner {
    /// Says every few seconds that the runner is there, and keeps its jobs.
    pub async fn beat(self) {
        self.0.beat().await;
    }

    /// Takes jobs, and runs them.
    pub async fn work(self) {
        run::forever(self.0).await;
    }

    /// Removes containers that belong to no job any more.
    pub async fn sweep(self) {
        sweep::forever(&self.0.runner).await;
    }
}
