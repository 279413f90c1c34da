//! The set-up: in the terminal, in the browser, as root with systemd, and stopped in the middle.

mod in_a_browser;
mod in_a_terminal;
mod of_a_service;

use crate::world::{LIMIT, github};
use anyhow::{Context, Result, ensure};
use kozmic_testkit::{github::GitHub, port::free_port};
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Stdio,
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    process::{Child, Command},
};

/// A machine without Kozmic, and a GitHub.
pub struct Fresh {
    pub github: GitHub,
    pub dir: TempDir,
    /// The address that Kozmic is to listen on.
    pub listen: String,
}

/// The end of a command.
pub struct Ended {
    pub code: Option<i32>,
    /// Standard output.
    pub out: String,
    /// Standard error: what is said to people.
    pub said: String,
}

impl Fresh {
    pub async fn new() -> Result<Self> {
        let listen = format!("127.0.0.1:{}", free_port()?);
        Ok(Self { github: github().await?, dir: tempfile::tempdir()?, listen })
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn read(&self, name: &str) -> Result<String> {
        fs::read_to_string(self.path(name)).with_context(|| format!("read {name}"))
    }

    pub fn mode(&self, name: &str) -> Result<u32> {
        Ok(fs::metadata(self.path(name))?.permissions().mode() & 0o777)
    }

    /// The names of all files but the data.
    pub fn names(&self) -> Result<Vec<String>> {
        let names =
            fs::read_dir(self.dir.path())?.map(|file| Ok(file?.file_name().to_string_lossy().into_owned()));
        let mut names = names.collect::<Result<Vec<_>>>()?;
        names.retain(|name| name != "data");
        names.sort();
        Ok(names)
    }

    /// The answers that fit, a line each, up to the last question.
    pub fn answers(&self) -> Vec<String> {
        let url = format!("http://{}", self.listen);
        let data = self.path("data").display().to_string();
        let (github, id, secret) = (self.github.url(), self.github.client_id(), self.github.client_secret());
        [&url, &self.listen, &data, github, id, secret, "anna", "", "y"].map(str::to_owned).into()
    }

    /// The program in this directory, with none of our own settings.
    pub fn kozmic(&self, args: &[&str]) -> Command {
        of_nobody(Command::new(env!("CARGO_BIN_EXE_kozmic")), self.dir.path(), args)
    }

    /// Runs a command with this input, a line each, to its end.
    pub async fn run(&self, args: &[&str], input: &[String]) -> Result<Ended> {
        run(self.kozmic(args), &input.join("\n")).await
    }

    /// Sets up with these answers.
    pub async fn setup(&self, input: &[String]) -> Result<Ended> {
        let dir = self.dir.path().display().to_string();
        self.run(&["setup", "--output", &dir], input).await
    }

    /// Starts the server that was set up.
    pub async fn serve(&self) -> Result<Child> {
        let settings = self.path("kozmic.toml").display().to_string();
        let mut server = self.kozmic(&["serve", "--config", &settings]).stdout(Stdio::piped()).spawn()?;
        let mut lines = BufReader::new(server.stdout.take().context("an output")?).lines();
        let line = tokio::time::timeout(LIMIT, lines.next_line()).await??.unwrap_or_default();
        ensure!(line == format!("Kozmic listens on http://{}", self.listen), "{line}");
        Ok(server)
    }
}

/// A command without settings of whoever runs the tests.
fn of_nobody(mut command: Command, dir: &Path, args: &[&str]) -> Command {
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("KOZMIC_") {
            command.env_remove(name);
        }
    }
    command.args(args).current_dir(dir).kill_on_drop(true);
    command
}

/// Runs a command to its end. What it does not read of the input is no fault.
pub async fn run(mut command: Command, input: &str) -> Result<Ended> {
    let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = piped.spawn().context("start the command")?;
    let mut stdin = child.stdin.take().context("the command has an input")?;
    stdin.write_all(format!("{input}\n").as_bytes()).await.ok();
    drop(stdin);
    let output = tokio::time::timeout(LIMIT, child.wait_with_output()).await.context("it does not end")??;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok(Ended { code: output.status.code(), out: text(&output.stdout), said: text(&output.stderr) })
}
