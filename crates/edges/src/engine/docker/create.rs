//! Creates containers: translates an order into the engine's terms.

use super::{
    ContainerId, DockerEngine, DockerSettings, EngineError, NewContainer, UserNamespace,
    containers::{labels, made_of},
    limits::dropped,
    network::JobNetwork,
};
use crate::engine::{Limits, Volume};
use bollard::{
    models::{ContainerCreateBody, HostConfig, HostConfigLogConfig, Mount, MountType, MountVolumeOptions},
    query_parameters::CreateContainerOptions,
};
use std::collections::HashMap;

impl DockerEngine {
    pub(super) async fn create_container(&self, wanted: &NewContainer) -> Result<ContainerId, EngineError> {
        let environment = wanted.environment.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let filled = wanted.volumes.iter().filter(|volume| !volume.is_empty);
        let body = ContainerCreateBody {
            image: Some(wanted.image.clone()),
            entrypoint: Some(wanted.command.clone()),
            // The image's own arguments would follow the entry point.
            cmd: Some(Vec::new()),
            user: Some(wanted.user.clone()),
            working_dir: Some(wanted.working_dir.clone()),
            env: Some(environment),
            volumes: Some(filled.map(|volume| volume.path.clone()).collect()),
            tty: Some(wanted.has_terminal),
            open_stdin: Some(wanted.takes_input),
            attach_stdin: Some(wanted.takes_input),
            stdin_once: Some(wanted.takes_input),
            labels: Some(made_of(labels(&wanted.instance, wanted.attempt, &wanted.stage), &wanted.image)),
            // The image may name another signal, which its own program understands, and a script does not.
            stop_signal: Some("SIGTERM".to_owned()),
            host_config: Some(self.host_config(wanted).await?),
            ..ContainerCreateBody::default()
        };
        let options = None::<CreateContainerOptions>;
        let created =
            self.docker()?.create_container(options, body).await.map_err(|fault| self.fault(fault))?;
        Ok(ContainerId(created.id))
    }

    /// The name of the network for a container. The network exists afterwards.
    async fn network_of(&self, wanted: &NewContainer) -> Result<String, EngineError> {
        match &self.settings.network {
            JobNetwork::Named(name) => Ok(name.clone()),
            JobNetwork::Own => self.be_ready().await.map(|()| self.own_network.to_owned()),
            JobNetwork::Each(range) => self.network_apart(&wanted.instance, wanted.attempt, *range).await,
        }
    }

    /// The engine's settings of a container. The log driver is `json-file`, never rotated, whatever the engine's
    /// default is: a runner that comes back reads all output from its start. `init` is set: a script is not process 1,
    /// so that signals end it and orphans are reaped.
    async fn host_config(&self, wanted: &NewContainer) -> Result<HostConfig, EngineError> {
        let settings = DockerSettings::clone(&self.settings);
        let Limits { memory, extra_hosts, capabilities, no_new_privileges } = wanted.limits.clone();
        let memory = match memory {
            Some(memory) => Some(memory),
            None => self.memory_limit().await?,
        };
        let capabilities = capabilities.unwrap_or(settings.capabilities);
        let no_rotation = HashMap::from([("max-size".to_owned(), "1t".to_owned())]);
        Ok(HostConfig {
            init: Some(true),
            log_config: Some(HostConfigLogConfig {
                typ: Some("json-file".to_owned()),
                config: Some(no_rotation),
            }),
            mounts: Some(wanted.volumes.iter().filter(|volume| volume.is_empty).map(empty).collect()),
            network_mode: Some(self.network_of(wanted).await?),
            memory,
            nano_cpus: settings.millicores.map(|millicores| millicores * 1_000_000),
            pids_limit: settings.processes,
            extra_hosts: extra_hosts.or(Some(settings.extra_hosts)),
            runtime: settings.runtime,
            userns_mode: (settings.user_namespace == UserNamespace::Host).then(|| "host".to_owned()),
            cap_drop: Some(dropped(&capabilities)),
            cap_add: Some(capabilities),
            security_opt: no_new_privileges.then(|| vec!["no-new-privileges".to_owned()]),
            ..HostConfig::default()
        })
    }
}

/// A volume without a name, so that it is removed with its container.
fn empty(volume: &Volume) -> Mount {
    Mount {
        target: Some(volume.path.clone()),
        typ: Some(MountType::VOLUME),
        volume_options: Some(MountVolumeOptions { no_copy: Some(true), ..MountVolumeOptions::default() }),
        ..Mount::default()
    }
}
