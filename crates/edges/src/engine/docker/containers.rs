//! Containers: created, listened to, stopped, found again and removed.

use super::{
    Attached, ContainerId, ContainerState, DockerEngine, DockerSettings, EngineError, FoundContainer,
    NewContainer, OutputStream, Stage,
};
use crate::engine::{Channel, Output};
use bollard::{
    container::LogOutput,
    errors::Error,
    models::{ContainerCreateBody, ContainerStateStatusEnum, HostConfig, HostConfigLogConfig},
    query_parameters::{
        AttachContainerOptionsBuilder, ContainerArchiveInfoOptionsBuilder, CreateContainerOptions,
        InspectContainerOptions, ListContainersOptionsBuilder, LogsOptionsBuilder,
        RemoveContainerOptionsBuilder, StopContainerOptionsBuilder, UploadToContainerOptionsBuilder,
        WaitContainerOptions,
    },
};
use bytes::Bytes;
use futures_util::{Stream, StreamExt, TryStreamExt, stream};
use kozmic_model::{ids::JobId, job::Attempt};
use std::{collections::HashMap, time::Duration};
use tokio::sync::mpsc;

pub(super) const INSTANCE: &str = "kozmic.instance";
const JOB: &str = "kozmic.job";
const ATTEMPT: &str = "kozmic.attempt";
/// Empty but for containers of install scripts. Images that were made of those hand it down, so it is always set.
const CACHE_KEY: &str = "kozmic.cache_key";

impl DockerEngine {
    pub(super) async fn create_container(&self, wanted: &NewContainer) -> Result<ContainerId, EngineError> {
        let environment = wanted.environment.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let body = ContainerCreateBody {
            image: Some(wanted.image.clone()),
            entrypoint: Some(wanted.command.clone()),
            // An image's own arguments would follow the entry point.
            cmd: Some(Vec::new()),
            user: Some(wanted.user.clone()),
            working_dir: Some(wanted.working_dir.clone()),
            env: Some(environment),
            volumes: Some(vec![wanted.volume.clone()]),
            open_stdin: Some(wanted.takes_input),
            attach_stdin: Some(wanted.takes_input),
            stdin_once: Some(wanted.takes_input),
            labels: Some(labels(&wanted.instance, wanted.attempt, &wanted.stage)),
            host_config: Some(self.host_config()),
            ..ContainerCreateBody::default()
        };
        let options = None::<CreateContainerOptions>;
        let created =
            self.docker()?.create_container(options, body).await.map_err(|fault| self.fault(fault))?;
        Ok(ContainerId(created.id))
    }

    /// `json-file`, never rotated, whatever the engine's own default: a runner that comes back reads all output from
    /// its start. `init`: a script
    /// is not process 1, so that signals end it and orphans are reaped.
    fn host_config(&self) -> HostConfig {
        let settings = DockerSettings::clone(&self.settings);
        let no_rotation = HashMap::from([("max-size".to_owned(), "1t".to_owned())]);
        HostConfig {
            init: Some(true),
            log_config: Some(HostConfigLogConfig {
                typ: Some("json-file".to_owned()),
                config: Some(no_rotation),
            }),
            network_mode: Some(settings.network),
            memory: settings.memory,
            nano_cpus: settings.millicores.map(|millicores| millicores * 1_000_000),
            pids_limit: settings.processes,
            extra_hosts: Some(settings.extra_hosts),
            cap_add: Some(settings.capabilities),
            ..HostConfig::default()
        }
    }

    pub(super) async fn upload_archive(
        &self,
        container: &ContainerId,
        path: &str,
        archive: mpsc::Receiver<std::io::Result<Bytes>>,
    ) -> Result<(), EngineError> {
        let options = UploadToContainerOptionsBuilder::default().path(path).build();
        let pieces = stream::unfold(archive, |mut archive| async {
            archive.recv().await.map(|piece| (piece, archive))
        });
        let body = bollard::body_try_stream(pieces);
        let upload = self.patient()?;
        let upload = upload.upload_to_container(&container.0, Some(options), body);
        upload.await.map_err(|fault| self.fault(fault))
    }

