//! Containers: waits for them, stops, finds and removes them.

use super::{
    ContainerId, ContainerState, DockerEngine, EngineError, FoundContainer, Stage, TIMEOUT, TerminalSize,
};
use bollard::{
    errors::Error,
    models::ContainerStateStatusEnum,
    query_parameters::{
        InspectContainerOptions, ListContainersOptionsBuilder, RemoveContainerOptionsBuilder,
        ResizeContainerTTYOptionsBuilder, StopContainerOptionsBuilder, TopOptions, WaitContainerOptions,
    },
};
use futures_util::StreamExt;
use kozmic_model::{ids::JobId, job::Attempt};
use std::{collections::HashMap, time::Duration};

pub(super) const INSTANCE: &str = "kozmic.instance";
pub(super) const JOB: &str = "kozmic.job";
const ATTEMPT: &str = "kozmic.attempt";
/// The id of the container's image. An image inherits the labels of the container from which it was made, and so do
/// containers that people make from that image. This label then differs from their image.
const IMAGE: &str = "kozmic.image";
/// The cache key; empty except for install scripts' containers. Images made from those inherit it, so it is always set.
const CACHE_KEY: &str = "kozmic.cache_key";

impl DockerEngine {
    pub(super) async fn wait_for(&self, container: &ContainerId) -> Result<i64, EngineError> {
        let mut answers = self.docker()?.wait_container(&container.0, None::<WaitContainerOptions>).boxed();
        match answers.next().await {
            Some(Ok(answer)) if answer.status_code >= 0 && answer.error.is_none() => Ok(answer.status_code),
            // The library turns each code but 0 into an error.
            Some(Err(Error::DockerContainerWaitError { code, error })) if error.is_empty() => Ok(code),
            Some(Err(fault)) => Err(self.fault(fault)),
            // An engine that is stopping may end the wait with a code of its own.
            Some(Ok(_)) | None => Err(EngineError::Unreachable {
                engine: self.settings.url.clone(),
                cause: "the connection was closed while a container ran".to_owned(),
            }),
        }
    }

    pub(super) async fn state_of(
        &self,
        container: &ContainerId,
    ) -> Result<Option<ContainerState>, EngineError> {
        let found =
            match self.docker()?.inspect_container(&container.0, None::<InspectContainerOptions>).await {
                Err(Error::DockerResponseServerError { status_code: 404, .. }) => return Ok(None),
                found => found.map_err(|fault| self.fault(fault))?,
            };
        let unexpected = || EngineError::Unexpected { cause: "a container without state".to_owned() };
        let state = found.state.ok_or_else(unexpected)?;
        Ok(Some(match (state.running, state.status) {
            (Some(true), _) => ContainerState::Running,
            (_, Some(ContainerStateStatusEnum::CREATED)) => ContainerState::Created,
            _ => ContainerState::Exited(state.exit_code.ok_or_else(unexpected)?),
        }))
    }

    /// True if a process was killed for lack of memory. The engine notes the kill of any process in the container, and
    /// reports it when the container has ended.
    pub(super) async fn was_short_of_memory(&self, container: &ContainerId) -> Result<bool, EngineError> {
        match self.docker()?.inspect_container(&container.0, None::<InspectContainerOptions>).await {
            Err(Error::DockerResponseServerError { status_code: 404, .. }) => Ok(false),
            found => {
                let state = found.map_err(|fault| self.fault(fault))?.state;
                Ok(state.and_then(|state| state.oom_killed).unwrap_or_default())
            }
        }
    }

    /// True if the container has processes. An engine that has lost them refuses to list them, or lists none. An engine
    /// without a program for listing says this in other words.
    pub(super) async fn lists_processes(&self, container: &ContainerId) -> Result<bool, EngineError> {
        match self.docker()?.top_processes(&container.0, None::<TopOptions>).await {
            Ok(found) => Ok(found.processes.is_some_and(|processes| !processes.is_empty())),
            Err(Error::DockerResponseServerError { message, .. }) => Ok(message.contains("ps:")),
            Err(fault) => Err(self.fault(fault)),
        }
    }

