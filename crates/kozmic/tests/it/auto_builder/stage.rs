//! The stage of the Auto Builder's stories: GitHub with a configuration repository, a hub, and a server that knows
//! them.

use crate::world::{IMAGE, LIMIT, options};
use anyhow::{Context, Result, ensure};
use kozmic_testkit::{
    docker::Docker,
    github::{Commit, GitHub, NewRepository, Permission, Pushed, State, Status},
    hub::Hub,
    server::{Server, ServerOptions},
};
use serde_json::Value;
use std::path::PathBuf;
use tempfile::TempDir;

/// The configuration repository; private, as most are.
pub const CONFIGURATION: &str = "anna/recipes";

/// The repository that recipes are about.
pub const CORE: &str = "anna/core";

/// The name under which GitHub lists the reading of the configuration.
pub const READING: &str = "kozmic/configuration";

pub struct Stage {
    pub github: GitHub,
    pub hub: Hub,
    pub server: Server,
    pub docker: Docker,
    /// Where artifacts go that are no flists.
    pub artifacts: PathBuf,
    _dir: TempDir,
}

/// What a stage is set up with.
#[derive(Default)]
pub struct Script<'a> {
    /// Files of the configuration repository.
    pub recipes: &'a [(&'a str, &'a str)],
    /// Files of the repository that recipes are about.
    pub core: &'a [(&'a str, &'a str)],
    /// More of `kozmic.toml`, such as kernel rules.
    pub toml: &'a str,
    /// More settings.
    pub settings: &'a [(&'a str, &'a str)],
    /// Repositories beside the two.
    pub others: &'a [&'a str],
}

impl Stage {
    /// A server that has read its configuration, whatever was said of it.
    pub async fn new(script: Script<'_>) -> Result<Self> {
        let stage = Self::unread(script).await?;
        let head = stage.github.head(CONFIGURATION, "main").await.context("the configuration has a commit")?;
        stage.verdict(CONFIGURATION, &head, READING).await?;
        Ok(stage)
    }

    /// A server that has only just started.
    pub async fn unread(script: Script<'_>) -> Result<Self> {
        let (github, hub, dir) = (github(&script).await?, Hub::start().await?, tempfile::tempdir()?);
        let config = dir.path().join("kozmic.toml");
        std::fs::write(&config, script.toml)?;
        let artifacts = dir.path().join("artifacts");
        let path = |name: &str| artifacts.join(name).display().to_string();
        let own = [
            ("KOZMIC_CONFIG", config.display().to_string()),
            ("KOZMIC_AUTOBUILD_CONFIGURATION_REPOSITORY", CONFIGURATION.to_owned()),
            ("KOZMIC_AUTOBUILD_GITHUB_TOKEN", github.personal_token("builder")),
            ("KOZMIC_AUTOBUILD_DEFAULT_BASEIMAGE", IMAGE.to_owned()),
            ("KOZMIC_AUTOBUILD_MONITOR", "public".to_owned()),
            ("KOZMIC_AUTOBUILD_HUB_URL", hub.url()),
            ("KOZMIC_AUTOBUILD_HUB_AUTH_URL", hub.auth_url()),
            ("KOZMIC_AUTOBUILD_HUB_USER", hub.user().to_owned()),
            ("KOZMIC_AUTOBUILD_HUB_TOKEN", hub.token().to_owned()),
            ("KOZMIC_AUTOBUILD_BINARY_DIRECTORY", path("binary")),
            ("KOZMIC_AUTOBUILD_KERNEL_DIRECTORY", path("kernel")),
            ("KOZMIC_AUTOBUILD_SERVE_ARTIFACTS", "true".to_owned()),
        ];
        let set = |options: ServerOptions, (name, value): (&str, &str)| options.env(name, value);
        let options = own.iter().map(|(name, value)| (*name, value.as_str())).fold(options(&github), set);
        let options = script.settings.iter().copied().fold(options, set);
        let server = Server::start(options).await?;
        Ok(Self { github, hub, server, docker: Docker::default(), artifacts, _dir: dir })
    }

