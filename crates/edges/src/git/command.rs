//! One call of git: no prompts, no configuration of the machine's, a limit of time, and git's words on failure.

use super::GitError;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use kozmic_model::git::Sha;
use rustix::process::{Pid, Signal, kill_process_group};
use secrecy::{ExposeSecret, SecretString};
use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};
use tokio::process::{Child, Command};

const LIMIT: Duration = Duration::from_secs(1_800);

/// Git in one repository.
pub(super) struct Git {
    repository: PathBuf,
    environment: Vec<(&'static str, String)>,
}

impl Git {
    pub(super) fn new(repository: &Path) -> Self {
        Self { repository: repository.to_owned(), environment: Vec::new() }
    }

    /// Sends the token to the repository's host only, and never as an argument, which others on the machine see.
    pub(super) fn with_token(mut self, url: &str, token: Option<&SecretString>) -> Self {
        let Some((token, url)) = token.zip(url::Url::parse(url).ok()) else { return self };
        let pair = BASE64_STANDARD.encode(format!("x-access-token:{}", token.expose_secret()));
        let key = format!("http.{}/.extraHeader", url.origin().ascii_serialization());
        self.environment.extend([
            ("GIT_CONFIG_COUNT", "1".to_owned()),
            ("GIT_CONFIG_KEY_0", key),
            ("GIT_CONFIG_VALUE_0", format!("Authorization: Basic {pair}")),
        ]);
        self
    }

    pub(super) fn with(mut self, name: &'static str, value: &Path) -> Self {
        self.environment.push((name, value.display().to_string()));
        self
    }

    pub(super) async fn init_bare(&self) -> Result<(), GitError> {
        let path = self.repository.as_os_str();
        let here = Self::new(Path::new("/"));
        here.run("init", ["init".as_ref(), "--bare".as_ref(), "--quiet".as_ref(), path]).await.map(drop)
    }

    pub(super) async fn has_commit(&self, sha: &Sha) -> Result<bool, GitError> {
        match self.run("cat-file", ["cat-file", "-e", &format!("{sha}^{{commit}}")]).await {
            Ok(_) => Ok(true),
            Err(GitError::Failed { .. }) => Ok(false),
            Err(fault) => Err(fault),
        }
    }

    pub(super) async fn fetch(&self, url: &str, refspec: &str) -> Result<(), GitError> {
        let options = [
            "-c",
            "http.lowSpeedLimit=1",
            "-c",
            "http.lowSpeedTime=60",
            "-c",
            "gc.auto=0",
            "-c",
            "maintenance.auto=false",
            "-c",
            "fetch.unpackLimit=1",
            "-c",
            "core.hooksPath=/dev/null",
            "fetch",
            "--quiet",
            "--force",
            "--no-write-fetch-head",
            "--",
            url,
            refspec,
        ];
        self.run("fetch", options).await.map(drop)
    }

    /// Runs git and gives its output.
    pub(super) async fn run<A: AsRef<OsStr>>(
        &self,
        what: &'static str,
        arguments: impl IntoIterator<Item = A>,
    ) -> Result<String, GitError> {
        let mut command = Command::new("git");
        command
            .args(arguments)
            .current_dir(if self.repository.is_dir() { &self.repository } else { Path::new("/") })
            .env("GIT_DIR", &self.repository)
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_ALLOW_PROTOCOL", "http:https:ssh")
            .env("LC_ALL", "C")
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0);
        if what == "init" || what == "version" {
            command.env_remove("GIT_DIR");
        }
        let io = |cause| GitError::Io { what, cause };
        let child = command.spawn().map_err(io)?;
        let group = Group::of(&child);
        let output = tokio::time::timeout(LIMIT, child.wait_with_output()).await;
        let output = output.map_err(|_| GitError::TooSlow { what, seconds: LIMIT.as_secs() })?;
        let output = output.map_err(io)?;
        group.has_ended();
        match output.status.success() {
            true => Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned()),
            false => Err(GitError::Failed { what, words: last_words(&output.stderr) }),
        }
    }
}

/// Git and all that it started, such as `git remote-http` and `git index-pack`: killed together when dropped early,
/// so that nobody writes into a mirror whose fetch was given up.
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
            tracing::warn!(process = %leader.as_raw_nonzero(), %fault, "a git that was given up could not be killed");
        }
    }
}

/// The end of what git said, on one line.
fn last_words(stderr: &[u8]) -> String {
    let text = String::from_utf8_lossy(stderr);
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>();
    lines[lines.len().saturating_sub(5)..].join(" / ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether a process is there and not a zombie.
    fn is_alive(process: &str) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
        stat.rsplit_once(") ").is_some_and(|(_, state)| !state.starts_with(['Z', 'X']))
    }

    async fn until(holds: impl Fn() -> bool) {
        let holds = async {
            while !holds() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), holds).await.unwrap();
    }

    #[tokio::test]
    async fn what_git_started_ends_with_a_call_that_is_given_up() {
        let dir = tempfile::tempdir().unwrap();
        let note = dir.path().join("process");
        let nap = format!("alias.nap=!echo $$ > '{}'; sleep 60; true", note.display());
        let written = || std::fs::read_to_string(&note).is_ok_and(|text| text.ends_with('\n'));
        let git = Git::new(dir.path());
        tokio::select! {
            ended = git.run("nap", ["-c", &nap, "nap"]) => panic!("{ended:?}"),
            () = until(written) => {}
        }
        let process = std::fs::read_to_string(&note).unwrap();
        until(|| !is_alive(process.trim())).await;
    }

    #[tokio::test]
    async fn what_git_says_on_failure_is_passed_on() {
        let dir = tempfile::tempdir().unwrap();
        let fault = Git::new(dir.path()).run("log", ["log"]).await.unwrap_err();
        assert!(fault.to_string().contains("not a git repository"), "{fault}");
    }
}
