//! The way out of a job's container, by experiment: a short-lived one tries some addresses, and says which let it in.

use super::{DockerEngine, EngineError};
use crate::engine::{ContainerId, Engine, Image, Limits, NewContainer, Stage};
use bollard::query_parameters::ListImagesOptions;
use futures_util::TryStreamExt;
use kozmic_model::{ids::JobId, image::ImageName, job::Attempt};
use std::{net::SocketAddr, time::Duration};
use tokio::time::timeout;

/// Has a shell try an address with a port for two seconds, by what the image has for that.
const TRY: &str = "if command -v bash && command -v timeout; then t() { timeout 2 bash -c \": </dev/tcp/$1/$2\"; }; \
                   elif command -v nc; then t() { nc -z -w 2 \"$1\" \"$2\" </dev/null; }; else exit 3; fi";

/// Longest time that such a container may run.
const PATIENCE: Duration = Duration::from_secs(20);

/// Number of images that are tried until one can do it.
const IMAGES: usize = 3;

/// Beginning of the names of images that are tried first.
const LIKELY: &str = "kozmic/";

/// Beginning of the names of images that projects made.
const OF_PROJECTS: &str = "kozmic-cache/";

impl DockerEngine {
    /// Those of some addresses that a job's container connects to; none if no image on the engine can try. The container
    /// is marked as the installation's, so that it is swept up should this process end.
    ///
    /// # Errors
    /// The engine does not answer, or lacks what jobs need.
    pub async fn reached(
        &self,
        instance: &str,
        targets: &[SocketAddr],
    ) -> Result<Option<Vec<SocketAddr>>, EngineError> {
        for name in self.likely_images().await? {
            let Some(image) = self.find_image(&name).await? else { continue };
            let found = self.try_in(&image, instance, targets).await?;
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    async fn likely_images(&self) -> Result<Vec<ImageName>, EngineError> {
        let all = self.docker()?.list_images(None::<ListImagesOptions>).await;
        let all = all.map_err(|fault| self.fault(fault))?;
        let names = all.into_iter().flat_map(|image| image.repo_tags);
        let mut names = names.filter(|name| !name.starts_with(OF_PROJECTS)).collect::<Vec<_>>();
        names.sort_by_key(|name| !name.starts_with(LIKELY));
        Ok(names.iter().filter_map(|name| name.parse().ok()).take(IMAGES).collect())
    }

    async fn try_in(
        &self,
        image: &Image,
        instance: &str,
        targets: &[SocketAddr],
    ) -> Result<Option<Vec<SocketAddr>>, EngineError> {
        let wanted = trial(image, instance, targets);
        let container = self.create_container(&wanted).await?;
        let tried = timeout(PATIENCE, self.run(&container)).await;
        self.remove_container(&container).await?;
        self.remove_apart(instance, wanted.attempt).await?;
        let Ok(Ok(Some(said))) = tried else { return Ok(None) };
        let is_reached = |target: &&SocketAddr| said.lines().any(|line| line == format!("reached {target}"));
        Ok(Some(targets.iter().filter(is_reached).copied().collect()))
    }

    /// The output of a container; none if it could not do what it should.
    async fn run(&self, container: &ContainerId) -> Result<Option<String>, EngineError> {
        self.start_container(container).await?;
        if self.wait_for(container).await? != 0 {
            return Ok(None);
        }
        let pieces = self.output(container).await?.try_collect::<Vec<_>>().await?;
        let bytes = pieces.into_iter().flat_map(|piece| piece.bytes).collect::<Vec<_>>();
        Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
    }
}

fn trial(image: &Image, instance: &str, targets: &[SocketAddr]) -> NewContainer {
    let tries = targets
        .iter()
        .map(|target| format!("t {} {} && echo reached {target} & ", target.ip(), target.port()));
    let script =
        format!("exec 3>&1 >/dev/null 2>&1; {TRY}; exec >&3; {}wait; exit 0", tries.collect::<String>());
    NewContainer {
        instance: instance.to_owned(),
        attempt: Attempt { job: JobId(0), number: 0 },
        stage: Stage::Build,
        image: image.id.clone(),
        command: vec!["/bin/sh".to_owned(), "-c".to_owned(), script],
        user: String::new(),
        working_dir: "/".to_owned(),
        environment: Vec::new(),
        volumes: Vec::new(),
        takes_input: false,
        has_terminal: false,
        limits: Limits { no_new_privileges: true, ..Limits::default() },
    }
}
