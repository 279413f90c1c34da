//! The Docker engine, by its API only: no directory is shared with its host, so it may be local, remote or nested.

mod account;
mod apart;
mod archives;
mod attach;
mod certificates;
mod connect;
mod containers;
mod create;
mod facts;
mod fence;
mod idle;
mod images;
mod limits;
mod look;
mod memory;
mod network;
mod output;
mod passwd;
mod pull;
mod reach;
mod start;
#[cfg(test)]
mod tests;

pub use facts::{UserNamespace, Walls};
pub use limits::MemoryLimit;
pub use network::JobNetwork;
pub use reach::{Reach, Trial};

use super::{
    Account, Attached, ContainerId, ContainerState, Engine, EngineError, EngineVersion, FoundContainer,
    Image, Memory, Moment, Nameless, NewContainer, OutputStream, RegistryLogin, Stage, TerminalSize,
};
use async_trait::async_trait;
use bollard::{BollardRequest, Docker, errors::Error};
use bytes::Bytes;
use fence::Fence;
use futures_util::stream::BoxStream;
use kozmic_model::{image::ImageName, job::Attempt, time::Timestamp};
use std::{
    collections::HashMap,
    io::ErrorKind,
    net::IpAddr,
    path::PathBuf,
    sync::{Arc, Mutex, OnceLock, atomic::AtomicBool},
    time::Duration,
};
use tokio::sync::mpsc;

/// The longest time for the engine's answer to a simple call.
const TIMEOUT: Duration = Duration::from_secs(60);

/// The longest time for an upload or a pull.
const PATIENCE: Duration = Duration::from_secs(3_600);

/// Settings of the engine and of each job's container.
#[derive(Clone, Debug, Default)]
pub struct DockerSettings {
    /// `unix:///var/run/docker.sock`, `tcp://host:2375`, `https://host:2376`.
    pub url: String,
    /// The directory of `ca.pem`, `cert.pem` and `key.pem`, for TLS over TCP; none: no TLS.
    pub certificates: Option<PathBuf>,
    /// The network of job containers.
    pub network: JobNetwork,
    /// The memory limit.
    pub memory: MemoryLimit,
    /// Processor time in thousandths of a core.
    pub millicores: Option<i64>,
    /// The number of processes and threads; none: no limit.
    pub processes: Option<i64>,
    /// `name:address` pairs for `/etc/hosts`.
    pub extra_hosts: Vec<String>,
    /// Capabilities beyond Docker's default ones.
    pub capabilities: Vec<String>,
    /// The program that runs containers; none: the engine's own choice.
    pub runtime: Option<String>,
    /// The user namespace of job containers.
    pub user_namespace: UserNamespace,
}

/// A Docker engine; cheap to clone.
#[derive(Clone)]
pub struct DockerEngine {
    settings: Arc<DockerSettings>,
    /// The connection, once there is something to connect to.
    docker: OnceLock<Docker>,
    /// The machine's memory, once it is known.
    memory: Arc<OnceLock<i64>>,
    accounts: Arc<Mutex<HashMap<String, Account>>>,
    /// True if the engine is prepared for jobs.
    is_ready: Arc<AtomicBool>,
    fence: Arc<Fence>,
    /// The name of the network that Kozmic makes.
    own_network: &'static str,
}

impl DockerEngine {
    /// An engine at `settings.url`. It is not called yet, so it may start later.
    pub fn new(settings: DockerSettings) -> Self {
        Self {
            settings: Arc::new(settings),
            docker: OnceLock::new(),
            memory: Arc::default(),
            accounts: Arc::default(),
            is_ready: Arc::default(),
            fence: Arc::default(),
            own_network: JobNetwork::OWN,
        }
    }

    /// True if the engine has the network of job containers, if the settings name one. Some names stand for no network
    /// of the engine's own, and always count as present.
    ///
    /// # Errors
    /// The engine does not answer.
    pub async fn has_network(&self) -> Result<bool, EngineError> {
        let JobNetwork::Named(network) = &self.settings.network else { return Ok(true) };
        if matches!(network.as_str(), "bridge" | "default" | "host" | "none")
            || network.starts_with("container:")
        {
            return Ok(true);
        }
        Ok(self.network(network).await?.is_some())
    }

