//! The set-up of the Auto Builder's stories: GitHub with a configuration repository, a hub, and a server that uses
//! both.

use crate::world::{IMAGE, LIMIT, options};
use anyhow::{Context, Result, ensure};
use kozmic_testkit::{
    docker::Docker,
    github::{Commit, Fault, FaultRule, GitHub, NewRepository, Permission, Pushed, State, Status},
    hub::Hub,
    person::Person,
    server::{Server, ServerOptions},
};
use serde_json::Value;
use std::{collections::BTreeSet, path::PathBuf};
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
    /// Directory of artifacts that are no flists.
    pub artifacts: PathBuf,
    /// Fault of GitHub at the start of the server.
    pub fault: Option<Fault>,
    /// The name under which GitHub lists the reading of the configuration.
    reading: String,
    _dir: TempDir,
}

/// Set-up of a stage.
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
    /// Settings that are taken away.
    pub without: &'a [&'a str],
    /// Repositories beside the two.
    pub others: &'a [&'a str],
    /// Fault of GitHub at the start of the server.
    pub fault: Option<FaultRule>,
}

/// One of a commit's statuses, by its name.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'a> {
    pub repository: &'a str,
    pub sha: &'a str,
    pub context: &'a str,
}

impl Stage {
    /// A server that has read its configuration, whatever was said of it.
    pub async fn new(script: Script<'_>) -> Result<Self> {
        let stage = Self::unread(script).await?;
        stage.reading().await?;
        Ok(stage)
    }

    /// A server that has read its configuration and found no fault in it.
    pub async fn sound(script: Script<'_>) -> Result<Self> {
        let stage = Self::unread(script).await?;
        let read = stage.reading().await?;
        ensure!(read.state == State::Success, "{}", stage.report(&read).await?);
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
        let options = script.without.iter().fold(options, |options, name| options.without_env(name));
        let fault = script.fault.map(|rule| github.fault(rule));
        let server = Server::start(options).await?;
        let named = script.settings.iter().find(|(name, _)| *name == "KOZMIC_AUTOBUILD_STATUS_CONTEXT");
        let reading = named.map_or(READING, |(_, context)| context).to_owned();
        Ok(Self { github, hub, server, docker: Docker::default(), artifacts, fault, reading, _dir: dir })
    }

    /// Status of the configuration's newest commit.
    pub async fn reading(&self) -> Result<Status> {
        let head = self.github.head(CONFIGURATION, "main").await.context("the configuration has a commit")?;
        self.verdict(CONFIGURATION, &head, &self.reading).await
    }

    /// Pushes a commit to the configuration repository and waits until it was read.
    pub async fn configure(&self, commit: Commit) -> Result<Status> {
        let pushed = self.github.push_commit(CONFIGURATION, "main", commit).await?;
        ensure!(pushed.deliveries.iter().any(|delivery| delivery.arrived()), "{:?}", pushed.deliveries);
        self.verdict(CONFIGURATION, &pushed.sha, &self.reading).await
    }

    /// Pushes a commit to the repository that recipes are about.
    pub async fn push(&self, branch: &str, message: &str) -> Result<Pushed> {
        self.push_of(branch, Commit::new(message).file("file", message)).await
    }

    /// The same with a commit of one's own. A new branch begins at the head of main.
    pub async fn push_of(&self, branch: &str, commit: Commit) -> Result<Pushed> {
        self.branch_off(branch).await?;
        self.github.push_commit(CORE, branch, commit).await
    }

    /// Makes a branch of main in the repository that recipes are about, unless it is there.
    pub async fn branch_off(&self, branch: &str) -> Result<()> {
        if self.github.head(CORE, branch).await.is_none() {
            let main = self.github.head(CORE, "main").await.context("main has a commit")?;
            self.github.set_branch(CORE, branch, &main).await?;
        }
        Ok(())
    }

    /// Final status that GitHub shows under one name beside a commit.
    pub async fn verdict(&self, repository: &str, sha: &str, context: &str) -> Result<Status> {
        self.shown(Shown { repository, sha, context }, |status| status.state != State::Pending).await
    }

