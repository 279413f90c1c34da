//! The engine that runs containers. The trait is the contract; Docker is its implementation.

pub mod docker;
mod fault;
mod order;
mod subnet;

pub use fault::EngineError;
pub use order::{Limits, NewContainer, TerminalSize, Volume};
pub use subnet::{NotASubnet, Subnet};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;
use kozmic_model::{image::ImageName, job::Attempt, time::Timestamp};
use secrecy::SecretString;
use std::{net::IpAddr, pin::Pin, time::Duration};
use tokio::{io::AsyncWrite, sync::mpsc};

/// An engine for containers. Many callers may call it at once. The life of a container: `create`, `upload` and `attach`
/// in any order, `start`, `wait`, `remove`; also `create_beside`, for an `upload` while the container starts. If an
/// engine does not answer, the call gives [`EngineError::Unreachable`], and its effect is unknown.
#[async_trait]
pub trait Engine: Send + Sync {
    /// Checks that the engine answers, at no cost for the engine.
    async fn ping(&self) -> Result<(), EngineError>;

    /// Prepares the engine for containers, for instance with a network. It costs nothing if the engine is already
    /// prepared. Two callers may do it at once.
    ///
    /// # Errors
    /// The engine lacks something; the error names it, with advice.
    async fn prepare(&self) -> Result<(), EngineError>;

    /// True if a peer of this machine is a job's container, of this installation or another one, by its address. If the
    /// engine does not answer, its last answer is used.
    async fn is_job(&self, peer: IpAddr) -> bool;

    /// The engine's version and architecture. The engine may start other programs to find them.
    async fn version(&self) -> Result<EngineVersion, EngineError>;

    /// The image with that name on the engine, if there is one. An id, or the beginning of an id, is not a name.
    async fn image(&self, name: &ImageName) -> Result<Option<Image>, EngineError>;

    /// Pulls an image, with a login if necessary. Sends lines of progress meanwhile. Errors have the engine's own
    /// words.
    async fn pull(
        &self,
        name: &ImageName,
        login: Option<&RegistryLogin>,
        progress: mpsc::Sender<String>,
    ) -> Result<(), EngineError>;

    /// Asks an image's registry for access to the image, with a login if necessary. A pull does not always ask the
    /// registry: for a digest, the engine's own content is enough.
    ///
    /// # Errors
    /// The registry refuses, or does not answer.
    async fn ask_registry(&self, name: &ImageName, login: Option<&RegistryLogin>) -> Result<(), EngineError>;

    /// The machine's memory, in bytes.
    async fn memory(&self) -> Result<i64, EngineError>;

    /// Makes an image from the changes of an ended container on its disk, without its volumes. Returns the image's id,
    /// such as `sha256:d6ac…`. May take minutes. The image keeps these settings of the container as defaults for its
    /// own containers: user, directory, variables, labels, command, and the paths of volumes that are not
    /// [`Volume::is_empty`]. Its containers get such a volume at the same path, and everything else from
    /// [`NewContainer`].
    async fn commit(&self, container: &ContainerId, name: &ImageName) -> Result<String, EngineError>;

    /// The id of the image with that name, if it was made from the container of that stage of an attempt.
    async fn image_of(
        &self,
        name: &ImageName,
        instance: &str,
        attempt: Attempt,
        stage: &Stage,
    ) -> Result<Option<String>, EngineError>;

    /// Removes a name from the engine. If it was the image's last name, also removes the image and its parent images
    /// without names, as far as nothing else needs them. False if a container uses it; true if the name was gone
    /// already.
    async fn remove_image(&self, name: &ImageName) -> Result<bool, EngineError>;

    /// The tags of all images on the engine that are named `<repository>:<tag>`, with exactly this repository; sorted.
    async fn tags(&self, repository: &str) -> Result<Vec<String>, EngineError>;

    /// Removes the image with this id, but only if it has no name, neither `repository:tag` nor `repository@digest`.
    /// Its parent images stay.
    async fn remove_nameless(&self, image_id: &str) -> Result<Nameless, EngineError>;

    /// The names of all images that an installation of Kozmic made.
    async fn own_images(&self, instance: &str) -> Result<Vec<ImageName>, EngineError>;

    /// The user as whom scripts run in an image, with numbers and home directory. If a container is needed to find out,
    /// it is marked as the attempt's.
    async fn account(&self, image: &Image, instance: &str, attempt: Attempt) -> Result<Account, EngineError>;

