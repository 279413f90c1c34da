//! The port between a runner and the coordinator.

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
    runner::ClaimKey,
};
use std::fmt;
use tokio::sync::mpsc;

/// The coordinator, as one runner sees it: it gives orders, and stores the runner's reports. The runner knows no other
/// part of Kozmic.
///
/// # Order of the calls
/// A process calls [`held`](Self::held) once, before the first [`claim`](Self::claim), and [`beat`](Self::beat) as long
/// as it lives. For each attempt from one of them, it calls:
///
/// 1. [`standing`](Self::standing), if the attempt is taken up again, by another process or after the engine was away;
/// 2. [`note_phases`](Self::note_phases), [`repository`](Self::repository) and the image methods, as often as
///    necessary;
/// 3. [`begin_script`](Self::begin_script) before each script: the script's gate opens only after the answer `true`;
/// 4. [`forget_container`](Self::forget_container) before a container is removed that is no longer needed;
/// 5. [`publish`](Self::publish), if the script ended well and left an artifact;
/// 6. [`end`](Self::end), once; or [`give_back`](Self::give_back) in place of all of these, if the runner cannot begin;
/// 7. [`cleared`](Self::cleared), when the attempt has nothing left on the engine.
///
/// # Repetition
/// Each call may be repeated with the same arguments if its answer was lost: the second call changes nothing, and a
/// claim with the same key gives the same order.
///
/// # Refusals
/// An error means that the coordinator does not answer, or cannot: the attempt ends as broken. The exceptions are
/// `claim`, `give_back`, `end` and `held`, which are repeated until they succeed. A call about an attempt that no longer
/// holds its job changes nothing: `begin_script` then answers `false`, and `stopped` ends. The error [`Stopped`] of any
/// call ends the attempt with that outcome. After [`AnswerLost`], `publish` may be called again.
///
/// # Planned extensions
/// Services, figures about a job's use of resources, and artifacts of hooks will be reported beside `note_phases` and
/// `publish`. A shell in a job is requested through the same listening as `stopped`. Secrets belong in the order,
/// because they are for one attempt. A warm container needs no call here: the runner makes it from the spec of the last
/// order.
#[async_trait]
pub trait Coordinator: Send + Sync {
    /// The attempts that this runner held when it last stopped, the oldest first.
    async fn held(&self) -> Result<Vec<Order>>;

    /// The next job, if one waits, as a new attempt. The runner holds it as long as it calls `beat`. With the key of an
    /// earlier claim it gets that order again, if it still holds it. The runner keeps a key until a claim gives an
    /// order: an earlier claim may still be under way when a later one finds no job.
    async fn claim(&self, key: &ClaimKey) -> Result<Option<Order>>;

    /// Waits until there may be a job to claim. A runner that is not woken looks only every few minutes.
    async fn woken(&self);

    /// Reports that the runner is alive, and its state. The runner keeps all the jobs that it holds for another while.
    async fn beat(&self, state: &State) -> Result<()>;

    /// Reports the runner's state between two beats.
    async fn note_state(&self, state: &State) -> Result<()>;

    /// The state of an attempt, as the coordinator knows it; none if it no longer holds its job.
    async fn standing(&self, attempt: Attempt) -> Result<Option<Standing>>;

    /// Stores all phases of an attempt.
    async fn note_phases(&self, order: &Order, phases: &[Phase]) -> Result<()>;

