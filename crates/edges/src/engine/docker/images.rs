//! Images on the engine.

use super::{DockerEngine, EngineError, Image};
use bollard::errors::Error;
use kozmic_model::image::ImageName;

impl DockerEngine {
    pub(super) async fn find_image(&self, name: &ImageName) -> Result<Option<Image>, EngineError> {
        let found = match self.docker()?.inspect_image(&name.to_string()).await {
            Err(Error::DockerResponseServerError { status_code: 404, .. }) => return Ok(None),
            found => found.map_err(|fault| self.fault(fault))?,
        };
        let missing = || EngineError::Unexpected { cause: format!("the image {name} has no id") };
        let id = found.id.ok_or_else(missing)?;
        let default_user = found.config.and_then(|config| config.user).unwrap_or_default();
        Ok(Some(Image { id, default_user }))
    }
}
