//! A child process with its collected output: the `kozmic` binary, or the browser's driver.

use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail, ensure};
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio_util::task::TaskTracker;

/// Longest time that a child may take to end by a signal while it is dropped.
const END_LIMIT: Duration = Duration::from_secs(10);
/// Interval between looks whether it has.
const LOOK: Duration = Duration::from_millis(5);

/// A running child, which is killed when this is dropped.
pub(crate) struct Program {
    name: String,
    show: Show,
    child: Child,
    pid: u32,
    lines: watch::Sender<Vec<Line>>,
    readers: TaskTracker,
}

/// Cases in which a child's output is shown at its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Show {
    /// Always. A test's harness shows it only if the test fails.
    Always,
    /// Only while a test panics.
    OnPanic,
    /// Never.
    Never,
}

/// One line that a child printed.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    /// True if it came on standard output, false if on standard error.
    pub(crate) stdout: bool,
    pub(crate) text: String,
}

impl Program {
    /// Starts the command.
    pub(crate) fn start(mut command: Command, show: Show) -> Result<Self> {
        let program = command.as_std().get_program().to_owned();
        let name = Path::new(&program).file_name().unwrap_or(&program).to_string_lossy().into_owned();
        let start = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child =
            start.kill_on_drop(true).spawn().with_context(|| format!("start {}", program.display()))?;
        let pid = child.id().context("a child that was just started has an id")?;
        let (lines, readers) = (watch::Sender::new(Vec::new()), TaskTracker::new());
        let stdout = child.stdout.take().context("the child has an output")?;
        let stderr = child.stderr.take().context("the child has an error output")?;
        readers.spawn(collect(stdout, true, lines.clone()));
        readers.spawn(collect(stderr, false, lines.clone()));
        readers.close();
        Ok(Self { name, show, child, pid, lines, readers })
    }

    /// The process's id.
    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// Waits for a line on standard output. Fails if the child ends first, or after the limit.
    pub(crate) async fn wait_for_line(
        &mut self,
        limit: Duration,
        is_it: impl Fn(&str) -> bool,
    ) -> Result<String> {
        let mut lines = self.lines.subscribe();
        let find = |lines: &Vec<Line>| {
            lines.iter().find(|line| line.stdout && is_it(&line.text)).map(|line| line.text.clone())
        };
        let found = tokio::select! {
            found = lines.wait_for(|lines| find(lines).is_some()) => {
                Ok(found.ok().and_then(|lines| find(&lines)).unwrap_or_default())
            }
            status = self.child.wait() => Err(format!("it ended ({})", status.context("wait for it")?)),
            () = tokio::time::sleep(limit) => Err(format!("that took more than {limit:?}")),
        };
        match found {
            Ok(line) => Ok(line),
            Err(why) => {
                self.drain().await;
                bail!("{} did not become ready: {why}; it printed:\n{}", self.name, self.output())
            }
        }
    }

    /// Waits until the child has printed this, on either output.
    pub(crate) async fn wait_for_output(&self, text: &str, limit: Duration) -> Result<()> {
        self.wait_for_outputs(text, 1, limit).await
    }

    /// Waits until the child has printed so many lines with this.
    pub(crate) async fn wait_for_outputs(&self, text: &str, times: usize, limit: Duration) -> Result<()> {
        let mut lines = self.lines.subscribe();
        let count = |lines: &Vec<Line>| lines.iter().filter(|line| line.text.contains(text)).count();
        let found = tokio::time::timeout(limit, lines.wait_for(|lines| count(lines) >= times)).await;
        let is_found = matches!(found, Ok(Ok(_)));
        ensure!(is_found, "{} did not print {text:?} {times} times:\n{}", self.name, self.output());
        Ok(())
    }

    /// Waits for the last output of a child that has ended.
    async fn drain(&mut self) {
        if !self.is_running() {
            // A grandchild may hold the pipes open. The important output has been read by then.
            tokio::time::timeout(Duration::from_secs(1), self.readers.wait()).await.ok();
        }
    }

    /// Asks the child to end (SIGTERM), by its id. Succeeds if it has ended already.
    pub(crate) fn ask_to_end(&mut self) -> Result<()> {
        self.signal("TERM")
    }

    /// Sends it a signal, such as `TERM`, by its id. Fine if it has ended already.
    pub(crate) fn signal(&mut self, signal: &str) -> Result<()> {
        if !self.is_running() {
            return Ok(());
        }
        let kill = ["-c", "kill \"-$1\" \"$2\"", "kill", signal, &self.pid.to_string()];
        let status = std::process::Command::new("sh").args(kill).status().context("run kill")?;
        ensure!(status.success(), "{} ({}) takes no signal: {status}", self.name, self.pid);
        Ok(())
    }

    /// Ends it by a signal, and by SIGKILL if that does not help; it has ended when this returns. It blocks, for
    /// those who are dropped and remove what the child still writes to.
    pub(crate) fn end_by(&mut self, signal: &str) {
        self.signal(signal).ok();
        if !self.has_ended_within(END_LIMIT) {
            self.child.start_kill().ok();
            self.has_ended_within(END_LIMIT);
        }
    }

    fn has_ended_within(&mut self, limit: Duration) -> bool {
        let begun = Instant::now();
        while self.is_running() {
            if begun.elapsed() > limit {
                return false;
            }
            std::thread::sleep(LOOK);
        }
        true
    }

    /// Kills it (SIGKILL) and waits until it is gone.
    pub(crate) async fn kill(&mut self) -> Result<()> {
        self.child.kill().await.with_context(|| format!("kill {}", self.name))
    }

    /// Waits until the child has ended and all its output is read.
    pub(crate) async fn wait(&mut self, limit: Duration) -> Result<ExitStatus> {
        let status = tokio::time::timeout(limit, self.child.wait()).await;
        let status =
            status.map_err(|_| anyhow!("{} did not end within {limit:?}:\n{}", self.name, self.output()))?;
        self.drain().await;
        status.context("wait for a child")
    }

    /// True if the child still runs.
    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().is_ok_and(|status| status.is_none())
    }

    /// Everything that the child has printed so far.
    pub(crate) fn output(&self) -> String {
        self.lines.borrow().iter().map(|line| format!("{}\n", line.text)).collect()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.child.start_kill().ok();
        let shown = match self.show {
            Show::Always => true,
            Show::OnPanic => std::thread::panicking(),
            Show::Never => false,
        };
        if shown {
            eprintln!("--- output of {} ({}) ---\n{}---", self.name, self.pid, self.output());
        }
    }
}

async fn collect(stream: impl AsyncRead + Unpin, stdout: bool, lines: watch::Sender<Vec<Line>>) {
    let mut reader = BufReader::new(stream);
    let mut bytes = Vec::new();
    while reader.read_until(b'\n', &mut bytes).await.is_ok_and(|length| length > 0) {
        let text = String::from_utf8_lossy(&bytes).trim_end().to_owned();
        lines.send_modify(|lines| lines.push(Line { stdout, text }));
        bytes.clear();
    }
}
