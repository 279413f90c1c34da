//! Starts a container. Somebody may have removed its network since it was created: `docker network prune` removes an
//! unused one.

use super::{
    ContainerId, DockerEngine, EngineError,
    containers::{INSTANCE, attempt_of},
    network::JobNetwork,
};
use bollard::query_parameters::{InspectContainerOptions, StartContainerOptions};

impl DockerEngine {
    pub(super) async fn start_container(&self, container: &ContainerId) -> Result<(), EngineError> {
        let docker = self.docker()?;
        let start = || docker.start_container(&container.0, None::<StartContainerOptions>);
        let started = match start().await {
            Err(fault) if self.lacks_network(&fault) => {
                self.make_network_anew(container).await?;
                start().await
            }
            started => started,
        };
        started.map_err(|fault| self.fault(fault))
    }

    async fn make_network_anew(&self, container: &ContainerId) -> Result<(), EngineError> {
        self.make_ready().await?;
        let JobNetwork::Each(range) = self.settings.network else { return Ok(()) };
        let found = self.docker()?.inspect_container(&container.0, None::<InspectContainerOptions>).await;
        let labels = found.map_err(|fault| self.fault(fault))?.config.and_then(|config| config.labels);
        let labels = labels.unwrap_or_default();
        let owner = labels.get(INSTANCE).zip(attempt_of(&labels));
        let unexpected = || EngineError::Unexpected { cause: "a job's container without labels".to_owned() };
        let (instance, attempt) = owner.ok_or_else(unexpected)?;
        self.network_apart(instance, attempt, range).await.map(drop)
    }
}