    /// Stores that a script is about to begin in this container. From now on, the container's state is the attempt's
    /// state. False: the attempt no longer holds its job, and the script must not begin.
    async fn begin_script(&self, order: &Order, beginning: &Beginning<'_>) -> Result<bool>;

    /// Forgets the attempt's container, because its script never began, or because nothing of it is needed any more.
    async fn forget_container(&self, attempt: Attempt) -> Result<()>;

    /// Waits until an attempt must stop for another reason than its limits. Returns the outcome.
    async fn stopped(&self, attempt: Attempt) -> Outcome;

    /// Reports that an attempt's log grew. The coordinator can read the log itself.
    fn log_grew(&self, order: &Order);

    /// Gives back an attempt that the runner cannot begin: its job waits again, also for other runners. If a script may
    /// have begun, nothing changes.
    async fn give_back(&self, order: &Order) -> Result<()>;

    /// Ends an attempt. The coordinator decides the consequence for its job.
    async fn end(&self, order: &Order, outcome: &Outcome) -> Result<()>;

    /// Reports that an ended attempt has no more containers: its images may be removed.
    async fn cleared(&self, attempt: Attempt);

    /// The address of the attempt's repository, and credentials for it. After a fetch that failed, the complaint gives
    /// the reason; then both are looked up again, and may differ.
    async fn repository(&self, order: &Order, complaint: Option<Complaint>) -> Result<Repository>;

    /// The image with a key, if this runner made it for the attempt's project and stored it. It counts as used from now
    /// on, so that nobody removes it.
    async fn use_image(&self, order: &Order, key: &str) -> Result<Option<CachedImage>>;

    /// Stores the inputs of a hook's image, and returns the inputs stored before. For a fork's pull request nothing is
    /// stored.
    async fn compare_inputs(&self, order: &Order, inputs: &CacheInputs) -> Result<Option<CacheInputs>>;

    /// The permission of an attempt to start from an image on the engine, by the engine's id of the image.
    async fn leave(&self, order: &Order, image: &ImageName, id: &str) -> Result<Leave>;

    /// The engine's id of the image that a kernel build kept under a name, if it is known.
    async fn kept_image(&self, name: &ImageName) -> Result<Option<String>>;

    /// Stores a change of an image on this runner's engine.
    async fn note_image(&self, order: &Order, change: ImageChange<'_>) -> Result<()>;

    /// The images on this runner's engine that nobody needs any more; no attempt gets one of them from now on. `there`
    /// are the names of all images that the runner made.
    async fn surplus_images(&self, there: &[ImageName]) -> Result<Vec<Surplus>>;

    /// Stores that a surplus image is no longer on the engine.
    async fn note_removed(&self, image: &Surplus) -> Result<()>;

    /// The name under which an attempt's container is kept as an image: the plain name, unless it belongs to another
    /// branch.
    async fn image_name(&self, order: &Order, plain: &ImageName) -> Result<GivenName>;

    /// Publishes an artifact from the engine's tar archive of it. Meanwhile, lines for the job's log go to `words`.
    async fn publish(
        &self,
        order: &Order,
        archive: Archive,
        words: mpsc::Sender<String>,
    ) -> Result<Published>;
}

/// The error of a call that was given up because its attempt must stop. The attempt ends with this outcome.
#[derive(Debug, thiserror::Error)]
#[error("the attempt must stop")]
pub struct Stopped(pub Outcome);

/// The error of a call whose answer was lost, and which the coordinator could not repeat by itself. It may be made
/// again.
#[derive(Debug, thiserror::Error)]
#[error("the answer to a call was lost")]
pub struct AnswerLost;

/// The state of a runner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// Number of jobs that it runs at once.
    pub slots: usize,
    /// Number of jobs that it runs now.
    pub busy: usize,
    /// The reason why it takes no jobs although it has free slots, in a sentence.
    pub trouble: Option<String>,
}

/// The state of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The attempt's phases so far.
    pub phases: Vec<Phase>,
    /// The container whose script may have begun.
    pub container: Option<String>,
    /// The outcome, if somebody asked to stop the attempt.
    pub cancellation: Option<Outcome>,
}

/// A script that is about to begin.
#[derive(Clone, Copy, Debug)]
pub struct Beginning<'a> {
    /// The engine's id of its container.
    pub container: &'a str,
    /// The key of the image that an install script makes; none for other scripts.
    pub cache_key: Option<&'a str>,
    /// All phases of the attempt.
    pub phases: &'a [Phase],
}

/// The reason of a fetch that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Complaint {
    /// The commit is not there, or the forge did not answer: the repository may have moved.
    Lost,
    /// The deploy key was refused.
    KeyRefused,
    /// The server shows the repository to nobody without credentials.
    NotShown,
}

/// The address of a repository, with credentials.
#[derive(Clone, Debug)]
pub struct Repository {
    /// The address for git.
    pub url: String,
    /// The credentials, for this attempt only.
    pub credentials: Credentials,
    /// The branch that a clone checks out.
    pub default_branch: String,
}

/// A change of an image on the runner's engine.
#[derive(Clone, Copy, Debug)]
pub enum ImageChange<'a> {
    /// An install script made it.
    Made {
        /// The key that finds it.
        key: &'a str,
        /// The size in bytes, all layers together.
        size: i64,
    },
    /// It is known, but does not exist any more.
    Gone(&'a CachedImage),
    /// A pull with the project's login begins.
    Pulling(&'a ImageName),
    /// The project has pulled it.
    Pulled {
        /// Its name.
        name: &'a ImageName,
        /// True if the pull used a login.
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

/// An image that nobody needs any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Surplus {
    /// The image with this name.
    Named(ImageName),
    /// The image without a name that has this id at the engine.
    Nameless(String),
}

impl fmt::Display for Surplus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named(name) => name.fmt(f),
            Self::Nameless(id) => id.fmt(f),
        }
    }
}

/// The permission to start from an image on the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leave {
    /// It is granted.
    Given,
    /// Another project's login pulled images of its repository, and this project has not pulled any yet: ask the
    /// registry.
    AtRegistry,
    /// A kernel build kept it, and only kernel builds may start from it.
    Kept,
}

/// The name under which a container is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GivenName {
    /// The name.
    pub name: ImageName,
    /// True if an image of a newer push has the name already.
    pub has_newer: bool,
}

/// An artifact on its way out of a container.
pub type Archive = BoxStream<'static, std::io::Result<Bytes>>;

/// The outcome of publishing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Published {
    /// It is published under this name.
    As(String),
    /// It was refused; the sentence gives the reason.
    Refused(String),
}
