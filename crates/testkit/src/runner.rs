//! The real `kozmic runner` as a child process, which works for a server.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;
use tokio::process::Command;

use crate::program::{Program, Show};
use crate::server::{Server, private_dir};

/// The line that a runner prints when the server has welcomed it.
const READY: &str = "Kozmic's runner is connected to ";
/// Longest time until a runner is connected, and until it ends when asked.
const LIMIT: Duration = Duration::from_secs(30);

/// A runner, working or stopped. Its process is killed when this is dropped; its containers go on.
pub struct Runner {
    binary: PathBuf,
    url: String,
    name: String,
    env: Vec<(String, String)>,
    /// The command that starts it; empty: it is started directly.
    by: Vec<String>,
    dir: TempDir,
    show: Show,
    program: Option<Program>,
}

impl Runner {
    /// Adds a runner at a server, with options of `kozmic runners add`, and starts it. It is connected then.
    pub async fn add(server: &Server, title: &str, options: &[&str]) -> Result<Self> {
        let mut runner = Self::add_at(server, title, options, &server.url()).await?;
        runner.start().await?;
        Ok(runner)
    }

    /// Adds a runner that calls the server by this address, and does not start it.
    pub async fn add_at(server: &Server, title: &str, options: &[&str], url: &str) -> Result<Self> {
        let added = server.run(&[&["runners", "add", title], options].concat()).await?;
        let said = String::from_utf8_lossy(&added.stderr);
        ensure!(added.status.success(), "a runner could not be added: {said}");
        let token = String::from_utf8(added.stdout).context("read a token")?;
        let name = token.split('_').nth(1).context("a token has a name")?.to_owned();
        let dir = private_dir()?;
        std::fs::write(dir.path().join("token"), token).context("write a token")?;
        let (binary, url) = (server.binary().to_owned(), url.to_owned());
        Ok(Self {
            binary,
            url,
            name,
            env: Vec::new(),
            by: Vec::new(),
            dir,
            show: Show::Always,
            program: None,
        })
    }

    /// Sets a variable of its environment, from the next start on.
    pub fn set(&mut self, name: &str, value: &str) {
        self.env.push((name.to_owned(), value.to_owned()));
    }

    /// Starts it by a command that becomes it, such as that of a network of its own.
    pub fn start_by(&mut self, command: Vec<String>) {
        self.by = command;
    }

    /// Never shows its output, and makes it print as little as it does for people.
    pub fn quiet(&mut self) {
        self.show = Show::Never;
        self.set("KOZMIC_LOG", "info");
    }

    /// Starts it, and waits until the server has welcomed it.
    pub async fn start(&mut self) -> Result<()> {
        self.launch()?;
        let program = self.program.as_mut().context("the runner was not started")?;
        program.wait_for_line(LIMIT, |line| line.starts_with(READY)).await.map(drop)
    }

    /// Starts it without waiting for the server.
    pub fn launch(&mut self) -> Result<()> {
        self.program = Some(Program::start(self.command(), self.show)?);
        Ok(())
    }

    /// The value of the label `kozmic.instance` of its containers.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its data directory.
    pub fn data_dir(&self) -> &Path {
        self.dir.path()
    }

    /// The id of its process, if it was started.
    pub fn pid(&self) -> Option<u32> {
        self.program.as_ref().map(Program::pid)
    }

    /// Everything that it has printed since its last start.
    pub fn output(&self) -> String {
        self.program.as_ref().map(Program::output).unwrap_or_default()
    }

    /// Waits until it has printed this.
    pub async fn wait_for_output(&self, text: &str) -> Result<()> {
        self.program.as_ref().context("the runner was not started")?.wait_for_output(text, LIMIT).await
    }

    /// Waits until it has printed this so many times.
    pub async fn wait_for_outputs(&self, text: &str, times: usize) -> Result<()> {
        let program = self.program.as_ref().context("the runner was not started")?;
        program.wait_for_outputs(text, times, LIMIT).await
    }

    /// Kills it with SIGKILL.
    pub async fn kill_9(&mut self) -> Result<()> {
        self.program.as_mut().context("the runner was not started")?.kill().await
    }

    /// Sends it a signal, such as `STOP`.
    pub fn signal(&mut self, signal: &str) -> Result<()> {
        self.program.as_mut().context("the runner was not started")?.signal(signal)
    }

    /// Asks it to end with SIGTERM, and waits for its end.
    pub async fn terminate(&mut self) -> Result<ExitStatus> {
        let program = self.program.as_mut().context("the runner was not started")?;
        program.ask_to_end()?;
        program.wait(LIMIT).await
    }

    fn command(&self) -> Command {
        let mut words = self.by.iter().map(OsStr::new).chain([self.binary.as_os_str()]);
        let mut command = Command::new(words.next().unwrap_or_default());
        command.args(words);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("KOZMIC_") {
                command.env_remove(name);
            }
        }
        // Settings of git for whoever runs the test are not the runner's.
        for name in ["GIT_SSL_CAINFO", "GIT_SSL_CAPATH"] {
            command.env_remove(name);
        }
        command
            .args(["runner", "--server", &self.url, "--token-file", "token"])
            .current_dir(self.dir.path())
            .env("KOZMIC_DATA_DIR", self.dir.path().join("data"))
            .env("KOZMIC_LOG", "debug,hyper=info,h2=info,bollard=info,sea_orm_migration=warn")
            .envs(self.env.iter().map(|(name, value)| (name, value)));
        command
    }
}
