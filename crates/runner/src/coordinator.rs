//! The port between a runner and those who decide.

use crate::order::Order;
use anyhow::Result;
use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;
use kozmic_edges::git::Credentials;
use kozmic_model::{
    cache::{CacheInputs, CachedImage},
    image::ImageName,
    job::{Attempt, Outcome},
    phase::Phase,
};
use tokio::sync::mpsc;

/// The coordinator, as one runner sees it: it gives orders, and keeps what the runner tells of them. The runner knows
/// nothing else of Kozmic.
///
/// # Order of the calls
/// A process calls [`held`](Self::held) once, before the first [`claim`](Self::claim), and [`beat`](Self::beat) as long
/// as it lives. For each attempt that it got by one of them:
///
/// 1. [`standing`](Self::standing), if the attempt is taken up again, by another process or after the engine was away;
/// 2. [`note_phases`](Self::note_phases), [`repository`](Self::repository) and all about images, as often as need be;
/// 3. [`begin_script`](Self::begin_script) before each script, and only after a yes does the script's gate open;
/// 4. [`forget_container`](Self::forget_container) before a container goes of which nothing is needed any more;
/// 5. [`publish`](Self::publish), if the script ended well and left an artifact;
/// 6. [`end`](Self::end), once;
/// 7. [`cleared`](Self::cleared), when nothing of the attempt is on the engine any more.
///
/// # Repetition
/// Each call may be made again, with the same arguments, if its answer was lost: the second one changes nothing, but
/// for `claim`, whose lost order is found by the `held` of the next start.
///
/// # Refusals
/// An error says that the coordinator does not answer, or cannot: the attempt ends as broken, but for `end` and `held`,
/// which are called until they worked. A call about an attempt that does not hold its job any more changes nothing;
/// `begin_script` says so, and `stopped` ends.
///
/// # What is to come
/// Services, a job's figures of use and artifacts of hooks will be told beside `note_phases` and `publish`; a shell in a
/// job is asked for where `stopped` listens. Secrets belong into the order, since they are for one attempt, and a
/// warm container needs no word here: the runner makes it of the last order's spec.
#[async_trait]
pub trait Coordinator: Send + Sync {
    /// The attempts that this runner held when it last stopped, the oldest first.
    async fn held(&self) -> Result<Vec<Order>>;

    /// The next job, if one waits, as a new attempt. The runner holds it as long as it beats.
    async fn claim(&self) -> Result<Option<Order>>;

    /// Waits until there may be something to claim; a runner that is never woken looks from time to time.
    async fn woken(&self);

    /// Says that the runner is there, and how it is. It keeps all that it holds for another while.
    async fn beat(&self, state: &State) -> Result<()>;

    /// Says how the runner is, between two beats.
    async fn note_state(&self, state: &State) -> Result<()>;

    /// The state of an attempt, as the coordinator knows it; none if it does not hold its job any more.
    async fn standing(&self, attempt: Attempt) -> Result<Option<Standing>>;

    /// Notes the parts of an attempt's time, all of them.
    async fn note_phases(&self, order: &Order, phases: &[Phase]) -> Result<()>;