    /// Creates a container without starting it.
    async fn create(&self, wanted: &NewContainer) -> Result<ContainerId, EngineError>;

    /// Creates a container that shares another one's volumes and labels and is never started. Files can be put into the
    /// volumes through it while the other container starts and is locked. If there is no such container, the call is
    /// refused, but not as missing.
    async fn create_beside(
        &self,
        container: &ContainerId,
        wanted: &NewContainer,
    ) -> Result<ContainerId, EngineError>;

    /// Unpacks a tar archive into a directory of a container, running or not. Waits for a container that is starting.
    ///
    /// # Errors
    /// One with [`EngineError::is_missing`] if there is no such directory or container. One with
    /// [`EngineError::is_unreachable`], with the archive's own words, if the archive fails: a part of it may be
    /// unpacked.
    async fn upload(
        &self,
        container: &ContainerId,
        path: &str,
        archive: mpsc::Receiver<std::io::Result<Bytes>>,
    ) -> Result<(), EngineError>;

    /// A file or directory of a container, running or ended, as a tar archive of any length. Entries begin with the
    /// path's last part, and a link is given as a link. The archive is complete only if it has its end marker: an
    /// engine that fails in the middle may end the stream normally.
    ///
    /// # Errors
    /// One with [`EngineError::is_missing`] if there is no such path or container. A path below a file is also refused,
    /// in the engine's words.
    async fn download(
        &self,
        container: &ContainerId,
        path: &str,
    ) -> Result<BoxStream<'static, Result<Bytes, EngineError>>, EngineError>;

    /// True if a path exists in a container, running or not. A link exists wherever it leads. False if the container is
    /// gone. A path below a file is refused.
    async fn has_file(&self, container: &ContainerId, path: &str) -> Result<bool, EngineError>;

    /// A file of a container, running or not, up to `limit` bytes. None if there is no such file or container, or if
    /// the file is longer or not a plain file. A path below a file is refused.
    async fn read_file(
        &self,
        container: &ContainerId,
        path: &str,
        limit: usize,
    ) -> Result<Option<Vec<u8>>, EngineError>;

    /// The engine's memory of a container's start or end. The current engine process keeps its last events in memory.
    /// An engine that is about to stop counts as one that does not answer. The call takes a second unless the event was
    /// seen.
    async fn remembers(&self, container: &ContainerId, moment: Moment) -> Result<Memory, EngineError>;

    /// Attaches to a container before its start, once. Every byte of its output arrives as it was printed and at once;
    /// a silent container may stay silent for ever. The container waits for a reader that does not read. If it was
    /// created with a terminal, all output is [`Channel::Output`], lines end with `\r\n`, and the input leads nowhere.
    async fn attach(&self, container: &ContainerId, has_terminal: bool) -> Result<Attached, EngineError>;

    /// All output of a container from its start, and then new output until it ends. The engine stores it as text: each
    /// byte that is not UTF-8 becomes U+FFFD, and so does each byte of a character that lies across 16 KiB of one line.
    /// A line arrives when it is ended, when it is longer than that, or when it is the container's last one. A second
    /// reading gives the same bytes. With a terminal, all output is [`Channel::Output`], and lines end with `\r\n`. A
    /// failure is reported in the stream as a lost connection, even if there is no such container.
    async fn output(&self, container: &ContainerId) -> Result<OutputStream, EngineError>;

    /// The engine's stored output of a container, up to a second of its own clock; otherwise like `output`.
    async fn output_until(
        &self,
        container: &ContainerId,
        until: Timestamp,
    ) -> Result<OutputStream, EngineError>;

    /// Starts a container. A running one is fine; a container that was created beside another is refused.
    async fn start(&self, container: &ContainerId) -> Result<(), EngineError>;

    /// Sets the terminal size of a running container; before, it is 0 × 0. A container without a terminal, or one that
    /// has ended or is gone, is fine.
    async fn size_terminal(&self, container: &ContainerId, size: TerminalSize) -> Result<(), EngineError>;

    /// Waits until a container has ended, and returns its code. A container that was not started yet gives 0 at once.
    async fn wait(&self, container: &ContainerId) -> Result<i64, EngineError>;

    /// The state of a container; none if it does not exist.
    async fn state(&self, container: &ContainerId) -> Result<Option<ContainerState>, EngineError>;

