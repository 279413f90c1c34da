//! The way of a push, one module a step, in the order in which they happen. A step calls only steps below it.
//!
//! ```text
//! GitHub ─▶ receive ─▶ plan ─▶ (the queue) ─▶ run ─▶ cache ─▶ prepare ─▶ checkout ─▶ follow ─▶ report ─▶ GitHub
//! ```
//!
//! `sync` keeps Kozmic and the forge in line, `sweep` removes what nobody needs any more; `gate`, `desk`,
//! `halt`, `work`, `job_log` and `turns` are what the runner has at hand; `keys` and `speak` let it in at the forge,
//! `patience` is for when that does not answer; `autobuild` says how the Auto Builder works.

mod missed;
pub mod receive;
mod watch;
pub mod sync;
mod sweep;
mod plan;
pub mod run;
mod attempt;
pub mod cache;
mod bare;
mod prepare;
mod checkout;
mod follow;
mod ending;
mod gate;
mod keep;
mod publish;
mod desk;
mod halt;
mod work;
mod job_log;
mod turns;
mod report;
mod notify;
mod keys;
mod speak;
mod patience;
mod autobuild;

pub use autobuild::AutobuildSettings;

use desk::Desk;
use futures_util::FutureExt;
use kozmic_edges::{Edges, store::Way};
use kozmic_model::{ids::ProjectId, spec::Origin};
use std::{
    collections::HashSet,
    panic::AssertUnwindSafe,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use url::Url;

/// Pause of a part of the server after a panic.
const RESTART_PAUSE: Duration = Duration::from_secs(1);

/// Everything that the steps of one installation have in common.
#[derive(Clone)]
pub struct Flow {
    /// Everything outside.
    pub edges: Edges,
    /// Settings of this installation's steps.
    pub settings: Arc<FlowSettings>,
    /// Ends all work: nothing new is begun, containers go on alone until the next start.
    pub stop: CancellationToken,
    /// All that runs beside the caller.
    pub tasks: TaskTracker,
    /// Turns for work that jobs do one at a time.
    turns: turns::Turns,
    /// Public repositories that their server shows to nobody without credentials, as an Enterprise server in private
    /// mode does.
    unshown: Arc<Mutex<HashSet<ProjectId>>>,
    /// Deliveries that wait for the forge's word of their repository.
    doubts: receive::Doubts,
    /// Branches that the forge is going to be asked for.
    questions: receive::Questions,
    /// Commit messages that pull requests' deliveries wait for.
    messages: sync::Messages,
}

/// Settings of an installation's steps.
#[derive(Clone, Debug)]
pub struct FlowSettings {
    /// Address at which browsers and the forge reach Kozmic.
    pub public_url: Url,
    /// Tells this installation's containers from others'.
    pub instance: String,
    /// Number of jobs that run at once.
    pub slots: usize,
    /// A job without output for so long is stopped.
    pub stall_timeout: Duration,
    /// A job that takes longer is stopped.
    pub job_timeout: Duration,
    /// A job whose log gets longer is stopped, in bytes.
    pub log_limit: u64,
    /// Time between SIGTERM and SIGKILL.
    pub stop_grace: Duration,
    /// Directory of checkouts until they are in their containers.
    pub work_dir: PathBuf,
    /// Number of cached images that are kept for each project.
    pub cached_images: usize,
    /// Settings of the Auto Builder; none: it is switched off.
    pub autobuild: Option<AutobuildSettings>,
}

impl FlowSettings {
    /// Longest time that a job may take.
    fn time_limit(&self, origin: &Origin) -> Duration {
        let autobuild = self.autobuild.as_ref().filter(|_| origin.is_automatic());
        autobuild.map_or(self.job_timeout, |autobuild| autobuild.maximum_time)
    }
}

impl Flow {
    /// The steps of an installation; nothing goes on before [`Flow::start`].
    pub fn new(edges: Edges, settings: FlowSettings) -> Self {
        Self {
            edges,
            settings: Arc::new(settings),
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
            turns: turns::Turns::default(),
            unshown: Arc::default(),
            doubts: receive::Doubts::default(),
            questions: receive::Questions::default(),
            messages: sync::Messages::default(),
        }
    }

    /// Starts all that goes on in the background: deliveries, jobs, statuses, cleaning up.
    pub async fn start(&self) {
        let desk = Desk::open(self).await;
        publish::clear(self).await;
        run::take_up(&desk).await;
        self.keep("runner's beat", {
            let desk = desk.clone();
            move |_| desk.clone().beat()
        });
        self.keep("runner", move |_| run::forever(desk.clone()));
        self.keep("deliveries", receive::forever);
        self.keep("doubts about branches", receive::take_up);
        self.keep("missed deliveries", missed::forever);
        self.keep("room", sweep::room);
        self.keep("statuses", |flow| report::forever(flow, Way::ToForge));
        self.keep("mails", |flow| report::forever(flow, Way::ToPeople));
        self.keep("sweeping", sweep::forever);
        self.keep("deleted projects", sweep::graves);
        self.keep("members", sync::forever);
        self.keep("configuration", watch::forever);
    }

    /// Keeps a loop going: one that panics is a fault of ours, and begins again instead of being missed.
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