    /// Pushes a commit to the configuration repository and waits until it was read.
    pub async fn configure(&self, commit: Commit) -> Result<Status> {
        let pushed = self.github.push_commit(CONFIGURATION, "main", commit).await?;
        ensure!(pushed.deliveries.iter().any(|delivery| delivery.arrived()), "{:?}", pushed.deliveries);
        self.verdict(CONFIGURATION, &pushed.sha, READING).await
    }

    /// Pushes a commit to the repository that recipes are about.
    pub async fn push(&self, branch: &str, message: &str) -> Result<Pushed> {
        let commit = Commit::new(message).file("file", message);
        self.github.push_commit(CORE, branch, commit).await
    }

    /// What GitHub shows in the end of one name beside a commit.
    pub async fn verdict(&self, repository: &str, sha: &str, context: &str) -> Result<Status> {
        let mut last = self.github.last_status_id();
        let deadline = tokio::time::Instant::now() + LIMIT;
        loop {
            let shown = self.github.statuses(repository, sha);
            let newest = shown.into_iter().filter(|status| status.context == context).next_back();
            if let Some(status) = newest.filter(|status| status.state != State::Pending) {
                return Ok(status);
            }
            let left = deadline.saturating_duration_since(tokio::time::Instant::now());
            let next = self.github.next_status(last, left).await;
            let (_, next) = next.with_context(|| {
                format!("no verdict of {context}: {:?}", self.github.statuses(repository, sha))
            })?;
            last = next.id;
        }
    }

    /// What an address answers to somebody without sign-in.
    pub async fn get(&self, path: &str) -> Result<String> {
        let response = reqwest::get(format!("{}{path}", self.server.url())).await?;
        ensure!(response.status().is_success(), "{path}: {}", response.status());
        Ok(response.text().await?)
    }

    /// The JSON at an address.
    pub async fn json(&self, path: &str) -> Result<Value> {
        Ok(serde_json::from_str(&self.get(path).await?)?)
    }

    /// A job's whole log, by its commit status.
    pub async fn report(&self, status: &Status) -> Result<String> {
        let url = status.target_url.as_deref().context("the status has an address")?;
        let path = url.strip_prefix(&self.server.url()).context("the address is the server's")?;
        self.get(path).await
    }

    /// The label of this installation's containers.
    pub fn label(&self) -> Result<String> {
        let instance = std::fs::read_to_string(self.server.data_dir().join("instance"))?;
        Ok(format!("kozmic.instance={}", instance.trim()))
    }

    /// Every story ends tidily: nothing is left on the engine, and every call was understood.
    pub async fn end(mut self) -> Result<()> {
        let label = self.label()?;
        if self.server.is_running() {
            self.docker.wait_until_clean(&label, LIMIT).await?;
            let status = self.server.terminate().await?;
            ensure!(status.success(), "the server ended with {status}");
        }
        self.docker.clean(&label).await?;
        self.github.assert_no_wrong_calls();
        self.hub.assert_no_wrong_calls();
        Ok(())
    }
}

/// A GitHub with Anna, the Auto Builder's own account, and their repositories.
async fn github(script: &Script<'_>) -> Result<GitHub> {
    let github = GitHub::start().await?;
    github.add_user("anna", "Anna Orbit", "anna@example.com");
    github.add_user("builder", "Auto Builder", "builder@example.com");
    let admin = |new: NewRepository| new.allow("builder", Permission::Admin);
    github.add_repository(admin(NewRepository::private(CONFIGURATION)))?;
    github.add_repository(admin(NewRepository::public(CORE)))?;
    for other in script.others {
        github.add_repository(admin(NewRepository::public(other)))?;
    }
    let recipes = Commit::new("Recipes").file("README.md", "Recipes").files(script.recipes);
    github.commit(CONFIGURATION, "main", recipes).await?;
    github.commit(CORE, "main", Commit::new("Begin").file("file", "begin").files(script.core)).await?;
    Ok(github)
}
