//! chromedriver, which drives the browser, as a child process.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context, Result};
use axum::http::Method;
use fantoccini::Client;
use fantoccini::wd::{Capabilities, WebDriverCompatibleCommand};
use serde_json::{Value, json};
use tokio::process::Command;
use url::{ParseError, Url};

use super::Browser;
use crate::program::{Program, Show};

const READY: &str = "ChromeDriver was started successfully on port ";
/// chromedriver's message if another program uses a port.
const TAKEN: &str = "port not available";
/// Number of drivers that are started before a used port is a fault.
const TRIES: u32 = 5;
const START_LIMIT: Duration = Duration::from_secs(20);
/// Longest time for the browser to end, if this cannot be awaited asynchronously.
const END_LIMIT: Duration = Duration::from_secs(5);

/// A running chromedriver and the browser that it started.
pub(super) struct Driver {
    port: u16,
    session: Option<String>,
    browser: Option<u64>,
    _program: Program,
}

impl Driver {
    /// Starts chromedriver. It listens on two addresses and takes one free port for both. If another program uses that
    /// port on the second address, chromedriver ends, and a new one finds another port.
    pub(super) async fn start() -> Result<Self> {
        let mut tries = 1;
        loop {
            match Self::try_start().await {
                Err(fault) if tries < TRIES && format!("{fault:#}").contains(TAKEN) => tries += 1,
                started => return started,
            }
        }
    }

    async fn try_start() -> Result<Self> {
        let mut command = Command::new("chromedriver");
        command.args(["--port=0", "--log-level=WARNING"]);
        let install = "start chromedriver: are the packages chromium and chromium-driver installed?";
        let mut program = Program::start(command, Show::OnPanic).context(install)?;
        let line = program.wait_for_line(START_LIMIT, |line| line.starts_with(READY)).await?;
        let port = line.trim_start_matches(READY).trim_end_matches('.');
        let port = port.parse().with_context(|| format!("read chromedriver's port from {line:?}"))?;
        Ok(Self { port, session: None, browser: None, _program: program })
    }

    pub(super) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Notes the session and the browser, which have to be ended.
    pub(super) fn owns(&mut self, session: String, capabilities: Option<&Capabilities>) {
        self.session = Some(session);
        self.browser = capabilities.and_then(|all| all.get("goog:processID")).and_then(Value::as_u64);
    }

    /// The lines of the browser's console since the last call, each with its level.
    pub(super) async fn log(&self, client: &Client) -> Result<Vec<String>> {
        let command = Post { below: "se/log", body: json!({"type": "browser"}) };
        let entries = client.issue_cmd(command).await.context("read the browser's console")?;
        let line = |entry: &Value| {
            let text = |name: &str| entry.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
            format!("{} {}", text("level"), text("message"))
        };
        Ok(entries.as_array().into_iter().flatten().map(line).collect())
    }

    /// Asks chromedriver to end the browser. The answer comes after its end.
    fn end_session(&self) -> std::io::Result<()> {
        let Some(session) = &self.session else { return Ok(()) };
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(END_LIMIT))?;
        let request = format!(
            "DELETE /session/{session} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nConnection: close\r\n\r\n",
            self.port
        );
        stream.write_all(request.as_bytes())?;
        // The first bytes of the answer mean that the browser has ended. chromedriver keeps the connection open.
        stream.read(&mut [0; 64]).map(drop)
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        if self.end_session().is_err()
            && let Some(browser) = self.browser
        {
            let kill = ["-c", "kill -KILL \"$1\" 2>/dev/null", "kill", &browser.to_string()];
            std::process::Command::new("sh").args(kill).status().ok();
        }
    }
}

impl Browser {
    /// A command of the browser's developer tools, such as `Emulation.setEmulatedMedia`.
    pub async fn devtools(&self, command: &str, parameters: Value) -> Result<Value> {
        let body = json!({"cmd": command, "params": parameters});
        let outcome = self.client.issue_cmd(Post { below: "goog/cdp/execute", body }).await;
        outcome.with_context(|| format!("run the developer tools' {command}"))
    }

    /// Performs WebDriver's actions of these sources.
    pub(super) async fn act(&self, sources: Value) -> Result<()> {
        let command = Post { below: "actions", body: json!({"actions": sources}) };
        self.client.issue_cmd(command).await.context("perform actions").map(drop)
    }
}

/// A command that the client lacks in this form.
#[derive(Debug)]
struct Post {
    below: &'static str,
    body: Value,
}

impl WebDriverCompatibleCommand for Post {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, ParseError> {
        base.join(&format!("session/{}/{}", session.unwrap_or_default(), self.below))
    }

    fn method_and_body(&self, _: &Url) -> (Method, Option<String>) {
        (Method::POST, Some(self.body.to_string()))
    }
}
