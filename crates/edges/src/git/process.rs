//! Runs a program once: with no other input than the caller's, with a time limit, and without leftovers when it is
//! given up.

use super::GitError;
use rustix::process::{Pid, Signal, kill_process_group};
use std::{
    io::ErrorKind,
    process::{Output, Stdio},
    time::Duration,
};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// A program to run, with the name of its step for error messages.
pub(super) struct Program {
    pub(super) name: &'static str,
    pub(super) what: &'static str,
    pub(super) limit: Duration,
}

impl Program {
    /// Runs the command, which starts this program, to its end, with or without success.
    pub(super) async fn run(&self, command: Command) -> Result<Output, GitError> {
        let Self { what, limit, .. } = *self;
        let child = self.start(command, Stdio::null())?;
        let group = Group::of(&child);
        let output = tokio::time::timeout(limit, child.wait_with_output()).await;
        let output = output.map_err(|_| GitError::TooSlow { what, seconds: limit.as_secs() })?;
        let output = output.map_err(GitError::io(what))?;
        group.has_ended();
        Ok(output)
    }

    /// Runs the command while `talk` writes to it and reads its answers. A program whose output is dropped ends at its
    /// next write.
    pub(super) async fn converse<T, F: Future<Output = Result<T, GitError>>>(
        &self,
        command: Command,
        talk: impl FnOnce(ChildStdin, ChildStdout) -> F,
    ) -> Result<T, GitError> {
        let Self { what, limit, .. } = *self;
        let mut child = self.start(command, Stdio::piped())?;
        let group = Group::of(&child);
        let (input, output) = child.stdin.take().zip(child.stdout.take()).expect("both ends are pipes");
        let both = async { tokio::join!(talk(input, output), child.wait_with_output()) };
        let both = tokio::time::timeout(limit, both).await;
        let (said, ended) = both.map_err(|_| GitError::TooSlow { what, seconds: limit.as_secs() })?;
        let ended = ended.map_err(GitError::io(what))?;
        group.has_ended();
        match said {
            // A reader that stopped has its own error. A broken pipe is no such error, but the program's words may
            // explain it.
            Ok(_) | Err(GitError::Io { .. }) if !ended.status.success() => {
                Err(GitError::Failed { what, words: last_words(&ended.stderr) })
            }
            said => said,
        }
    }

    fn start(&self, mut command: Command, input: Stdio) -> Result<Child, GitError> {
        let Self { name, what, .. } = *self;
        command
            .env("LC_ALL", "C")
            .env_remove("SSH_AUTH_SOCK")
            .stdin(input)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0);
        command.spawn().map_err(|cause| match cause.kind() {
            ErrorKind::NotFound => GitError::NotInstalled(name),
            _ => GitError::Io { what, cause },
        })
    }
}

/// A program with all its children, such as `git remote-http`, `ssh` and `git index-pack`. They are killed together
/// when this is dropped early, so that nothing writes into a mirror after its fetch was given up.
struct Group(Option<Pid>);

impl Group {
    /// The group of a child that leads one.
    fn of(child: &Child) -> Self {
        Self(child.id().and_then(|id| Pid::from_raw(id.try_into().ok()?)))
    }

    fn has_ended(mut self) {
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(leader) = self.0
            && let Err(fault) = kill_process_group(leader, Signal::KILL)
        {
            tracing::warn!(process = %leader.as_raw_nonzero(), %fault, "a program that was given up could not be killed");
        }
    }
}

/// The last lines of a program's error output, on one line.
pub(super) fn last_words(stderr: &[u8]) -> String {
    let text = String::from_utf8_lossy(stderr);
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>();
    lines[lines.len().saturating_sub(5)..].join(" / ")
}
