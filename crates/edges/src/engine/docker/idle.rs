//! Containers that are never started: for a look into an image, and for filling a volume while another container
//! starts.

use super::{ContainerId, DockerEngine, EngineError, containers::made_of};
use bollard::{
    models::{ContainerCreateBody, HostConfig},
    query_parameters::CreateContainerOptions,
};
use std::collections::HashMap;

impl DockerEngine {
    /// Creates a container of this image that shares the volumes of others.
    pub(super) async fn create_idle(
        &self,
        image: &str,
        labels: HashMap<String, String>,
        volumes_from: Vec<String>,
    ) -> Result<ContainerId, EngineError> {
        let body = ContainerCreateBody {
            image: Some(image.to_owned()),
            cmd: Some(vec!["kozmic-never-starts-this".to_owned()]),
            labels: Some(made_of(labels, image)),
            host_config: Some(HostConfig {
                network_mode: Some("none".to_owned()),
                volumes_from: Some(volumes_from),
                ..HostConfig::default()
            }),
            ..ContainerCreateBody::default()
        };
        let created = self.docker()?.create_container(None::<CreateContainerOptions>, body).await;
        Ok(ContainerId(created.map_err(|fault| self.fault(fault))?.id))
    }
}
