//! The engine that containers run on. The trait is the contract; Docker is its implementation.

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

/// An engine for containers. Calls may be made at once by many. A container's life: `create`, `upload` and
/// `attach` in any order, `start`, `wait`, `remove`; and `create_beside`, to `upload` while it starts. An engine that
/// does not answer gives [`EngineError::Unreachable`], after which nothing is known of what it did.
#[async_trait]
pub trait Engine: Send + Sync {
    /// Asks whether the engine answers, which costs it nothing.
    async fn ping(&self) -> Result<(), EngineError>;

    /// Makes ready what containers need, a network for instance, and costs nothing once it is. Two who do it at once are
    /// fine.
    ///
    /// # Errors
    /// One that says what the engine lacks, and what would be right.
    async fn prepare(&self) -> Result<(), EngineError>;

    /// Whether a peer of this machine is a job's container, of this installation or another one, as far as its address
    /// tells. An engine that does not answer is believed as of its last answer.
    async fn is_job(&self, peer: IpAddr) -> bool;

    /// The engine's own version. An engine may start other programs to find out.
    async fn version(&self) -> Result<String, EngineError>;

    /// The image that bears that name on the engine, if one does; an id, or the beginning of one, is no name.
    async fn image(&self, name: &ImageName) -> Result<Option<Image>, EngineError>;

    /// Pulls an image, as somebody if need be; tells lines of progress on the way. Errors carry the engine's own words.
    async fn pull(
        &self,
        name: &ImageName,
        login: Option<&RegistryLogin>,
        progress: mpsc::Sender<String>,
    ) -> Result<(), EngineError>;

    /// Has an image's registry asked whether it gives it, as to somebody if need be. A pull does not always ask: it is content
    /// with what the engine has of a digest.
    ///
    /// # Errors
    /// It does not give it, or does not answer.
    async fn ask_registry(&self, name: &ImageName, login: Option<&RegistryLogin>) -> Result<(), EngineError>;

    /// The machine's memory, in bytes.
    async fn memory(&self) -> Result<i64, EngineError>;

    /// Makes an image of what a container that ended has changed on its disk, volumes apart; gives its id, such as
    /// `sha256:d6ac…`. May take minutes. Of the container's settings the image keeps user, directory, variables,
    /// labels, command and the paths of volumes that are not [`Volume::is_empty`], as defaults for its own containers:
    /// they get such a volume at the same path, and all else as [`NewContainer`] has it.
    async fn commit(&self, container: &ContainerId, name: &ImageName) -> Result<String, EngineError>;

    /// The id of the image of that name, if it was made of the container of that attempt's build script.
    async fn image_of(
        &self,
        name: &ImageName,
        instance: &str,
        attempt: Attempt,
    ) -> Result<Option<String>, EngineError>;

    /// Takes a name off the engine, and with the last one the image and those without names that it was made of, as far as
    /// nothing else needs them. False if a container uses it; one that is gone is fine.
    async fn remove_image(&self, name: &ImageName) -> Result<bool, EngineError>;

    /// The tags of all images on the engine that are named `<repository>:<tag>`, with exactly this repository; sorted.
    async fn tags(&self, repository: &str) -> Result<Vec<String>, EngineError>;

    /// Removes the image of this id, but only if it has no name, neither `repository:tag` nor `repository@digest`.
    /// The images that it was made of stay.
    async fn remove_nameless(&self, image_id: &str) -> Result<Nameless, EngineError>;

    /// The names of all images that an installation of Kozmic made.
    async fn own_images(&self, instance: &str) -> Result<Vec<ImageName>, EngineError>;

    /// The user as whom scripts run in an image, and the user's surroundings. Any container that takes is marked as one
    /// of the attempt's.
    async fn account(&self, image: &Image, instance: &str, attempt: Attempt) -> Result<Account, EngineError>;

    /// Creates a container; it does not run yet.
    async fn create(&self, wanted: &NewContainer) -> Result<ContainerId, EngineError>;

