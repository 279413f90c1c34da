//! A Kozmic that builds by recipes, for measurements. It has a double of GitHub of its own with a configuration
//! repository, and a directory for artifacts.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use tempfile::TempDir;

use super::Options;
use super::engine::Bare;
use super::runners::Runners;
use super::variant::Variant;
use crate::docker::Docker;
use crate::github::{Commit, GitHub, NewRepository, Permission, State};
use crate::server::{Server, ServerOptions};

const CONFIGURATION: &str = "anna/recipes";
/// The Auto Builder's own account.
const BUILDER: &str = "builder";
/// Longest time to read the configuration, and longest time without a status of running jobs.
const LIMIT: Duration = Duration::from_secs(180);

/// Set-up of a workshop.
#[derive(Clone)]
pub(super) struct Plan {
    /// Repositories, each with the branches that are built.
    pub(super) branches: Vec<(String, Vec<String>)>,
    /// The recipe of each repository.
    pub(super) recipe: String,
    /// The scripts by their paths.
    pub(super) scripts: Vec<(String, String)>,
    /// Number of jobs that may run at once; none: Kozmic's default.
    pub(super) slots: Option<usize>,
}

impl Plan {
    /// Number of jobs that run at once.
    pub(super) fn at_once(&self) -> usize {
        self.slots.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from))
    }
}

/// A Kozmic with recipes.
pub(super) struct Workshop {
    pub(super) github: GitHub,
    pub(super) server: Server,
    runners: Runners,
    artifacts: TempDir,
    docker: Docker,
}

/// A commit that exists but is not pushed.
pub(super) struct Unpushed {
    pub(super) repository: String,
    pub(super) branch: String,
    pub(super) sha: String,
    payload: Value,
}

/// The answer to a delivery: its time and duration.
#[derive(Debug, Clone, Copy)]
pub(super) struct Answered {
    pub(super) at: Instant,
    pub(super) took: Duration,
}

impl Workshop {
    pub(super) async fn set(options: &Options, variant: &Variant, plan: &Plan) -> Result<Self> {
        let (github, artifacts) = (github(plan).await?, tempfile::tempdir()?);
        let server = ServerOptions::new(&variant.binary, &github).quiet().docker_url(&options.docker_url);
        let server = server
            .env("KOZMIC_DOCKER_NETWORK", &options.network)
            .env("KOZMIC_AUTOBUILD_CONFIGURATION_REPOSITORY", CONFIGURATION)
            .env("KOZMIC_AUTOBUILD_GITHUB_TOKEN", &github.personal_token(BUILDER))
            .env("KOZMIC_AUTOBUILD_DEFAULT_BASEIMAGE", &options.image)
            .env("KOZMIC_AUTOBUILD_BINARY_DIRECTORY", &artifacts.path().display().to_string())
            .env("KOZMIC_AUTOBUILD_MONITOR", "public");
        let slots = if variant.runners > 0 { Some(0) } else { plan.slots };
        let server = match slots {
            Some(slots) => server.env("KOZMIC_RUNNER_CONCURRENCY", &slots.to_string()),
            None => server,
        };
        let server = Server::start(server).await?;
        let each = plan.at_once().div_ceil(variant.runners.max(1));
        let runners = Runners::start(options, &server, variant, each).await?;
        let docker = Docker::at(&options.docker_url);
        let workshop = Self { github, server, runners, artifacts, docker };
        let read = workshop.github.head(CONFIGURATION, "main").await.context("there are recipes")?;
        let read = workshop.github.wait_for_status(CONFIGURATION, &read, State::Success, LIMIT).await;
        read.context("read the recipes")?;
        Ok(workshop)
    }

    pub(super) fn pid(&self) -> Result<u32> {
        self.server.pid().context("the server runs")
    }

    /// Directory of artifacts.
    pub(super) fn artifacts(&self) -> PathBuf {
        self.artifacts.path().to_owned()
    }