    /// True if the network exists that Kozmic makes for all jobs. This call makes nothing.
    ///
    /// # Errors
    /// The engine does not answer, or another network has the name.
    pub async fn has_own_network(&self) -> Result<bool, EngineError> {
        self.own_network_fits().await
    }

    /// A connection for calls that may take long.
    fn patient(&self) -> Result<Docker, EngineError> {
        Ok(self.docker()?.with_timeout(PATIENCE))
    }
}

#[async_trait]
impl Engine for DockerEngine {
    async fn ping(&self) -> Result<(), EngineError> {
        match self.docker()?.ping().await {
            Ok(_) => Ok(()),
            Err(fault) => Err(self.explained(fault).await),
        }
    }

    async fn prepare(&self) -> Result<(), EngineError> {
        self.make_ready().await
    }

    async fn is_job(&self, peer: IpAddr) -> bool {
        self.is_jobs_address(peer).await
    }

    /// The architecture is the engine's own, which may be another one than its kernel's: a 32-bit engine on a 64-bit
    /// kernel pulls 32-bit images.
    async fn version(&self) -> Result<EngineVersion, EngineError> {
        match self.docker()?.version().await {
            Ok(version) => Ok(EngineVersion {
                number: version.version.unwrap_or_else(|| "unknown".to_owned()),
                architecture: version.arch,
            }),
            Err(fault) => Err(self.explained(fault).await),
        }
    }

    async fn image(&self, name: &ImageName) -> Result<Option<Image>, EngineError> {
        self.find_image(name).await
    }

    async fn pull(
        &self,
        name: &ImageName,
        login: Option<&RegistryLogin>,
        progress: mpsc::Sender<String>,
    ) -> Result<(), EngineError> {
        self.pull_image(name, login, progress).await
    }

    async fn ask_registry(&self, name: &ImageName, login: Option<&RegistryLogin>) -> Result<(), EngineError> {
        self.ask_registry_for(name, login).await
    }

    async fn memory(&self) -> Result<i64, EngineError> {
        self.machines_memory().await
    }

    async fn commit(&self, container: &ContainerId, name: &ImageName) -> Result<String, EngineError> {
        self.commit_container(container, name).await
    }

    async fn image_of(
        &self,
        name: &ImageName,
        instance: &str,
        attempt: Attempt,
        stage: &Stage,
    ) -> Result<Option<String>, EngineError> {
        self.find_image_of(name, instance, attempt, stage).await
    }

    async fn remove_image(&self, name: &ImageName) -> Result<bool, EngineError> {
        self.untag_image(name).await
    }

    async fn tags(&self, repository: &str) -> Result<Vec<String>, EngineError> {
        self.tags_of(repository).await
    }

    async fn remove_nameless(&self, image_id: &str) -> Result<Nameless, EngineError> {
        self.remove_without_name(image_id).await
    }

    async fn own_images(&self, instance: &str) -> Result<Vec<ImageName>, EngineError> {
        self.images_of(instance).await
    }

    async fn account(&self, image: &Image, instance: &str, attempt: Attempt) -> Result<Account, EngineError> {
        self.find_account(image, containers::labels(instance, attempt, &Stage::Build)).await
    }

    async fn create(&self, wanted: &NewContainer) -> Result<ContainerId, EngineError> {
        self.create_container(wanted).await
    }

    async fn create_beside(
        &self,
        container: &ContainerId,
        wanted: &NewContainer,
    ) -> Result<ContainerId, EngineError> {
        let labels = containers::labels(&wanted.instance, wanted.attempt, &wanted.stage);
        self.create_idle(&wanted.image, labels, vec![container.0.clone()]).await
    }

    async fn upload(
        &self,
        container: &ContainerId,
        path: &str,
        archive: mpsc::Receiver<std::io::Result<Bytes>>,
    ) -> Result<(), EngineError> {
        self.upload_archive(container, path, archive).await
    }