    /// Creates a container that shares another one's volumes and labels and is never started: files can be put into
    /// the volumes through it while the other one starts, which locks that one. Refused, but not as missing, if there is
    /// no such container.
    async fn create_beside(
        &self,
        container: &ContainerId,
        wanted: &NewContainer,
    ) -> Result<ContainerId, EngineError>;

    /// Unpacks a tar archive into a directory of a container, running or not. It waits for one that starts.
    ///
    /// # Errors
    /// One that [`EngineError::is_missing`] if there is no such directory or container. One that
    /// [`EngineError::is_unreachable`], with the archive's own words, if the archive fails: some of it may be there.
    async fn upload(
        &self,
        container: &ContainerId,
        path: &str,
        archive: mpsc::Receiver<std::io::Result<Bytes>>,
    ) -> Result<(), EngineError>;

    /// A file or directory of a container, running or ended, as a tar archive of any length: entries begin with the
    /// path's last part, and a link is given as a link. The archive is whole only if its own end is there: an engine
    /// that fails in the middle may end it as if it were.
    ///
    /// # Errors
    /// One that [`EngineError::is_missing`] if there is no such path or container. A path below a file is refused too,
    /// in the engine's words.
    async fn download(
        &self,
        container: &ContainerId,
        path: &str,
    ) -> Result<BoxStream<'static, Result<Bytes, EngineError>>, EngineError>;

    /// Whether a path exists in a container, running or not; a link does, wherever it leads. Not if the container is gone.
    /// Below a file it is refused.
    async fn has_file(&self, container: &ContainerId, path: &str) -> Result<bool, EngineError>;

    /// A file of a container, running or not, up to `limit` bytes. None if there is no such file or container, if it is
    /// longer, or no plain file. Below a file it is refused.
    async fn read_file(
        &self,
        container: &ContainerId,
        path: &str,
        limit: usize,
    ) -> Result<Option<Vec<u8>>, EngineError>;

    /// Whether the engine as it runs now saw a container start or end. It keeps its last events in memory, for as long
    /// as it runs. An engine that is about to stop is one that does not answer. Takes a second unless it saw it.
    async fn remembers(&self, container: &ContainerId, moment: Moment) -> Result<Memory, EngineError>;

    /// Listens to a container that was not started yet, once: every byte of its output comes, as it was printed and as
    /// soon as it was; a silent one may stay so. The container waits for a reader that does not read. With a terminal,
    /// which it was created with, all is [`Channel::Output`], lines end with `\r\n`, and the input leads nowhere.
    async fn attach(&self, container: &ContainerId, has_terminal: bool) -> Result<Attached, EngineError>;

    /// All output of a container from its start, and what follows until it ends. The engine keeps it as text: each byte
    /// that is not UTF-8 comes back as U+FFFD, as does each byte of a character that lies across 16 KiB of one line. A
    /// line comes when it is ended, longer than that, or the container's last one; not before. A second reading gives
    /// the same bytes again. With a terminal all is [`Channel::Output`], and lines end with `\r\n`. What fails is told in
    /// the stream, as a lost connection, even if there is no such container.
    async fn output(&self, container: &ContainerId) -> Result<OutputStream, EngineError>;

    /// The copy that the engine keeps of a container's output, up to a second of its own clock; as with `output`.
    async fn output_until(
        &self,
        container: &ContainerId,
        until: Timestamp,
    ) -> Result<OutputStream, EngineError>;

    /// Starts a container. One that runs is fine; one that was created beside another is refused.
    async fn start(&self, container: &ContainerId) -> Result<(), EngineError>;

    /// Gives the terminal of a container that runs its size, which is 0 × 0 before. One that has no terminal, or has ended
    /// or is gone, is fine.
    async fn size_terminal(&self, container: &ContainerId, size: TerminalSize) -> Result<(), EngineError>;