    /// True if a container has a process. False if the container is gone. If the engine missed the container's end, its
    /// state is still `Running`, but this call is right.
    async fn has_processes(&self, container: &ContainerId) -> Result<bool, EngineError>;

    /// True if any process of a container was killed for lack of memory, as far as the engine saw until the container's
    /// end. The engine may miss a kill in the last moment. False for a container that runs or is gone.
    async fn lacked_memory(&self, container: &ContainerId) -> Result<bool, EngineError>;

    /// Stops a container: SIGTERM, even if its image names another signal, and SIGKILL after the grace period. A
    /// container that has ended or is gone is fine.
    async fn stop(&self, container: &ContainerId, grace: Duration) -> Result<(), EngineError>;

    /// Removes a container and its volumes, running or not. A container that is gone is fine.
    async fn remove(&self, container: &ContainerId) -> Result<(), EngineError>;

    /// All containers of an installation of Kozmic.
    async fn containers(&self, instance: &str) -> Result<Vec<FoundContainer>, EngineError>;

    /// The attempts of an installation that have a network of their own on the engine.
    async fn networks(&self, instance: &str) -> Result<Vec<Attempt>, EngineError>;

    /// Removes the network of an attempt, if it has its own. Its containers must be removed before.
    async fn remove_network(&self, instance: &str, attempt: Attempt) -> Result<(), EngineError>;
}

/// An engine's version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineVersion {
    /// The number, such as `27.5.1`.
    pub number: String,
    /// The architecture of the images that it pulls, in its own words; none if it does not tell.
    pub architecture: Option<String>,
}

/// An image on the engine.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Image {
    /// The engine's id of its content.
    pub id: String,
    /// The user as whom its containers run by default; empty for root.
    pub default_user: String,
    /// The size in bytes, all layers together.
    pub size: i64,
    /// True if the image was pulled from a registry, or pushed to one, under the name that found it.
    pub is_pulled: bool,
}

/// The login for a registry.
#[derive(Clone)]
pub struct RegistryLogin {
    /// The registry's host, and port if it needs one.
    pub registry: String,
    /// The user.
    pub username: String,
    /// The password, or a token.
    pub password: SecretString,
}

/// The script of an attempt that a container runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The install script; its result is kept under this cache key.
    Install(String),
    /// The build script.
    Build,
}

impl Stage {
    /// The cache key of an install script's result.
    pub fn cache_key(&self) -> Option<&str> {
        match self {
            Self::Install(key) => Some(key),
            Self::Build => None,
        }
    }
}

/// An event that happens once in a container's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// It was started.
    Start,
    /// It ended.
    End,
}

/// The memory of the current engine process of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Memory {
    /// The engine saw the event.
    Seen,
    /// The engine did not see the event: the engine started after it.
    NotSeen,
    /// The engine may have forgotten the event: too much has happened since.
    Unknown,
}

/// The user as whom scripts run in an image, with numbers and home directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The name or number to run as.
    pub user: String,
    /// The user's number.
    pub uid: u64,
    /// The number of the user's group.
    pub gid: u64,
    /// The user's home directory.
    pub home: String,
    /// True if there is a `/bin/sh`.
    pub has_shell: bool,
}

/// A container's id at the engine.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ContainerId(pub String);

/// The result of removing an image unless it has a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nameless {
    /// It does not exist (any more).
    Gone,
    /// It has a name, and stays.
    Named,
    /// A container uses it, or another image is based on it; it stays.
    InUse,
}

/// The two streams of an attached container.
pub struct Attached {
    /// Its output.
    pub output: OutputStream,
    /// Its standard input.
    pub input: Pin<Box<dyn AsyncWrite + Send>>,
}

/// A container's output, in order within each channel.
pub type OutputStream = BoxStream<'static, Result<Output, EngineError>>;

/// A piece of a container's output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// Standard output or standard error.
    pub channel: Channel,
    /// The bytes.
    pub bytes: Bytes,
}

/// The channel to which a container wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// Standard output.
    Output,
    /// Standard error.
    Error,
}

/// The state of a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContainerState {
    /// It was never started.
    Created,
    /// It runs.
    Running,
    /// It ended, with this code.
    Exited(i64),
}

/// A container of an installation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundContainer {
    /// Its id.
    pub id: ContainerId,
    /// The attempt that it runs.
    pub attempt: Attempt,
    /// The attempt's script that it runs.
    pub stage: Stage,
}