    /// Notes that a script is about to begin, in this container: from now on that tells where the attempt stands. False:
    /// the attempt does not hold its job any more, and the script must not begin.
    async fn begin_script(&self, order: &Order, beginning: &Beginning<'_>) -> Result<bool>;

    /// Forgets the attempt's container: its script never began, or nothing of it is needed any more.
    async fn forget_container(&self, attempt: Attempt) -> Result<()>;

    /// Waits until an attempt is to be stopped, for another reason than its limits; gives how it then ends.
    async fn stopped(&self, attempt: Attempt) -> Outcome;

    /// Says that an attempt's log grew: it lies where the coordinator can read it.
    fn log_grew(&self, order: &Order);

    /// Ends an attempt. What follows for its job is the coordinator's to decide.
    async fn end(&self, order: &Order, outcome: &Outcome) -> Result<()>;

    /// Says that no container of an ended attempt is there any more: images that it needed may go.
    async fn cleared(&self, attempt: Attempt);

    /// The whereabouts of the attempt's repository, and credentials for it. After a fetch that failed, the
    /// complaint says how; then they are looked up anew, and may be others.
    async fn repository(&self, order: &Order, complaint: Option<Complaint>) -> Result<Repository>;

    /// The image with a key that this runner made for the attempt's project and noted; it is used from now on, so that
    /// nobody removes it.
    async fn use_image(&self, order: &Order, key: &str) -> Result<Option<CachedImage>>;

    /// Notes the inputs that a hook's image is made of, and gives those of before. Nothing is noted of a fork's pull request.
    async fn compare_inputs(&self, order: &Order, inputs: &CacheInputs) -> Result<Option<CacheInputs>>;

    /// Whether an attempt may start from an image that is on the engine, by the id that it has there.
    async fn leave(&self, order: &Order, image: &ImageName, id: &str) -> Result<Leave>;

    /// The engine's id of the image that a kernel build left under a name, if that is known.
    async fn kept_image(&self, name: &ImageName) -> Result<Option<String>>;

    /// Notes what became of an image on this runner's engine.
    async fn note_image(&self, order: &Order, change: ImageChange<'_>) -> Result<()>;

    /// The name under which an attempt's container is kept as an image: the plain one, unless that is another branch's.
    async fn image_name(&self, order: &Order, plain: &ImageName) -> Result<GivenName>;

    /// Publishes an artifact, which comes as the tar archive that the engine makes of it. Lines for the job's log go to
    /// `words` meanwhile.
    async fn publish(
        &self,
        order: &Order,
        archive: Archive,
        words: mpsc::Sender<String>,
    ) -> Result<Published>;
}

/// State of a runner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// Number of jobs that it runs at once.
    pub slots: usize,
    /// Number of jobs that it runs now.
    pub busy: usize,
    /// The reason why it takes no job although it could, in a sentence.
    pub trouble: Option<String>,
}

/// State of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The parts of its time so far.
    pub phases: Vec<Phase>,
    /// The container whose script may have begun.
    pub container: Option<String>,
    /// The end of an attempt that somebody wants to be stopped.
    pub cancellation: Option<Outcome>,
}

/// A script that is about to begin.
#[derive(Clone, Copy, Debug)]
pub struct Beginning<'a> {
    /// The engine's id of its container.
    pub container: &'a str,
    /// For an install script: the key of what it makes.
    pub cache_key: Option<&'a str>,
    /// The parts of the attempt's time, all of them.
    pub phases: &'a [Phase],
}

/// A fetch that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Complaint {
    /// The commit is not there, or the forge did not answer: the repository may be elsewhere by now.
    Lost,
    /// The deploy key was refused.
    KeyRefused,
    /// The server shows the repository to nobody without credentials.
    NotShown,
}

/// The whereabouts of a repository.
#[derive(Clone, Debug)]
pub struct Repository {
    /// The address that git fetches from.
    pub url: String,
    /// The credentials, for this attempt alone.
    pub credentials: Credentials,
    /// The branch that a clone checks out.
    pub default_branch: String,
}

/// A change of an image on the runner's engine.
#[derive(Clone, Copy, Debug)]
pub enum ImageChange<'a> {
    /// An install script made it.
    Made {
        /// The key that it is found by.
        key: &'a str,
        /// In bytes, all layers together.
        size: i64,
    },
    /// It is known, but is not there any more.
    Gone(&'a CachedImage),
    /// A pull with the project's login begins.
    Pulling(&'a ImageName),
    /// The project has pulled it.
    Pulled {
        /// Its name.
        name: &'a ImageName,
        /// Whether that was with a login.
        has_login: bool,
    },
    /// The project could not pull it.
    NotPulled(&'a ImageName),
    /// A container was kept under this name.
    Kept {
        /// The name.
        name: &'a ImageName,
        /// The engine's id of it.
        id: &'a str,
    },
}

/// Leave to start from an image that is on the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leave {
    /// It is given.
    Given,
    /// Another project's login brought what is there of its repository, and this project has pulled nothing of it yet.
    AtRegistry,
    /// A kernel build left it, for those that start from kept images.
    Kept,
}

/// The name that a container is kept under.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GivenName {
    /// The name.
    pub name: ImageName,
    /// Whether an image of a newer push was kept under it.
    pub has_newer: bool,
}

/// An artifact on its way out of a container.
pub type Archive = BoxStream<'static, std::io::Result<Bytes>>;

/// The end of publishing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Published {
    /// It is there, under this name.
    As(String),
    /// It is not taken, for a reason in a sentence.
    Refused(String),
}