    /// Makes a commit on a branch, and the payload that GitHub would send for its push.
    pub(super) async fn commit(&self, repository: &str, branch: &str) -> Result<Unpushed> {
        let commit = Commit::new("Change").file("branch", format!("{branch}\n"));
        let sha = self.github.commit(repository, branch, commit).await?;
        let mut payload = self.sample(repository).await?;
        payload["ref"] = format!("refs/heads/{branch}").into();
        payload["after"] = sha.clone().into();
        payload["head_commit"]["id"] = sha.clone().into();
        payload["commits"] = vec![payload["head_commit"].clone()].into();
        Ok(Unpushed { repository: repository.to_owned(), branch: branch.to_owned(), sha, payload })
    }

    /// GitHub's payload for a push to a branch of which nothing is built.
    async fn sample(&self, repository: &str) -> Result<Value> {
        let all = self.github.deliveries();
        let known = all.iter().find(|one| one.repository == repository && one.event == "push");
        if let Some(known) = known {
            return Ok(known.payload());
        }
        let pushed = self.github.push_commit(repository, "idle", Commit::new("Idle")).await?;
        Ok(pushed.deliveries.first().context("a push is delivered")?.payload())
    }

    /// Delivers the payload of a push.
    pub(super) async fn deliver(&self, push: &Unpushed) -> Result<Answered> {
        let answered = self.github.deliver(&push.repository, "push", &push.payload).await?;
        let delivery = answered.first().context("nothing was delivered")?;
        ensure!(delivery.status() == Some(202), "not taken: {:?}", delivery.answer);
        Ok(Answered { at: delivery.at, took: delivery.took })
    }

    /// Waits until `count` jobs have succeeded after the status with this id; gives the time of the last success.
    pub(super) async fn successes(&self, count: usize, after: u64) -> Result<Instant> {
        let (mut last, mut seen) = (after, 0);
        loop {
            let next = self.github.next_status(last, LIMIT).await;
            let (repository, status) = next.with_context(|| format!("only {seen} of {count} jobs ended"))?;
            last = status.id;
            match status.state {
                State::Pending => {}
                State::Success => seen += 1,
                _ => bail!("{} of {repository}: {:?}", status.context, status.description),
            }
            if seen == count {
                return Ok(status.at);
            }
        }
    }

    /// Waits until all work after the last jobs is done.
    pub(super) async fn settle(&self, bare: &Bare) -> Result<()> {
        self.runners.settle(bare).await?;
        bare.wait_until_clean(&self.server.instance().context("the server has a name")?).await
    }

    pub(super) async fn clear(mut self) -> Result<()> {
        self.runners.clear(&self.docker).await?;
        self.server.terminate().await?;
        let instance = self.server.instance().context("the server has a name")?;
        self.docker.clean(&format!("{}={instance}", crate::docker::INSTANCE)).await
    }
}

async fn github(plan: &Plan) -> Result<GitHub> {
    let github = GitHub::start().await.context("start the double of GitHub")?;
    github.add_user("anna", "Anna Orbit", "anna@example.com");
    github.add_user(BUILDER, "Auto Builder", "builder@example.com");
    let mut recipes = Commit::new("Recipes");
    let add =
        |name: &str| github.add_repository(NewRepository::public(name).allow(BUILDER, Permission::Admin));
    add(CONFIGURATION)?;
    for (repository, branches) in &plan.branches {
        add(repository)?;
        let scripts =
            plan.scripts.iter().fold(Commit::new("Begin"), |commit, (path, text)| commit.file(path, text));
        let begin = github.commit(repository, "main", scripts).await?;
        for branch in branches {
            github.set_branch(repository, branch, &begin).await?;
            github.push_silently(repository, branch).await?;
            recipes = recipes.file(&format!("{repository}/{branch}.yaml"), &plan.recipe);
        }
    }
    github.commit(CONFIGURATION, "main", recipes).await?;
    Ok(github)
}
