//! Things that the tests share: a double with Anna, and a client that calls like Kozmic.

use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use kozmic_testkit::github::{Commit, GitHub, NewRepository};
use reqwest::{Method, RequestBuilder};
use tokio::process::Command;

/// Time limit: longer than anything here takes, but short enough to wait for if something is broken.
pub(crate) const LIMIT: Duration = Duration::from_secs(10);

/// A double with the user `anna` and her repository `anna/hello` of one commit.
pub(crate) async fn github_of_anna() -> Result<GitHub> {
    let github = GitHub::start().await?;
    github.add_user("anna", "Anna Orbit", "anna@example.com");
    github.add_repository(NewRepository::public("anna/hello"))?;
    github.commit("anna/hello", "main", Commit::new("First").file("README.md", "Hello\n")).await?;
    Ok(github)
}

/// A client without any default.
pub(crate) fn client() -> reqwest::Client {
    rustls::crypto::ring::default_provider().install_default().ok();
    let builder = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy();
    builder.build().expect("a client without options can be built")
}

/// A call like Kozmic's.
pub(crate) fn call(github: &GitHub, token: &str, method: Method, path: &str) -> RequestBuilder {
    client()
        .request(method, format!("{}{path}", github.api_url()))
        .header("User-Agent", "Kozmic")
        .header("Accept", "application/vnd.github+json")
        .bearer_auth(token)
}

/// Runs git without the machine's settings and without prompts.
pub(crate) async fn git(dir: &Path, args: &[&str]) -> Result<Output> {
    let mut command = Command::new("git");
    command.current_dir(dir).args(args).env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_TERMINAL_PROMPT", "0");
    for (name, value) in [("NAME", "Anna Orbit"), ("EMAIL", "anna@example.com")] {
        command.env(format!("GIT_AUTHOR_{name}"), value).env(format!("GIT_COMMITTER_{name}"), value);
    }
    command.output().await.context("run git")
}

/// The same, but fails if git fails.
pub(crate) async fn git_ok(dir: &Path, args: &[&str]) -> Result<String> {
    let output = git(dir, args).await?;
    ensure!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Directory of the system's temporary ones that holds this.
pub(crate) fn temporary(inside: &str) -> Result<PathBuf> {
    let all = std::env::temp_dir();
    let first = Path::new(inside).strip_prefix(&all).ok().and_then(|rest| rest.components().next());
    Ok(all.join(first.context("it is in no temporary directory")?))
}

/// The directory, if it is there, and the commands of processes that were told of it.
pub(crate) fn left_behind(dir: &Path) -> Result<Vec<String>> {
    let name = dir.to_string_lossy().into_owned();
    let mut left: Vec<_> = dir.exists().then(|| name.clone()).into_iter().collect();
    for process in std::fs::read_dir("/proc")? {
        // A process may end while it is looked at.
        let command = std::fs::read(process?.path().join("cmdline")).unwrap_or_default();
        left.extend(Some(String::from_utf8_lossy(&command).into_owned()).filter(|one| one.contains(&name)));
    }
    Ok(left)
}