    /// Waits until a container ended; gives what it returned. One that was not started yet is not waited for, and gives 0.
    async fn wait(&self, container: &ContainerId) -> Result<i64, EngineError>;

    /// The state of a container; none if it does not exist.
    async fn state(&self, container: &ContainerId) -> Result<Option<ContainerState>, EngineError>;

    /// Whether a container has a process; one that is gone has none. An engine that missed its end says that it runs all the same.
    async fn has_processes(&self, container: &ContainerId) -> Result<bool, EngineError>;

    /// Whether a process of a container was killed for want of memory, as far as the engine saw until the container ended:
    /// any of its processes, not the first one alone. It may miss one of the last moment. None of one that runs, or is gone.
    async fn lacked_memory(&self, container: &ContainerId) -> Result<bool, EngineError>;

    /// Stops a container: SIGTERM, whatever signal its image wants, and SIGKILL after the grace period. One that ended or is
    /// gone is fine.
    async fn stop(&self, container: &ContainerId, grace: Duration) -> Result<(), EngineError>;

    /// Removes a container and its volumes, running or not. One that is gone is fine.
    async fn remove(&self, container: &ContainerId) -> Result<(), EngineError>;

    /// The containers of an installation of Kozmic.
    async fn containers(&self, instance: &str) -> Result<Vec<FoundContainer>, EngineError>;

    /// The attempts of an installation that left a network of their own on the engine.
    async fn networks(&self, instance: &str) -> Result<Vec<Attempt>, EngineError>;

    /// Removes the network of an attempt, if it has one of its own, after its containers.
    async fn remove_network(&self, instance: &str, attempt: Attempt) -> Result<(), EngineError>;
}

/// An image on the engine.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Image {
    /// The engine's id of its content.
    pub id: String,
    /// The user that its containers run as if nothing else is said; empty for root.
    pub default_user: String,
    /// In bytes, all layers together.
    pub size: i64,
    /// Whether it came from a registry, or was given to one, under the name that it was found by.
    pub is_pulled: bool,
}

/// The login for a registry.
#[derive(Clone)]
pub struct RegistryLogin {
    /// The registry's host, and port if it needs one.
    pub registry: String,
    /// The user.
    pub username: String,
    /// The password, or a token in its place.
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
    /// The key of what an install script makes.
    pub fn cache_key(&self) -> Option<&str> {
        match self {
            Self::Install(key) => Some(key),
            Self::Build => None,
        }
    }
}

/// An event that happens to a container once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// It was started.
    Start,
    /// It ended.
    End,
}

/// Whether the engine as it runs now saw something happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Memory {
    /// It did.
    Seen,
    /// It did not: it was started after that.
    NotSeen,
    /// It may have forgotten: too much has happened since.
    Unknown,
}

/// The user as whom scripts run in an image, and the user's surroundings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The name or number to run as.
    pub user: String,
    /// Its number.
    pub uid: u64,
    /// Its group's number.
    pub gid: u64,
    /// Its home directory.
    pub home: String,
    /// Whether there is a `/bin/sh`.
    pub has_shell: bool,
}

/// A container's id at the engine.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ContainerId(pub String);

/// Outcome for an image that was to be removed unless it has a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nameless {
    /// It is not there (any more).
    Gone,
    /// It has a name, and stays.
    Named,
    /// A container uses it, or another image was made of it; it stays.
    InUse,
}

/// The two ends of a container that is listened to.
pub struct Attached {
    /// Its output.
    pub output: OutputStream,
    /// Its standard input.
    pub input: Pin<Box<dyn AsyncWrite + Send>>,
}

/// Output of a container, in order within each channel.
pub type OutputStream = BoxStream<'static, Result<Output, EngineError>>;

/// A piece of what a container printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// Standard output or standard error.
    pub channel: Channel,
    /// The bytes.
    pub bytes: Bytes,
}

/// The one of its two channels that a container wrote to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// Standard output.
    Output,
    /// Standard error.
    Error,
}

/// State of a container.
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
