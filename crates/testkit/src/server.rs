//! The real `kozmic` binary as a child process, with the double in GitHub's place.

use std::fs::Permissions;
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Output, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::github::GitHub;
use crate::port::free_port;
use crate::program::{Program, Show};

/// The line that the server prints when it accepts calls. Its address follows.
const READY: &str = "Kozmic listens on http://";
/// Longest time until the server accepts calls.
const START_LIMIT: Duration = Duration::from_secs(30);
/// Longest time for the server to end when asked.
const END_LIMIT: Duration = Duration::from_secs(30);

/// Variable with an older `kozmic` with which servers start at first. Each restart is then an upgrade: stories of kills
/// and stops then test if an installation of that version is taken over in the middle of a job.
const OLDER: &str = "STORIES_UPGRADE_FROM";

/// Options for running a server.
#[derive(Clone)]
pub struct ServerOptions {
    binary: PathBuf,
    github: GitHub,
    host: Ipv4Addr,
    port: Option<u16>,
    data_dir: Option<PathBuf>,
    env: Vec<(String, Option<String>)>,
    show: Show,
}

impl ServerOptions {
    /// Runs this binary with this GitHub, and with defaults for everything else.
    pub fn new(binary: impl Into<PathBuf>, github: &GitHub) -> Self {
        Self {
            binary: binary.into(),
            github: github.clone(),
            host: Ipv4Addr::LOCALHOST,
            port: None,
            data_dir: None,
            env: Vec::new(),
            show: Show::Always,
        }
    }

    /// Listens on all addresses of this machine, for callers from other networks. The default is loopback.
    #[must_use]
    pub fn on_all_addresses(mut self) -> Self {
        self.host = Ipv4Addr::UNSPECIFIED;
        self
    }

    /// Listens on this port. The default is any free one.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.port = Some(port);
        self
    }

    /// Keeps its data here. The default is a directory that is removed at the end.
    #[must_use]
    pub fn data_dir(mut self, dir: impl Into<PathBuf>) -> Self {
        self.data_dir = Some(dir.into());
        self
    }

    /// Does not print the server's output when it is dropped. (A test's harness shows it only if the test
    /// fails; other programs ask for [`Server::output`].)
    #[must_use]
    pub fn quiet(mut self) -> Self {
        self.show = Show::Never;
        self
    }

    /// Sets the Docker engine's address.
    #[must_use]
    pub fn docker_url(self, url: &str) -> Self {
        self.env("KOZMIC_DOCKER_URL", url)
    }

    /// Sets a variable of its environment. If a name is set twice, the last value counts.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), Some(value.to_owned())));
        self
    }

    /// Removes a variable, even one that this harness sets.
    #[must_use]
    pub fn without_env(mut self, name: &str) -> Self {
        self.env.push((name.to_owned(), None));
        self
    }
}

/// A server, running or stopped. Its process is killed when this is dropped.
pub struct Server {
    options: ServerOptions,
    port: u16,
    data_dir: PathBuf,
    _temporary: Option<TempDir>,
    program: Option<Program>,
}

impl Server {
    /// Starts a server and waits until it accepts calls.
    pub async fn start(options: ServerOptions) -> Result<Self> {
        let mut server = Self::launch(options)?;
        server.wait_ready().await?;
        Ok(server)
    }

    /// Starts a server without waiting, for settings that it is expected to refuse.
    pub fn launch(options: ServerOptions) -> Result<Self> {
        let port = match options.port {
            Some(port) => port,
            None => free_port()?,
        };
        let temporary = match options.data_dir {
            Some(_) => None,
            None => Some(private_dir()?),
        };
        let data_dir = options.data_dir.clone().or(temporary.as_ref().map(|dir| dir.path().to_owned()));
        let data_dir = data_dir.context("there is a data directory")?;
        let mut server = Self { options, port, data_dir, _temporary: temporary, program: None };
        let first = std::env::var_os(OLDER).map(PathBuf::from);
        let first = server.command_of(first.as_deref().unwrap_or(&server.options.binary), &["serve"]);
        server.program = Some(Program::start(first, server.options.show)?);
        Ok(server)
    }

    /// Waits until the server accepts calls.
    pub async fn wait_ready(&mut self) -> Result<()> {
        let program = self.program.as_mut().context("the server was stopped")?;
        program.wait_for_line(START_LIMIT, |line| line.starts_with(READY)).await?;
        Ok(())
    }

    /// The server's address without a slash at the end, such as `http://127.0.0.1:20001`.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The server's address for callers that have another one for this machine.
    pub fn url_at(&self, host: Ipv4Addr) -> String {
        format!("http://{host}:{}", self.port)
    }