    async fn download(
        &self,
        container: &ContainerId,
        path: &str,
    ) -> Result<BoxStream<'static, Result<Bytes, EngineError>>, EngineError> {
        self.download_archive(container, path).await
    }

    async fn has_file(&self, container: &ContainerId, path: &str) -> Result<bool, EngineError> {
        self.stat(container, path).await
    }

    async fn read_file(
        &self,
        container: &ContainerId,
        path: &str,
        limit: usize,
    ) -> Result<Option<Vec<u8>>, EngineError> {
        self.small_file(container, path, limit).await
    }

    async fn remembers(&self, container: &ContainerId, moment: Moment) -> Result<Memory, EngineError> {
        self.recall(container, moment).await
    }

    async fn attach(&self, container: &ContainerId, has_terminal: bool) -> Result<Attached, EngineError> {
        match has_terminal {
            true => self.attach_to_terminal(container).await,
            false => self.attach_to_channels(container).await,
        }
    }

    async fn output(&self, container: &ContainerId) -> Result<OutputStream, EngineError> {
        self.output_of(container)
    }

    async fn output_until(
        &self,
        container: &ContainerId,
        until: Timestamp,
    ) -> Result<OutputStream, EngineError> {
        self.output_before(container, until)
    }

    async fn start(&self, container: &ContainerId) -> Result<(), EngineError> {
        self.start_container(container).await
    }

    async fn size_terminal(&self, container: &ContainerId, size: TerminalSize) -> Result<(), EngineError> {
        self.resize_terminal(container, size).await
    }

    async fn wait(&self, container: &ContainerId) -> Result<i64, EngineError> {
        self.wait_for(container).await
    }

    async fn state(&self, container: &ContainerId) -> Result<Option<ContainerState>, EngineError> {
        self.state_of(container).await
    }

    async fn has_processes(&self, container: &ContainerId) -> Result<bool, EngineError> {
        self.lists_processes(container).await
    }

    async fn lacked_memory(&self, container: &ContainerId) -> Result<bool, EngineError> {
        self.was_short_of_memory(container).await
    }

    async fn stop(&self, container: &ContainerId, grace: Duration) -> Result<(), EngineError> {
        self.stop_container(container, grace).await
    }

    async fn remove(&self, container: &ContainerId) -> Result<(), EngineError> {
        self.remove_container(container).await
    }

    async fn containers(&self, instance: &str) -> Result<Vec<FoundContainer>, EngineError> {
        self.containers_of(instance).await
    }

    async fn networks(&self, instance: &str) -> Result<Vec<Attempt>, EngineError> {
        self.attempts_apart(instance).await
    }

    async fn remove_network(&self, instance: &str, attempt: Attempt) -> Result<(), EngineError> {
        self.remove_apart(instance, attempt).await
    }
}

/// Encodes a registry's login in the alphabet for addresses. The client library writes plain base64, and the engine
/// ignores a login that contains `+` or `/`.
fn legible(mut request: BollardRequest) -> BollardRequest {
    let login = request.headers_mut().get_mut("X-Registry-Auth");
    let safe = |text: &str| text.replace('+', "-").replace('/', "_").parse().ok();
    if let Some(login) = login
        && let Some(safe) = login.to_str().ok().and_then(safe)
    {
        *login = safe;
    }
    request
}

/// A connection fault in words: a plain sentence for frequent faults, else the words of all causes.
fn chain(fault: &Error) -> String {
    if let Some(plain) = plainly(fault) {
        return plain.to_owned();
    }
    let mut text = fault.to_string();
    let mut source = std::error::Error::source(fault);
    while let Some(inner) = source {
        let words = inner.to_string();
        if !text.contains(&words) {
            text = format!("{text}: {words}");
        }
        source = inner.source();
    }
    text
}

fn plainly(fault: &Error) -> Option<&'static str> {
    let mut here = std::error::Error::source(fault);
    while let Some(cause) = here {
        if let Some(io) = cause.downcast_ref::<std::io::Error>() {
            return match io.kind() {
                ErrorKind::NotFound => Some("there is no such socket"),
                ErrorKind::PermissionDenied => {
                    Some("this user may not open its socket (is it in the group docker?)")
                }
                ErrorKind::ConnectionRefused => Some("nothing listens there"),
                _ => None,
            };
        }
        here = cause.source();
    }
    None
}
