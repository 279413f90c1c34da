//! The bare engine for comparison: the command `docker run`, and the same by calls of the engine's API.

use std::pin::Pin;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use bollard::Docker;
use bollard::container::LogOutput;
use bollard::models::{ContainerCreateBody, HostConfig, HostConfigLogConfig};
use bollard::query_parameters::{
    AttachContainerOptionsBuilder, CreateContainerOptions, ListContainersOptionsBuilder,
    RemoveContainerOptionsBuilder, StartContainerOptions,
};
use futures_util::{Stream, StreamExt, TryStreamExt, stream};
use std::collections::HashMap;
use tokio::io::AsyncReadExt;
use tokio::process::{Child, ChildStdout, Command};

use super::Options;
use super::script::{Counter, Script};

/// Longest time of a simple call, in seconds.
const TIMEOUT: u64 = 60;
/// Number of bytes of a pipe that are read at once.
const BUFFER: usize = 256 * 1024;
/// Pause between two looks at the remaining containers.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// The engine without Kozmic.
pub(super) struct Bare {
    docker: Docker,
    options: Options,
}

/// A container that was created and whose output is read.
struct Attached {
    id: String,
    output: Pin<Box<dyn Stream<Item = Result<LogOutput, bollard::errors::Error>> + Send>>,
}

impl Bare {
    pub(super) fn new(options: &Options) -> Result<Self> {
        let url = &options.docker_url;
        let docker = Docker::connect_with_unix(url, TIMEOUT, bollard::API_DEFAULT_VERSION);
        let docker = docker.with_context(|| format!("connect to the Docker engine at {url}"))?;
        Ok(Self { docker, options: options.clone() })
    }

    /// Time of `docker run` from its start to the first byte that it prints.
    pub(super) async fn first_byte_by_command(&self, script: Script) -> Result<Duration> {
        let begun = Instant::now();
        let (mut child, mut output) = self.command(script)?;
        output.read_u8().await.context("read docker run's output")?;
        let took = begun.elapsed();
        tokio::io::copy(&mut output, &mut tokio::io::sink()).await.context("read docker run's output")?;
        ensure!(child.wait().await?.success(), "docker run failed");
        Ok(took)
    }

    /// Time of many `docker run` of the short script: from the first start to the last end. At most `at_once` run at
    /// the same time. An end comes when the container is removed.
    pub(super) async fn many_by_command(&self, count: usize, at_once: usize) -> Result<Duration> {
        let begun = Instant::now();
        let run = |_| self.first_byte_by_command(Script::Short);
        stream::iter(0..count).map(run).buffer_unordered(at_once).try_collect::<Vec<_>>().await?;
        Ok(begun.elapsed())
    }

    /// Time of create, attach and start, from the first call to the first byte of output.
    pub(super) async fn first_byte_by_api(&self, script: Script) -> Result<Duration> {
        let begun = Instant::now();
        let Attached { id, mut output } = self.attach(script).await?;
        self.docker.start_container(&id, None::<StartContainerOptions>).await.context("start")?;
        output.next().await.context("the container prints something")?.context("read its output")?;
        let took = begun.elapsed();
        while output.next().await.is_some() {}
        self.remove(&id).await?;
        Ok(took)
    }

    /// Time of a long script with `docker run`, from the first to the last line.
    pub(super) async fn lines_by_command(&self, script: Script) -> Result<Duration> {
        let (mut child, mut output) = self.command(script)?;
        let (mut counter, mut begun, mut buffer) = (Counter::default(), None, vec![0; BUFFER]);
        loop {
            let length = output.read(&mut buffer).await.context("read docker run's output")?;
            begun.get_or_insert_with(Instant::now);
            counter.add(&buffer[..length]);
            if length == 0 || counter.is_complete() {
                break;
            }
        }
        let took = begun.map(|begun| begun.elapsed()).unwrap_or_default();
        ensure!(counter.is_complete(), "docker run printed only {} lines", counter.lines());
        ensure!(child.wait().await?.success(), "docker run failed");
        Ok(took)
    }

    /// Time of a long script with an attach stream, from the first to the last line.
    pub(super) async fn lines_by_api(&self, script: Script) -> Result<Duration> {
        let Attached { id, mut output } = self.attach(script).await?;
        self.docker.start_container(&id, None::<StartContainerOptions>).await.context("start")?;
        let (mut counter, mut begun) = (Counter::default(), None);
        while let Some(piece) = output.next().await {
            begun.get_or_insert_with(Instant::now);
            counter.add(&piece.context("read the output")?.into_bytes());
            if counter.is_complete() {
                break;
            }
        }
        let took = begun.map(|begun| begun.elapsed()).unwrap_or_default();
        ensure!(counter.is_complete(), "the attach stream had only {} lines", counter.lines());
        self.remove(&id).await?;
        Ok(took)
    }

    /// Waits until an installation's containers are removed, so that this does not slow the next measurement.
    pub(super) async fn wait_until_clean(&self, instance: &str) -> Result<()> {
        let label = format!("{}={instance}", crate::docker::INSTANCE);
        let filters = HashMap::from([("label".to_owned(), vec![label])]);
        let options = ListContainersOptionsBuilder::default().all(true).filters(&filters).build();
        while !self.docker.list_containers(Some(options.clone())).await.context("list")?.is_empty() {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        Ok(())
    }

    fn command(&self, script: Script) -> Result<(Child, ChildStdout)> {
        let Options { docker_url, image, network, .. } = &self.options;
        let mut command = Command::new("docker");
        command.args(["--host", docker_url, "run", "--rm", "--network", network, image]);
        command.args(["bash", "-c", &script.body()]).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.kill_on_drop(true).spawn().context("run docker: is it installed?")?;
        let output = child.stdout.take().context("docker has an output")?;
        Ok((child, output))
    }

    async fn attach(&self, script: Script) -> Result<Attached> {
        let json_file = HostConfigLogConfig { typ: Some("json-file".to_owned()), config: None };
        let body = ContainerCreateBody {
            image: Some(self.options.image.clone()),
            cmd: Some(["bash", "-c", &script.body()].map(str::to_owned).to_vec()),
            host_config: Some(HostConfig {
                log_config: Some(json_file),
                network_mode: Some(self.options.network.clone()),
                ..HostConfig::default()
            }),
            ..ContainerCreateBody::default()
        };
        let created = self.docker.create_container(None::<CreateContainerOptions>, body).await;
        let id = created.context("create")?.id;
        let options = AttachContainerOptionsBuilder::default().stream(true).stdout(true).stderr(true);
        let attached = self.docker.attach_container(&id, Some(options.build())).await.context("attach")?;
        Ok(Attached { id, output: attached.output })
    }

    async fn remove(&self, id: &str) -> Result<()> {
        let options = RemoveContainerOptionsBuilder::default().v(true).force(true).build();
        self.docker.remove_container(id, Some(options)).await.context("remove")
    }
}