    /// Waits until the server has printed this so many times since its last start.
    pub async fn wait_for_outputs(&self, text: &str, times: usize, limit: Duration) -> Result<()> {
        let program = self.program.as_ref().context("the server was stopped")?;
        program.wait_for_outputs(text, times, limit).await
    }

    /// The program.
    pub fn binary(&self) -> &Path {
        &self.options.binary
    }

    /// The server's data directory.
    pub fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    /// Value of the label `kozmic.instance` of the server's containers, once it has started.
    pub fn instance(&self) -> Option<String> {
        // A server from before runners had names of their own has only the installation's name.
        let read = |file| std::fs::read_to_string(self.data_dir.join(file)).ok();
        Some(read("runner").or_else(|| read("instance"))?.trim().to_owned())
    }

    /// The id of the server's process, if it was started and not stopped.
    pub fn pid(&self) -> Option<u32> {
        self.program.as_ref().map(Program::pid)
    }

    /// Everything that the server has printed since its last start.
    pub fn output(&self) -> String {
        self.program.as_ref().map(Program::output).unwrap_or_default()
    }

    /// Waits until the server has printed this.
    pub async fn wait_for_output(&self, text: &str, limit: Duration) -> Result<()> {
        self.program.as_ref().context("the server was stopped")?.wait_for_output(text, limit).await
    }

    /// True if the server's process runs.
    pub fn is_running(&mut self) -> bool {
        self.program.as_mut().is_some_and(Program::is_running)
    }

    /// Kills the server with SIGKILL, like a crash or an impatient system.
    pub async fn kill_9(&mut self) -> Result<()> {
        self.program.as_mut().context("the server was stopped")?.kill().await
    }

    /// Asks the server to end with SIGTERM, and waits for its end.
    pub async fn terminate(&mut self) -> Result<ExitStatus> {
        self.program.as_mut().context("the server was stopped")?.ask_to_end()?;
        self.wait_exit(END_LIMIT).await
    }

    /// Waits until the server ends by itself.
    pub async fn wait_exit(&mut self, limit: Duration) -> Result<ExitStatus> {
        self.program.as_mut().context("the server was stopped")?.wait(limit).await
    }

    /// Starts the server again with the same data directory and port. Asks it to end before, if it still runs.
    pub async fn restart(&mut self) -> Result<()> {
        self.restart_with(&[]).await
    }

    /// The same with new values of some variables.
    pub async fn restart_with(&mut self, env: &[(&str, &str)]) -> Result<()> {
        if self.is_running() {
            self.terminate().await?;
        }
        for (name, value) in env {
            self.options.env.push(((*name).to_owned(), Some((*value).to_owned())));
        }
        self.program = Some(Program::start(self.command(&["serve"]), self.options.show)?);
        self.wait_ready().await
    }

    /// Runs another command of the binary to its end, such as `check`, with the same settings.
    pub async fn run(&self, args: &[&str]) -> Result<Output> {
        self.run_with(args, &[]).await
    }

    /// The same with additional variables.
    pub async fn run_with(&self, args: &[&str], env: &[(&str, &str)]) -> Result<Output> {
        let mut command = self.command(args);
        command.envs(env.iter().copied()).kill_on_drop(true);
        let output = tokio::time::timeout(END_LIMIT, command.output()).await;
        output.with_context(|| format!("kozmic {args:?} did not end"))?.context("run kozmic")
    }

    /// Starts another command of the binary with the same settings. It is killed when the returned child is dropped.
    pub fn spawn(&self, args: &[&str]) -> Result<Child> {
        let mut command = self.command(args);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        command.spawn().context("start kozmic")
    }

    fn command(&self, args: &[&str]) -> Command {
        self.command_of(&self.options.binary, args)
    }

    fn command_of(&self, binary: &Path, args: &[&str]) -> Command {
        let mut command = Command::new(binary);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("KOZMIC_") {
                command.env_remove(name);
            }
        }
        let github = &self.options.github;
        command
            .args(args)
            .current_dir(&self.data_dir)
            .env("KOZMIC_LISTEN", format!("{}:{}", self.options.host, self.port))
            .env("KOZMIC_PUBLIC_URL", self.url())
            .env("KOZMIC_DATA_DIR", &self.data_dir)
            .env("KOZMIC_GITHUB_URL", github.url())
            .env("KOZMIC_GITHUB_API_URL", github.api_url())
            .env("KOZMIC_GITHUB_CLIENT_ID", github.client_id())
            .env("KOZMIC_GITHUB_CLIENT_SECRET", github.client_secret());
        for (name, value) in &self.options.env {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command
    }
}

/// A data directory with the rights that Kozmic itself would give it.
pub(crate) fn private_dir() -> Result<TempDir> {
    let mode = Permissions::from_mode(0o700);
    tempfile::Builder::new()
        .prefix("kozmic-data-")
        .permissions(mode)
        .tempdir()
        .context("make a data directory")
}
