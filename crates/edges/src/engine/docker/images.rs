//! Images on the engine: finds them, makes them from containers, and removes them.

use super::{
    ContainerId, DockerEngine, EngineError, Image, Nameless, Stage,
    containers::{INSTANCE, labels},
};
use bollard::{
    errors::Error,
    models::{ContainerConfig, ImageInspect},
    query_parameters::{
        CommitContainerOptionsBuilder, ListImagesOptionsBuilder, RemoveImageOptions,
        RemoveImageOptionsBuilder,
    },
};
use kozmic_model::{image::ImageName, job::Attempt};
use std::collections::HashMap;

/// The engine's text for a missing name or tag.
const NO_NAME: &str = "<none>";

impl DockerEngine {
    pub(super) async fn find_image(&self, name: &ImageName) -> Result<Option<Image>, EngineError> {
        let Some(found) = self.look_at(name).await? else { return Ok(None) };
        let missing = || EngineError::Unexpected { cause: format!("the image {name} has no id") };
        let is_pulled = is_pulled(&found, name);
        let id = found.id.ok_or_else(missing)?;
        let default_user = found.config.and_then(|config| config.user).unwrap_or_default();
        Ok(Some(Image { id, default_user, size: found.size.unwrap_or_default(), is_pulled }))
    }

    /// Finds an image by its labels: it has the labels of the container from which it was made.
    pub(super) async fn find_image_of(
        &self,
        name: &ImageName,
        instance: &str,
        attempt: Attempt,
        stage: &Stage,
    ) -> Result<Option<String>, EngineError> {
        let Some(found) = self.look_at(name).await? else { return Ok(None) };
        let has = found.config.and_then(|config| config.labels).unwrap_or_default();
        let wanted = labels(instance, attempt, stage);
        let is_of = wanted.iter().all(|(label, value)| has.get(label) == Some(value));
        Ok(found.id.filter(|_| is_of))
    }

    /// The image with that name. The engine also accepts the beginning of any image's id as a name, so the names are
    /// compared.
    async fn look_at(&self, name: &ImageName) -> Result<Option<ImageInspect>, EngineError> {
        let found = match self.docker()?.inspect_image(&name.to_string()).await {
            Err(Error::DockerResponseServerError { status_code: 404, .. }) => return Ok(None),
            found => found.map_err(|fault| self.fault(fault))?,
        };
        let listed = name.listed();
        let mut names = found.repo_tags.iter().chain(&found.repo_digests).flatten();
        let is_borne = names.any(|borne| *borne == listed);
        Ok(is_borne.then_some(found))
    }

    pub(super) async fn commit_container(
        &self,
        container: &ContainerId,
        name: &ImageName,
    ) -> Result<String, EngineError> {
        let options = CommitContainerOptionsBuilder::default()
            .container(&container.0)
            .repo(name.repository())
            .tag(name.reference())
            .pause(false)
            .build();
        let committed = self.patient()?.commit_container(options, ContainerConfig::default()).await;
        committed.map(|image| image.id).map_err(|fault| self.fault(fault))
    }

    /// Removes a name. 404: it is gone. 409: a container uses it.
    pub(super) async fn untag_image(&self, name: &ImageName) -> Result<bool, EngineError> {
        match self.patient()?.remove_image(&name.to_string(), None::<RemoveImageOptions>, None).await {
            Ok(_) | Err(Error::DockerResponseServerError { status_code: 404, .. }) => Ok(true),
            Err(Error::DockerResponseServerError { status_code: 409, .. }) => Ok(false),
            Err(fault) => Err(self.fault(fault)),
        }
    }

