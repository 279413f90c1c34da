//! A real image registry on loopback, for jobs whose image has to be pulled first.

use std::time::Duration;

use anyhow::{Context, Result};
use tempfile::TempDir;
use tokio::process::Command;

use crate::docker::Docker;
use crate::program::{Program, Show};
use crate::server::free_port;

const START_LIMIT: Duration = Duration::from_secs(20);

/// Debian's `docker-registry`; it ends, and its images go, when this is dropped.
pub struct Registry {
    port: u16,
    _program: Program,
    _dir: TempDir,
}

impl Registry {
    /// Starts an empty registry that takes everybody.
    pub async fn start() -> Result<Self> {
        let port = free_port()?;
        let dir = TempDir::with_prefix("kozmic-registry-").context("make a registry's directory")?;
        let config = dir.path().join("config.yml");
        let text = format!(
            "version: 0.1\nlog: {{level: info}}\nstorage: {{filesystem: {{rootdirectory: {}}}}}\n\
             http: {{addr: 127.0.0.1:{port}}}\n",
            dir.path().join("images").display()
        );
        std::fs::write(&config, text).context("write a registry's settings")?;
        let mut command = Command::new("sh");
        // It talks on standard error; Program listens to standard output.
        command.args(["-c", "exec docker-registry serve \"$1\" 2>&1", "sh"]).arg(&config);
        let mut program = Program::start(command, Show::OnPanic)?;
        program
            .wait_for_line(START_LIMIT, |line| line.contains("listening on"))
            .await
            .context("start docker-registry: is the package docker-registry installed?")?;
        Ok(Self { port, _program: program, _dir: dir })
    }

    /// Puts an image of the engine into the registry, and takes the engine's name for it away again; gives the
    /// name to pull it by.
    pub async fn publish(&self, docker: &Docker, image: &str, name: &str) -> Result<String> {
        let published = format!("127.0.0.1:{}/{name}", self.port);
        docker.run(&["tag", image, &published]).await?;
        docker.run(&["push", "--quiet", &published]).await?;
        docker.run(&["rmi", &published]).await?;
        Ok(published)
    }
}
