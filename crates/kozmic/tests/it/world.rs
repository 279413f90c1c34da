//! The set-up of most stories: a GitHub with Anna and her repository, a server, Anna signed in, her project.

use anyhow::{Context, Result};
use kozmic_testkit::{
    docker::{Docker, INSTANCE},
    github::{Commit, GitHub, NewRepository, Pushed, State},
    live::Live,
    person::{Build, NewHook, Person},
    server::{Server, ServerOptions},
};
use std::time::Duration;

/// Longest time that a test waits for what has to come. It never waits for so long if all is well.
pub const LIMIT: Duration = Duration::from_secs(90);

/// The base image for jobs.
pub const IMAGE: &str = "kozmic/debian:bookworm";

/// Anna's repository.
pub const REPOSITORY: &str = "anna/hello";

/// A wait in a script until a test opens the gate.
pub const GATE: &str = "until [ -e /tmp/gate ]; do sleep 0.02; done";

/// The stage of a story.
pub struct World {
    pub github: GitHub,
    pub server: Server,
    pub anna: Person,
    pub project: u64,
    pub docker: Docker,
}

/// A server's settings, for a GitHub.
pub fn options(github: &GitHub) -> ServerOptions {
    ServerOptions::new(env!("CARGO_BIN_EXE_kozmic"), github).env("KOZMIC_LOG", "info,sea_orm_migration=warn")
}

/// A GitHub with Anna and her repository.
pub async fn github() -> Result<GitHub> {
    let github = GitHub::start().await?;
    github.add_user("anna", "Anna Orbit", "anna@example.com");
    github.add_user("eve", "Eve Outside", "eve@example.com");
    github.add_repository(NewRepository::public(REPOSITORY))?;
    Ok(github)
}

/// Lets the script of a container go on. It may be gone before the command has said that it is done; a gate that stays
/// shut is noticed by the wait for the script's end.
pub async fn open_gate_in(docker: &Docker, container: &str) {
    docker.run(&["exec", container, "touch", "/tmp/gate"]).await.ok();
}

impl World {
    pub async fn new() -> Result<Self> {
        Self::with(&[]).await
    }

    /// With these settings beyond the defaults.
    pub async fn with(settings: &[(&str, &str)]) -> Result<Self> {
        let github = github().await?;
        let settings =
            settings.iter().fold(options(&github), |options, (name, value)| options.env(name, value));
        Self::of(github, settings).await
    }

    /// With these options of the server, and a GitHub that has Anna's repository.
    pub async fn of(github: GitHub, options: ServerOptions) -> Result<Self> {
        let server = Server::start(options).await?;
        let anna = Person::sign_in(&server, &github, "anna").await?;
        let project = anna.add_project(REPOSITORY).await?;
        Ok(Self { github, server, anna, project, docker: Docker::default() })
    }

    /// Adds a hook named Tests.
    pub async fn hook(&self, script: &str) -> Result<()> {
        self.hook_in(IMAGE, script).await
    }

    pub async fn hook_in(&self, image: &str, script: &str) -> Result<()> {
        let script = format!("#!/bin/bash\n{script}\n");
        self.anna.add_hook(self.project, NewHook { title: "Tests", image, script: &script }).await.map(drop)
    }

    /// Has pull requests from forks built as any other push.
    pub async fn build_forks(&self) -> Result<()> {
        let of_project = |page: &str| format!("/projects/{}/{page}", self.project);
        let (page, action) = (of_project("settings/"), of_project("settings/builds/"));
        self.anna.post_form(&page, &action, &[("forks", "always")]).await?.ensure_ok()
    }

    pub async fn push(&self, message: &str) -> Result<Pushed> {
        let commit = Commit::new(message).file("file", message);
        self.github.push_commit(REPOSITORY, "main", commit).await
    }

    /// The latest build as soon as its first job is there.
    pub async fn build(&self) -> Result<Build> {
        self.anna.wait_for_build(self.project, LIMIT, |build| build.job.is_some()).await
    }

    /// The latest build when it ended.
    pub async fn finished(&self) -> Result<Build> {
        let is_finished = |build: &Build| !["enqueued", "pending"].contains(&build.status.as_str());
        self.anna.wait_for_build(self.project, LIMIT, is_finished).await
    }

    /// The live log of the latest build.
    pub async fn live(&self) -> Result<Live> {
        let build = self.build().await?;
        self.anna.live(self.project, build.job()?, 0).await
    }

    /// The raw log of the latest build.
    pub async fn log(&self) -> Result<String> {
        let build = self.build().await?;
        Ok(String::from_utf8_lossy(&self.anna.raw_log(self.project, build.job()?).await?).into_owned())
    }

    pub async fn page(&self, path: &str) -> Result<String> {
        let page = self.anna.get(&format!("/projects/{}/{path}", self.project)).await?;
        page.ensure_ok()?;
        Ok(page.body)
    }

    pub async fn status(&self, sha: &str, state: State) -> Result<String> {
        let status = self.github.wait_for_status(REPOSITORY, sha, state, LIMIT).await?;
        Ok(status.description.unwrap_or_default())
    }

    /// The label of this installation's containers.
    pub fn label(&self) -> Result<String> {
        let instance = self.server.instance().context("the server has a name")?;
        Ok(format!("{INSTANCE}={instance}"))
    }

    /// The id of the one container that runs: one that only brought files in may still be there.
    pub async fn container(&self) -> Result<String> {
        let all = self.docker.containers(&self.label()?).await?;
        let running = all.into_iter().find(|container| container.state == "running");
        Ok(running.context("a job's container runs")?.id)
    }

    /// Lets the script go on.
    pub async fn open_gate(&self) -> Result<()> {
        open_gate_in(&self.docker, &self.container().await?).await;
        Ok(())
    }

    /// Takes an image off the engine, when the jobs' containers are gone that used it.
    pub async fn remove_image(&self, image: &str) -> Result<()> {
        self.docker.wait_until_clean(&self.label()?, LIMIT).await?;
        self.docker.run(&["rmi", image]).await.map(drop)
    }

    /// The names of the images that install scripts made here.
    pub async fn cached_images(&self) -> Result<Vec<String>> {
        self.images_with(&self.label()?).await
    }

    /// The names of the images that install scripts made on a runner whose containers have this label.
    pub async fn images_with(&self, label: &str) -> Result<Vec<String>> {
        let (label, format) = (format!("label={label}"), "{{.Repository}}:{{.Tag}}");
        let listing = self.docker.run(&["images", "--filter", &label, "--format", format]).await?;
        Ok(listing.lines().filter(|name| name.starts_with("kozmic-cache/")).map(str::to_owned).collect())
    }

    /// Every story ends tidily: nothing is left on the engine, and GitHub understood every call.
    pub async fn end(mut self) -> Result<()> {
        let label = self.label()?;
        if self.server.is_running() {
            self.docker.wait_until_clean(&label, LIMIT).await?;
            let status = self.server.terminate().await?;
            anyhow::ensure!(status.success(), "the server ended with {status}");
        }
        self.docker.clean(&label).await?;
        for image in self.cached_images().await? {
            self.docker.run(&["rmi", &image]).await?;
        }
        self.github.assert_no_wrong_calls();
        Ok(())
    }
}
