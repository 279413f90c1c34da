//! One run of a program: no input, a limit of time, and nothing of it left behind when it is given up.

use super::GitError;
use rustix::process::{Pid, Signal, kill_process_group};
use std::{
    io::ErrorKind,
    process::{Output, Stdio},
    time::Duration,
};
use tokio::process::{Child, Command};

/// What to run, and what to call it where it fails.
pub(super) struct Program {
    pub(super) name: &'static str,
    pub(super) what: &'static str,
    pub(super) limit: Duration,
}

impl Program {
    /// Runs the command, which starts this program, to its end, good or bad.
    pub(super) async fn run(&self, mut command: Command) -> Result<Output, GitError> {
        let Self { name, what, limit } = *self;
        command
            .env("LC_ALL", "C")
            .env_remove("SSH_AUTH_SOCK")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0);
        let child = command.spawn().map_err(|cause| match cause.kind() {
            ErrorKind::NotFound => GitError::NotInstalled(name),
            _ => GitError::Io { what, cause },
        })?;
        let group = Group::of(&child);
        let output = tokio::time::timeout(limit, child.wait_with_output()).await;
        let output = output.map_err(|_| GitError::TooSlow { what, seconds: limit.as_secs() })?;
        let output = output.map_err(GitError::io(what))?;
        group.has_ended();
        Ok(output)
    }
}

/// A program and all that it started, such as `git remote-http`, `ssh` and `git index-pack`: killed together when
/// dropped early, so that nobody writes into a mirror whose fetch was given up.
struct Group(Option<Pid>);

impl Group {
    /// Of a child that leads a group.
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

/// The end of what a program said, on one line.
pub(super) fn last_words(stderr: &[u8]) -> String {
    let text = String::from_utf8_lossy(stderr);
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>();
    lines[lines.len().saturating_sub(5)..].join(" / ")
}