    pub(super) async fn stat(&self, container: &ContainerId, path: &str) -> Result<bool, EngineError> {
        let options = ContainerArchiveInfoOptionsBuilder::default().path(path).build();
        match self.docker()?.get_container_archive_info(&container.0, Some(options)).await {
            Ok(_) => Ok(true),
            Err(Error::DockerResponseServerError { status_code: 404, .. }) => Ok(false),
            Err(fault) => Err(self.fault(fault)),
        }
    }

    pub(super) async fn attach_to(&self, container: &ContainerId) -> Result<Attached, EngineError> {
        let options =
            AttachContainerOptionsBuilder::default().stream(true).stdin(true).stdout(true).stderr(true);
        let attached = self.docker()?.attach_container(&container.0, Some(options.build())).await;
        let attached = attached.map_err(|fault| self.fault(fault))?;
        Ok(Attached { output: self.pieces(attached.output), input: attached.input })
    }

    pub(super) fn output_of(&self, container: &ContainerId) -> Result<OutputStream, EngineError> {
        let options = LogsOptionsBuilder::default().follow(true).stdout(true).stderr(true).build();
        Ok(self.pieces(self.docker()?.logs(&container.0, Some(options))))
    }

    fn pieces(&self, log: impl Stream<Item = Result<LogOutput, Error>> + Send + 'static) -> OutputStream {
        let url = self.settings.url.clone();
        let fault =
            move |fault: Error| EngineError::Unreachable { engine: url.clone(), cause: super::chain(&fault) };
        let piece = |output| match output {
            LogOutput::StdErr { message: bytes } => Output { channel: Channel::Error, bytes },
            LogOutput::StdOut { message: bytes }
            | LogOutput::StdIn { message: bytes }
            | LogOutput::Console { message: bytes } => Output { channel: Channel::Output, bytes },
        };
        log.map_ok(piece).map_err(fault).boxed()
    }

    pub(super) async fn wait_for(&self, container: &ContainerId) -> Result<i64, EngineError> {
        let mut answers = self.docker()?.wait_container(&container.0, None::<WaitContainerOptions>).boxed();
        match answers.next().await {
            Some(Ok(answer)) => Ok(answer.status_code),
            // The library makes an error of each code but 0.
            Some(Err(Error::DockerContainerWaitError { code, error })) if error.is_empty() => Ok(code),
            Some(Err(fault)) => Err(self.fault(fault)),
            None => Err(EngineError::Unreachable {
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

    pub(super) async fn stop_container(
        &self,
        container: &ContainerId,
        grace: Duration,
    ) -> Result<(), EngineError> {
        let seconds = i32::try_from(grace.as_secs()).unwrap_or(i32::MAX);
        let options = StopContainerOptionsBuilder::default().t(seconds).build();
        self.fine_if_gone(self.patient()?.stop_container(&container.0, Some(options)).await)
    }

    pub(super) async fn remove_container(&self, container: &ContainerId) -> Result<(), EngineError> {
        let options = RemoveContainerOptionsBuilder::default().v(true).force(true).build();
        self.fine_if_gone(self.docker()?.remove_container(&container.0, Some(options)).await)
    }

    /// 404: gone. 304: ended already. 409: somebody else removes it right now.
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
            let job = JobId(labels.get(JOB)?.parse().ok()?);
            let number = labels.get(ATTEMPT)?.parse().ok()?;
            let cache_key = labels.get(CACHE_KEY).filter(|key| !key.is_empty());
            let stage = cache_key.map_or(Stage::Build, |key| Stage::Install(key.clone()));
            Some(FoundContainer { id: ContainerId(container.id?), attempt: Attempt { job, number }, stage })
        });
        Ok(found.collect())
    }
}

/// What tells an attempt's containers from all others.
pub(super) fn labels(instance: &str, attempt: Attempt, stage: &Stage) -> HashMap<String, String> {
    let cache_key = match stage {
        Stage::Install(key) => key.clone(),
        Stage::Build => String::new(),
    };
    HashMap::from([
        (INSTANCE.to_owned(), instance.to_owned()),
        (JOB.to_owned(), attempt.job.to_string()),
        (ATTEMPT.to_owned(), attempt.number.to_string()),
        (CACHE_KEY.to_owned(), cache_key),
    ])
}