    /// Final status that GitHub shows for a script beside a commit of the repository that recipes are about.
    pub async fn outcome(&self, sha: &str, script: &str) -> Result<Status> {
        self.verdict(CORE, sha, &format!("kozmic/{script}")).await
    }

    /// The first that GitHub shows of a script beside a commit: it leads to the job.
    pub async fn job(&self, sha: &str, script: &str) -> Result<Status> {
        let context = format!("kozmic/{script}");
        self.shown(Shown { repository: CORE, sha, context: &context }, |_| true).await
    }

    /// Status that GitHub shows under one name beside a commit, as soon as it is what is waited for.
    pub async fn shown(&self, what: Shown<'_>, is_it: impl Fn(&Status) -> bool) -> Result<Status> {
        let mut last = self.github.last_status_id();
        let deadline = tokio::time::Instant::now() + LIMIT;
        loop {
            let all = self.github.statuses(what.repository, what.sha);
            let newest = all.into_iter().rfind(|status| status.context == what.context);
            if let Some(status) = newest.filter(|status| is_it(status)) {
                return Ok(status);
            }
            let left = deadline.saturating_duration_since(tokio::time::Instant::now());
            let next = self.github.next_status(last, left).await;
            let (_, next) = next.with_context(|| {
                format!("{what:?} never came: {:?}", self.github.statuses(what.repository, what.sha))
            })?;
            last = next.id;
        }
    }

    /// Final status of a job that was shown before, once it runs again.
    pub async fn newer(&self, old: &Status) -> Result<Status> {
        let what = Shown { repository: CORE, sha: &old.sha, context: &old.context };
        self.shown(what, |status| status.id > old.id && status.state != State::Pending).await
    }

    /// Anna, signed in, with the repository that recipes are about as her project.
    pub async fn anna(&self) -> Result<(Person, u64)> {
        let anna = Person::sign_in(&self.server, &self.github, "anna").await?;
        let project = anna.add_project(CORE).await?;
        Ok((anna, project))
    }

    /// The page of a job of a project's latest build.
    pub async fn job_page(&self, person: &Person, project: u64, job: &Status) -> Result<String> {
        let build = person.latest_build(project).await?.context("a build")?.build;
        Ok(format!("/projects/{project}/builds/{build}/jobs/{}/", number_of(job)?))
    }

    /// Presses a button of a job on its page.
    pub async fn press(&self, person: &Person, (project, job): (u64, &Status), what: &str) -> Result<()> {
        let page = self.job_page(person, project, job).await?;
        let action = format!("/projects/{project}/jobs/{}/{what}/", number_of(job)?);
        person.post_form(&page, &action, &[]).await?.ensure_ok()
    }

    /// The names under which GitHub shows something beside a commit of the repository that recipes are about.
    pub fn contexts(&self, sha: &str) -> BTreeSet<String> {
        self.github.statuses(CORE, sha).into_iter().map(|status| status.context).collect()
    }

    /// A file in the directory of binaries.
    pub fn binary(&self, name: &str) -> Result<String> {
        let path = self.artifacts.join("binary").join(name);
        std::fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))
    }

    /// Target of the link of that name, in the directory of binaries.
    pub fn linked(&self, stable: &str) -> Result<String> {
        let path = self.artifacts.join("binary").join(stable);
        let target =
            std::fs::read_link(&path).with_context(|| format!("read the link {}", path.display()))?;
        Ok(target.to_string_lossy().into_owned())
    }

    /// Answer of an address to somebody without sign-in.
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
        let instance = self.server.instance().context("the server has a name")?;
        Ok(format!("kozmic.instance={instance}"))
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

/// The job's number, which its log's address ends with.
pub fn number_of(job: &Status) -> Result<String> {
    let url = job.target_url.as_deref().context("the status has an address")?;
    let number = url.rsplit_once("/report/").context("it is that of a log")?.1;
    Ok(number.to_owned())
}

/// A GitHub with Anna, the Auto Builder's own account, and their repositories.
async fn github(script: &Script<'_>) -> Result<GitHub> {
    let github = GitHub::start().await?;
    github.add_user("anna", "Anna Orbit", "anna@example.com");
    github.add_user("eve", "Eve Outside", "eve@example.com");
    github.add_user("mallory", "Mallory Stranger", "mallory@example.com");
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