    /// Removes an image without pruning: its nameless parent images may belong to somebody else.
    pub(super) async fn remove_without_name(&self, image_id: &str) -> Result<Nameless, EngineError> {
        let docker = self.patient()?;
        let found = match docker.inspect_image(image_id).await {
            Err(Error::DockerResponseServerError { status_code: 404, .. }) => return Ok(Nameless::Gone),
            found => found.map_err(|fault| self.fault(fault))?,
        };
        let names = found.repo_tags.into_iter().chain(found.repo_digests).flatten();
        if names.into_iter().any(|name| !name.starts_with(NO_NAME)) {
            return Ok(Nameless::Named);
        }
        let options = RemoveImageOptionsBuilder::default().noprune(true).build();
        match docker.remove_image(image_id, Some(options), None).await {
            Ok(_) | Err(Error::DockerResponseServerError { status_code: 404, .. }) => Ok(Nameless::Gone),
            Err(Error::DockerResponseServerError { status_code: 409, .. }) => Ok(Nameless::InUse),
            Err(fault) => Err(self.fault(fault)),
        }
    }

    pub(super) async fn tags_of(&self, repository: &str) -> Result<Vec<String>, EngineError> {
        let filters = HashMap::from([("reference".to_owned(), vec![repository.to_owned()])]);
        let options = ListImagesOptionsBuilder::default().filters(&filters).build();
        let all = self.docker()?.list_images(Some(options)).await.map_err(|fault| self.fault(fault))?;
        let names = all.into_iter().flat_map(|image| image.repo_tags);
        // The engine takes the filter for a pattern, and lists all names of the images that it finds.
        let tag = |name: String| Some(name.strip_prefix(repository)?.strip_prefix(':')?.to_owned());
        let mut tags = names.filter_map(tag).filter(|tag| tag != NO_NAME).collect::<Vec<_>>();
        tags.sort();
        Ok(tags)
    }

    pub(super) async fn images_of(&self, instance: &str) -> Result<Vec<ImageName>, EngineError> {
        let filters = HashMap::from([("label".to_owned(), vec![format!("{INSTANCE}={instance}")])]);
        let options = ListImagesOptionsBuilder::default().filters(&filters).build();
        let all = self.docker()?.list_images(Some(options)).await.map_err(|fault| self.fault(fault))?;
        Ok(all.into_iter().flat_map(|image| image.repo_tags).filter_map(|name| name.parse().ok()).collect())
    }
}

/// True if the image was pulled from the registry of the name. An engine that keeps images in containerd gives each
/// image a digest, even one that was built there, and stores the origin separately.
fn is_pulled(found: &ImageInspect, name: &ImageName) -> bool {
    let repository = name.listed_repository();
    match &found.identity {
        Some(identity) => {
            let origins = identity.pull.iter().flatten().filter_map(|pull| pull.repository.as_ref());
            let mut origins = origins.filter_map(|origin| origin.parse::<ImageName>().ok());
            origins.any(|origin| origin.listed_repository() == repository)
        }
        None => {
            let digests = found.repo_digests.iter().flatten();
            digests.filter_map(|digest| digest.split_once('@')).any(|(origin, _)| origin == repository)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bollard::models::{Identity, PullIdentity};

    #[test]
    fn an_image_is_a_registrys_if_the_engine_says_that_it_came_from_there() {
        let name = "team/tools:1".parse().unwrap();
        let digest = |repository: &str| Some(vec![format!("{repository}@sha256:{}", "0".repeat(64))]);
        let of_store =
            |repository| ImageInspect { repo_digests: digest(repository), ..ImageInspect::default() };
        assert!(is_pulled(&of_store("team/tools"), &name));
        assert!(!is_pulled(&of_store("team/tools2"), &name) && !is_pulled(&ImageInspect::default(), &name));
        let of_containerd = |origins: &[&str]| {
            let pull = |origin: &&str| PullIdentity { repository: Some((*origin).to_owned()) };
            let pull = Some(origins.iter().map(pull).collect());
            let identity = Some(Identity { pull, ..Identity::default() });
            ImageInspect { identity, ..of_store("team/tools") }
        };
        assert!(!is_pulled(&of_containerd(&[]), &name), "it was built there");
        assert!(!is_pulled(&of_containerd(&["ghcr.io/team/tools"]), &name));
        assert!(is_pulled(&of_containerd(&["docker.io/team/tools"]), &name));
    }
}
