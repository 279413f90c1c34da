//! Images on the engine: found, made of containers, taken off.

use super::{ContainerId, DockerEngine, EngineError, Image, containers::INSTANCE};
use bollard::{
    errors::Error,
    models::ContainerConfig,
    query_parameters::{CommitContainerOptionsBuilder, ListImagesOptionsBuilder, RemoveImageOptions},
};
use kozmic_model::image::ImageName;
use std::collections::HashMap;

impl DockerEngine {
    pub(super) async fn find_image(&self, name: &ImageName) -> Result<Option<Image>, EngineError> {
        let found = match self.docker()?.inspect_image(&name.to_string()).await {
            Err(Error::DockerResponseServerError { status_code: 404, .. }) => return Ok(None),
            found => found.map_err(|fault| self.fault(fault))?,
        };
        let missing = || EngineError::Unexpected { cause: format!("the image {name} has no id") };
        let id = found.id.ok_or_else(missing)?;
        let default_user = found.config.and_then(|config| config.user).unwrap_or_default();
        Ok(Some(Image { id, default_user, size: found.size.unwrap_or_default() }))
    }

    pub(super) async fn commit_container(
        &self,
        container: &ContainerId,
        name: &ImageName,
    ) -> Result<(), EngineError> {
        let options = CommitContainerOptionsBuilder::default()
            .container(&container.0)
            .repo(name.repository())
            .tag(name.reference())
            .pause(false)
            .build();
        let committed = self.patient()?.commit_container(options, ContainerConfig::default()).await;
        committed.map(drop).map_err(|fault| self.fault(fault))
    }

    /// 404: gone. 409: a container uses it.
    pub(super) async fn untag_image(&self, name: &ImageName) -> Result<bool, EngineError> {
        match self.patient()?.remove_image(&name.to_string(), None::<RemoveImageOptions>, None).await {
            Ok(_) | Err(Error::DockerResponseServerError { status_code: 404, .. }) => Ok(true),
            Err(Error::DockerResponseServerError { status_code: 409, .. }) => Ok(false),
            Err(fault) => Err(self.fault(fault)),
        }
    }

    pub(super) async fn images_of(&self, instance: &str) -> Result<Vec<ImageName>, EngineError> {
        let filters = HashMap::from([("label".to_owned(), vec![format!("{INSTANCE}={instance}")])]);
        let options = ListImagesOptionsBuilder::default().filters(&filters).build();
        let all = self.docker()?.list_images(Some(options)).await.map_err(|fault| self.fault(fault))?;
        Ok(all.into_iter().flat_map(|image| image.repo_tags).filter_map(|name| name.parse().ok()).collect())
    }
}
