//! Facts of the real Docker engine, by the command `docker`: running containers, and things that are left.

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

/// The label that names the installation of a container or volume.
pub const INSTANCE: &str = "kozmic.instance";
/// The label with the job.
pub const JOB: &str = "kozmic.job";
/// The label with the number of the attempt.
pub const ATTEMPT: &str = "kozmic.attempt";

/// Longest time that a command of Docker may take.
const LIMIT: Duration = Duration::from_secs(60);

/// The engine, as the command `docker` reaches it.
#[derive(Debug, Clone, Default)]
pub struct Docker {
    host: Option<String>,
}

/// A container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Container {
    /// Its id.
    pub id: String,
    /// The state: `created`, `running`, `exited` and so on.
    pub state: String,
    /// The label `kozmic.job`.
    pub job: String,
    /// The label `kozmic.attempt`.
    pub attempt: String,
}

impl Docker {
    /// The engine at this address, such as `unix:///var/run/docker.sock`.
    pub fn at(host: &str) -> Self {
        Self { host: Some(host.to_owned()) }
    }

    /// Fails unless the engine answers. Tests that need an engine fail without it.
    pub async fn ensure_answers(&self) -> Result<()> {
        let version = self.run(&["version", "--format", "{{.Server.Version}}"]).await;
        version.map(drop).context("no Docker engine answers: script/test starts one")
    }

    /// All containers with this label (`name` or `name=value`), in any state.
    pub async fn containers(&self, label: &str) -> Result<Vec<Container>> {
        let filter = format!("label={label}");
        let format =
            format!("{{{{.ID}}}}\t{{{{.State}}}}\t{{{{.Label \"{JOB}\"}}}}\t{{{{.Label \"{ATTEMPT}\"}}}}");
        let args = ["ps", "--all", "--no-trunc", "--filter", &filter, "--format", &format];
        let listing = self.run(&args).await?;
        Ok(listing.lines().filter_map(Container::read).collect())
    }

    /// The names of all volumes with this label.
    pub async fn volumes(&self, label: &str) -> Result<Vec<String>> {
        let filter = format!("label={label}");
        let listing = self.run(&["volume", "ls", "--quiet", "--filter", &filter]).await?;
        Ok(listing.lines().map(str::to_owned).collect())
    }

    /// The names (`repository:tag`) of all images whose repository matches this.
    pub async fn images(&self, reference: &str) -> Result<Vec<String>> {
        let filter = format!("reference={reference}");
        let listing =
            self.run(&["images", "--filter", &filter, "--format", "{{.Repository}}:{{.Tag}}"]).await?;
        Ok(listing.lines().map(str::to_owned).collect())
    }

    /// Kills a container while its job runs.
    pub async fn kill(&self, container: &str) -> Result<()> {
        self.run(&["kill", container]).await.map(drop)
    }

    /// Removes a container with its volumes, running or not.
    pub async fn remove(&self, container: &str) -> Result<()> {
        self.run(&["rm", "--force", "--volumes", container]).await.map(drop)
    }

    /// The names of all networks with this label.
    pub async fn networks(&self, label: &str) -> Result<Vec<String>> {
        let filter = format!("label={label}");
        let listing = self.run(&["network", "ls", "--filter", &filter, "--format", "{{.Name}}"]).await?;
        Ok(listing.lines().map(str::to_owned).collect())
    }

    /// Removes all containers, volumes and networks with this label, at the end of a test.
    pub async fn clean(&self, label: &str) -> Result<()> {
        for container in self.containers(label).await? {
            self.remove(&container.id).await?;
        }
        for volume in self.volumes(label).await? {
            self.run(&["volume", "rm", "--force", &volume]).await?;
        }
        for network in self.networks(label).await? {
            self.run(&["network", "rm", &network]).await?;
        }
        Ok(())
    }

    /// Waits until no container, volume or network has this label, woken by the engine's events.
    pub async fn wait_until_clean(&self, label: &str, limit: Duration) -> Result<()> {
        let filter = format!("label={label}");
        let mut events = self.command(&["events", "--filter", &filter, "--format", "{{.Action}}"]);
        let mut events =
            events.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().context("watch events")?;
        let mut lines = BufReader::new(events.stdout.take().context("docker has an output")?).lines();
        let wait = async {
            while !self.is_clean(label).await? {
                // Not every removal of a volume has its labels in the event, so look again at intervals.
                tokio::time::timeout(Duration::from_millis(250), lines.next_line()).await.ok();
            }
            anyhow::Ok(())
        };
        match tokio::time::timeout(limit, wait).await {
            Ok(outcome) => outcome,
            Err(_) => bail!(
                "left behind with the label {label}: {:?}, volumes {:?}, networks {:?}",
                self.containers(label).await?,
                self.volumes(label).await?,
                self.networks(label).await?
            ),
        }
    }

    /// Runs a command of Docker; gives its trimmed output.
    pub async fn run(&self, args: &[&str]) -> Result<String> {
        let output = tokio::time::timeout(LIMIT, self.command(args).output()).await;
        let output = output.with_context(|| format!("docker {args:?} did not end"))?;
        let output = output.context("run docker: is the package docker.io installed?")?;
        let complaint = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "docker {}: {complaint}", args.join(" "));
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    async fn is_clean(&self, label: &str) -> Result<bool> {
        let containers = self.containers(label).await?;
        Ok(containers.is_empty()
            && self.volumes(label).await?.is_empty()
            && self.networks(label).await?.is_empty())
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new("docker");
        if let Some(host) = &self.host {
            command.args(["--host", host]);
        }
        command.args(args).kill_on_drop(true);
        command
    }
}

impl Container {
    fn read(line: &str) -> Option<Self> {
        let mut fields = line.split('\t').map(str::to_owned);
        Some(Self { id: fields.next()?, state: fields.next()?, job: fields.next()?, attempt: fields.next()? })
    }
}

#[cfg(test)]
mod tests {
    use super::Container;

    #[test]
    fn a_line_of_docker_is_read() {
        let container = Container::read("abc\trunning\t7\t1").unwrap();
        assert_eq!((container.id.as_str(), container.job.as_str()), ("abc", "7"));
        assert_eq!(Container::read("abc"), None);
    }
}