    /// Sets the terminal size. An engine refuses a missing terminal in many different words, so refusals are ignored.
    pub(super) async fn resize_terminal(
        &self,
        container: &ContainerId,
        TerminalSize { rows, columns }: TerminalSize,
    ) -> Result<(), EngineError> {
        let options = ResizeContainerTTYOptionsBuilder::default().h(rows.into()).w(columns.into()).build();
        match self.docker()?.resize_container_tty(&container.0, options).await {
            Err(Error::DockerResponseServerError { .. }) => Ok(()),
            done => done.map_err(|fault| self.fault(fault)),
        }
    }

    pub(super) async fn stop_container(
        &self,
        container: &ContainerId,
        grace: Duration,
    ) -> Result<(), EngineError> {
        let seconds = i32::try_from(grace.as_secs()).unwrap_or(i32::MAX);
        let options = StopContainerOptionsBuilder::default().t(seconds).build();
        // The engine answers when the container has ended.
        let docker = self.docker()?.with_timeout(grace.saturating_add(TIMEOUT));
        self.fine_if_gone(docker.stop_container(&container.0, Some(options)).await)
    }

    pub(super) async fn remove_container(&self, container: &ContainerId) -> Result<(), EngineError> {
        let options = RemoveContainerOptionsBuilder::default().v(true).force(true).build();
        self.fine_if_gone(self.docker()?.remove_container(&container.0, Some(options)).await)
    }

    /// Ignores refusals of a container that is gone (404), has ended (304), or is being removed by somebody else (409).
    fn fine_if_gone(&self, done: Result<(), Error>) -> Result<(), EngineError> {
        match done {
            Err(Error::DockerResponseServerError { status_code: 304 | 404 | 409, .. }) => Ok(()),
            done => done.map_err(|fault| self.fault(fault)),
        }
    }

    pub(super) async fn containers_of(&self, instance: &str) -> Result<Vec<FoundContainer>, EngineError> {
        let filters = HashMap::from([("label".to_owned(), vec![format!("{INSTANCE}={instance}")])]);
        let options = ListContainersOptionsBuilder::default().all(true).filters(&filters).build();
        let all = self.docker()?.list_containers(Some(options)).await.map_err(|fault| self.fault(fault))?;
        let found = all.into_iter().filter_map(|container| {
            let labels = container.labels?;
            let is_own = labels.get(IMAGE).is_none_or(|image| Some(image) == container.image_id.as_ref());
            let attempt = attempt_of(&labels)?;
            let cache_key = labels.get(CACHE_KEY).filter(|key| !key.is_empty());
            let stage = cache_key.map_or(Stage::Build, |key| Stage::Install(key.clone()));
            is_own.then_some(FoundContainer { id: ContainerId(container.id?), attempt, stage })
        });
        Ok(found.collect())
    }
}

/// The labels that identify an attempt's containers.
pub(super) fn labels(instance: &str, attempt: Attempt, stage: &Stage) -> HashMap<String, String> {
    let cache_key = match stage {
        Stage::Install(key) => key.clone(),
        Stage::Build => String::new(),
    };
    let mut labels = marks(instance, attempt);
    labels.insert(CACHE_KEY.to_owned(), cache_key);
    labels
}

/// Adds the label that tells this image's containers from containers of images that were made later from them.
pub(super) fn made_of(mut labels: HashMap<String, String>, image: &str) -> HashMap<String, String> {
    labels.insert(IMAGE.to_owned(), image.to_owned());
    labels
}

/// The labels of everything that an attempt has on the engine.
pub(super) fn marks(instance: &str, attempt: Attempt) -> HashMap<String, String> {
    HashMap::from([
        (INSTANCE.to_owned(), instance.to_owned()),
        (JOB.to_owned(), attempt.job.to_string()),
        (ATTEMPT.to_owned(), attempt.number.to_string()),
    ])
}

/// The attempt in the labels.
pub(super) fn attempt_of(labels: &HashMap<String, String>) -> Option<Attempt> {
    let job = JobId(labels.get(JOB)?.parse().ok()?);
    Some(Attempt { job, number: labels.get(ATTEMPT)?.parse().ok()? })
}
