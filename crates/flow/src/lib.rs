//! The way of a push before and after its containers: one module or folder a step, in the order in which they happen. A
//! step calls only steps below it.
//!
//! ```text
//! GitHub ─▶ intake ─▶ (the queue) ─▶ coordinator ─▶ the runner ─▶ coordinator ─▶ publish ─▶ reporting ─▶ GitHub
//! ```
//!
//! `configuration` reads the Auto Builder's configuration. `sweep` and `images` remove what nobody needs any more.
//! `at_forge` keeps Kozmic and the forge in line, and manages Kozmic's access there. `steer` cancels and restarts jobs,
//! `ring` rings the bells of a change, and `autobuild` has the Auto Builder's settings.
// A future that works with the store holds those of the layers below it.
#![recursion_limit = "256"]

pub mod intake;
mod configuration;
mod sweep;
pub mod runners;
mod coordinator;
mod dispatcher;
mod publish;
pub mod images;
mod reporting;
pub mod at_forge;
pub mod steer;
mod ring;
mod autobuild;
#[cfg(test)]
mod samples;

pub use autobuild::AutobuildSettings;
pub use runners::RemoteRunners;
pub use sweep::Retention;

use coordinator::{Here, Patient};
use dispatcher::Dispatcher;
use futures_util::FutureExt;
use intake::{missed, receive};
use kozmic_edges::{Edges, git::TreeSize};
use kozmic_model::{ids::ProjectId, invited::Invited, label::Labels, spec::Origin, time::Timestamp};
use kozmic_runner::{Runner, RunnerSettings, Tools, registry::PrivateRegistries, shelf::Shelf, turns::Turns};
use reporting::report;
use std::{
    collections::HashSet,
    panic::AssertUnwindSafe,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use url::Url;

/// Pause before a part of the server begins again after a panic.
const RESTART_PAUSE: Duration = Duration::from_secs(1);

/// Everything that the steps of one installation have in common.
#[derive(Clone)]
pub struct Flow {
    /// Everything outside.
    pub edges: Edges,
    /// Settings of this installation's steps.
    pub settings: Arc<FlowSettings>,
    /// Ends all work: nothing new begins, and containers go on alone until the next start.
    pub stop: CancellationToken,
    /// All tasks that run in the background.
    pub tasks: TaskTracker,
    /// The runners that are connected now.
    dispatcher: Dispatcher,
    /// Locks for work that jobs do one at a time.
    turns: Turns,
    /// Public repositories that their server shows to nobody without credentials, as an Enterprise server in private
    /// mode does.
    unshown: Arc<Mutex<HashSet<ProjectId>>>,
    /// Deliveries that wait for the forge's answer about their repository.
    doubts: receive::Doubts,
    /// Branches that the forge is going to be asked about.
    questions: receive::Questions,
    /// Commit messages that pull requests' deliveries wait for.
    messages: at_forge::Messages,
    /// Answers if the person who pushed to a fork may push to the repository; pull requests' deliveries wait for them.
    trusts: at_forge::Trusts,
    /// Answers about files that deliveries wait for.
    touches: receive::Touches,
}

/// Settings of an installation's steps.
#[derive(Clone, Debug)]
pub struct FlowSettings {
    /// Address at which browsers and the forge reach Kozmic.
    pub public_url: Url,
    /// The installation's name: keys of cached images are made of it.
    pub instance: String,
    /// The name of the runner in this process: it marks the containers and images on its engine.
    pub runner: String,
    /// Number of jobs that run at once on it.
    pub slots: usize,
    /// The labels that people gave to this machine.
    pub labels: Labels,
    /// Time for which a job stays with a runner that is not heard of.
    pub lease: Duration,
    /// A job is stopped if it has no output for so long.
    pub stall_timeout: Duration,
    /// A job is stopped if it takes longer.
    pub job_timeout: Duration,
    /// A job is stopped if its log gets longer, in bytes.
    pub log_limit: u64,
    /// Time between SIGTERM and SIGKILL.
    pub stop_grace: Duration,
    /// Directory of checkouts until they are in their containers.
    pub work_dir: PathBuf,
    /// The most that the files of a commit may be.
    pub largest_checkout: TreeSize,
    /// Registries in the server's own network from which images may come, as in images' names; `*` for all.
    pub private_registries: Vec<String>,
    /// Number of cached images that are kept for each project.
    pub cached_images: usize,
    /// The people who may sign in.
    pub invited: Invited,
    /// Time for which entries of the audit trail are kept.
    pub audit_kept: Duration,
    /// The most mails about builds that one person gets within an hour; none: no limit.
    pub mail_limit: Option<u32>,
    /// Times for which old deliveries, logs and attempts are kept.
    pub retention: Retention,
    /// Settings of the Auto Builder; none: it is switched off.
    pub autobuild: Option<AutobuildSettings>,
}

impl FlowSettings {
    /// The whole address of a path at this server. The path begins with a slash.
    fn address(&self, path: &str) -> String {
        format!("{}{path}", self.public_url.as_str().trim_end_matches('/'))
    }

    /// Time until which a job stays with its runner, if it is claimed or kept now.
    fn lease(&self, now: Timestamp) -> Timestamp {
        now.after(self.lease)
    }

    /// Longest time that a job may take.
    fn time_limit(&self, origin: &Origin) -> Duration {
        let autobuild = self.autobuild.as_ref().filter(|_| origin.is_automatic());
        autobuild.map_or(self.job_timeout, |autobuild| autobuild.maximum_time)
    }
}

impl Flow {
    /// The steps of an installation. Nothing runs before [`Flow::start`].
    pub fn new(edges: Edges, settings: FlowSettings) -> Self {
        Self {
            edges,
            settings: Arc::new(settings),
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
            dispatcher: Dispatcher::default(),
            turns: Turns::default(),
            unshown: Arc::default(),
            doubts: receive::Doubts::default(),
            questions: receive::Questions::default(),
            messages: at_forge::Messages::default(),
            trusts: at_forge::Trusts::default(),
            touches: receive::Touches::default(),
        }
    }

    /// Starts all background work: deliveries, jobs, the lanes of the outbox, cleaning up.
    pub async fn start(&self) {
        publish::clear(self).await;
        runners::begin(self).await;
        let runner = self.runner();
        runners::follow_own(self).await;
        let open = runner.open().await;
        self.keep("runner's beat", {
            let open = open.clone();
            move |_| open.clone().beat()
        });
        self.keep("runner's containers", {
            let open = open.clone();
            move |_| open.clone().sweep()
        });
        self.keep("runner", move |_| open.clone().work());
        self.keep("dispatcher", dispatcher::forever);
        self.keep("runners", runners::forever);
        self.keep("deliveries", receive::forever);
        self.keep("doubts about branches", receive::take_up);
        self.keep("missed deliveries", missed::forever);
        self.keep("room", sweep::room);
        for lane in self.edges.lanes() {
            self.keep(lane.name(), move |flow| report::forever(flow, lane));
        }
        self.keep("sweeping", sweep::forever);
        self.keep("deleted projects", sweep::deleted_projects);
        self.keep("members", at_forge::forever);
        self.keep("guests", at_forge::look_after_guests);
        self.keep("configuration", move |flow| configuration::forever(flow, runner.clone()));
    }

    /// The runner of this process.
    fn runner(&self) -> Runner {
        let Edges { engine, mirrors, logs, room, .. } = self.edges.clone();
        let tools = Tools { engine, mirrors, logs, room, turns: self.turns.clone() };
        let settings = RunnerSettings {
            name: self.settings.runner.clone(),
            slots: self.settings.slots,
            work_dir: self.settings.work_dir.clone(),
            largest_checkout: self.settings.largest_checkout,
            private_registries: PrivateRegistries::new(&self.settings.private_registries),
        };
        let here = Arc::new(Patient(Here::new(self)));
        Runner::new(here, tools, settings, self.stop.clone(), self.tasks.clone())
    }

    /// The runners on other machines, for the routes that they call.
    pub fn remote_runners(&self) -> RemoteRunners {
        RemoteRunners(self.clone())
    }

    /// The images of the runner of this process.
    pub fn shelf(&self) -> Shelf {
        Shelf::new(self.edges.engine.clone(), self.turns.clone(), &self.settings.runner)
    }

    /// Keeps a loop going. If it panics, that is a fault of ours: it is logged, and the loop begins again.
    fn keep<F: Future<Output = ()> + Send>(
        &self,
        name: &'static str,
        work: impl Fn(Self) -> F + Send + 'static,
    ) {
        let flow = self.clone();
        self.tasks.spawn(async move {
            while AssertUnwindSafe(work(flow.clone())).catch_unwind().await.is_err() {
                tracing::error!(name, "a part of the server has a fault and begins again");
                flow.pause(RESTART_PAUSE).await;
            }
        });
    }

    /// Stops taking new work, and waits until the work in progress is left in order.
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
