//! One call of git: without prompts, without the machine's configuration, with a time limit, and with git's words on
//! failure.

use super::{
    GitError,
    process::{Program, last_words},
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use kozmic_model::git::Sha;
use secrecy::{ExposeSecret, SecretString};
use std::{
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::process::{ChildStdin, ChildStdout, Command};

const LIMIT: Duration = Duration::from_secs(1_800);

/// The largest block of memory that git may allocate, in bytes: a delta of a kilobyte may stand for gigabytes. Git
/// needs a few such blocks at once.
const LARGEST_PIECE: &str = "1073741824";

/// Settings for fetches: git gives up on a silent server and does no maintenance. It keeps packs as they arrive, and it
/// never has a large file or several objects of a pack in memory.
const NETWORK: [&str; 16] = [
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
    "core.bigFileThreshold=64m",
    "-c",
    "pack.threads=1",
    "-c",
    "core.hooksPath=/dev/null",
];

/// Git in one repository.
pub(super) struct Git {
    repository: PathBuf,
    environment: Vec<(&'static str, OsString)>,
}

impl Git {
    pub(super) fn new(repository: &Path) -> Self {
        Self { repository: repository.to_owned(), environment: Vec::new() }
    }

    /// Fetches over HTTP only.
    pub(super) fn over_http(self) -> Self {
        self.with("GIT_ALLOW_PROTOCOL", "http:https")
    }

    /// Fetches over SSH only, through this command.
    pub(super) fn over_ssh(self, command: OsString) -> Self {
        self.with("GIT_ALLOW_PROTOCOL", "ssh").with("GIT_SSH_COMMAND", command).with("GIT_SSH_VARIANT", "ssh")
    }

    /// Sends the token only to the repository's host, and never as an argument, which other users of the machine can
    /// see.
    pub(super) fn with_token(self, url: &str, token: &SecretString) -> Self {
        let Ok(url) = url::Url::parse(url) else { return self };
        let pair = BASE64_STANDARD.encode(format!("x-access-token:{}", token.expose_secret()));
        let key = format!("http.{}/.extraHeader", url.origin().ascii_serialization());
        self.with("GIT_CONFIG_COUNT", "1")
            .with("GIT_CONFIG_KEY_0", key)
            .with("GIT_CONFIG_VALUE_0", format!("Authorization: Basic {pair}"))
    }

    pub(super) fn with(mut self, name: &'static str, value: impl Into<OsString>) -> Self {
        self.environment.push((name, value.into()));
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

    /// Fetches. Removes refs of the mirror that match these refspecs and no longer exist at the repository. Fetches
    /// tags only if a refspec includes them.
    pub(super) async fn fetch(&self, url: &str, refspecs: &[String]) -> Result<(), GitError> {
        let fetch =
            ["fetch", "--quiet", "--force", "--prune", "--no-tags", "--no-write-fetch-head", "--", url];
        let refspecs = refspecs.iter().map(String::as_str);
        self.run("fetch", NETWORK.into_iter().chain(fetch).chain(refspecs)).await.map(drop)
    }

    /// The objects of these refs at the repository, by full names, and the branch of its HEAD.
    pub(super) async fn ls_remote(&self, url: &str, names: &[&str]) -> Result<String, GitError> {
        let list = ["ls-remote", "--symref", "--", url];
        self.run("ls-remote", NETWORK.into_iter().chain(list).chain(names.iter().copied())).await
    }

    /// Runs git and returns its output as text.
    pub(super) async fn run<A: AsRef<OsStr>>(
        &self,
        what: &'static str,
        arguments: impl IntoIterator<Item = A>,
    ) -> Result<String, GitError> {
        let output = self.output(what, arguments).await?;
        Ok(String::from_utf8_lossy(&output).trim().to_owned())
    }

    /// Runs git and returns its output as bytes.
    pub(super) async fn output<A: AsRef<OsStr>>(
        &self,
        what: &'static str,
        arguments: impl IntoIterator<Item = A>,
    ) -> Result<Vec<u8>, GitError> {
        let command = self.command(what, arguments);
        let output = Program { name: "git", what, limit: LIMIT }.run(command).await?;
        match output.status.success() {
            true => Ok(output.stdout),
            false => Err(GitError::Failed { what, words: last_words(&output.stderr) }),
        }
    }

    /// Runs git while `talk` writes to it and reads its answers.
    pub(super) async fn converse<A: AsRef<OsStr>, T, F: Future<Output = Result<T, GitError>>>(
        &self,
        what: &'static str,
        arguments: impl IntoIterator<Item = A>,
        talk: impl FnOnce(ChildStdin, ChildStdout) -> F,
    ) -> Result<T, GitError> {
        let command = self.command(what, arguments);
        Program { name: "git", what, limit: LIMIT }.converse(command, talk).await
    }

    fn command<A: AsRef<OsStr>>(
        &self,
        what: &'static str,
        arguments: impl IntoIterator<Item = A>,
    ) -> Command {
        let mut command = Command::new("git");
        command
            .args(arguments)
            .current_dir(if self.repository.is_dir() { &self.repository } else { Path::new("/") })
            .env("GIT_DIR", &self.repository)
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_ALLOW_PROTOCOL", "")
            .envs(trusted(|name| std::env::var_os(name)))
            .envs(self.environment.iter().map(|(name, value)| (name, value)));
        // These commands count objects, and a large history needs more memory.
        if !["pack-objects", "repack", "upload-pack"].contains(&what) {
            command.env("GIT_ALLOC_LIMIT", LARGEST_PIECE);
        }
        if what == "init" || what == "version" {
            command.env_remove("GIT_DIR");
        }
        command
    }
}

/// The authorities of servers, by git's variables: those that this program trusts by the usual variables, which git
/// itself does not read.
fn trusted(variable: impl Fn(&str) -> Option<OsString>) -> Vec<(&'static str, OsString)> {
    let names = [("SSL_CERT_FILE", "GIT_SSL_CAINFO"), ("SSL_CERT_DIR", "GIT_SSL_CAPATH")];
    let missing = names.into_iter().filter(|(_, of_git)| variable(of_git).is_none());
    missing.filter_map(|(usual, of_git)| Some((of_git, variable(usual)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn git_trusts_the_authorities_of_the_usual_variables_unless_it_has_its_own() {
        let given = |known: &'static [(&str, &str)]| {
            trusted(move |name| known.iter().find(|(of, _)| *of == name).map(|(_, value)| value.into()))
        };
        assert_eq!(given(&[]), []);
        assert_eq!(given(&[("SSL_CERT_FILE", "/a")]), [("GIT_SSL_CAINFO", "/a".into())]);
        assert_eq!(given(&[("SSL_CERT_DIR", "/d")]), [("GIT_SSL_CAPATH", "/d".into())]);
        assert_eq!(given(&[("SSL_CERT_FILE", "/a"), ("GIT_SSL_CAINFO", "/b")]), []);
    }

    /// True if the process exists and is not a zombie.
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
