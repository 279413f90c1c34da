//! A Kozmic to measure, with a double of GitHub of its own and a project for each script.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::Options;
use super::engine::Bare;
use super::runners::Runners;
use super::script::Script;
use super::usage;
use super::variant::Variant;
use crate::docker::Docker;
use crate::github::{Commit, GitHub, NewRepository};
use crate::live::Live;
use crate::person::{NewHook, Person};
use crate::server::{Server, ServerOptions};

const LOGIN: &str = "anna";
/// Longest time that a build may take until it is shown.
const SHOWN_LIMIT: Duration = Duration::from_secs(30);

/// A Kozmic with projects.
pub(super) struct Stage {
    pub(super) name: String,
    pub(super) github: GitHub,
    /// Memory after the start, before the first job, in MB.
    pub(super) idle: f64,
    server: Server,
    /// The runners that take its jobs.
    pub(super) runners: Runners,
    anna: Person,
    docker: Docker,
    projects: Vec<(Script, u64)>,
}

/// A job with a viewer, and the time at which the forge began to send its delivery.
pub(super) struct Watched {
    pub(super) sent: Instant,
    pub(super) live: Live,
}

impl Stage {
    pub(super) async fn set(options: &Options, variant: &Variant) -> Result<Self> {
        let github = GitHub::start().await.context("start the double of GitHub")?;
        github.add_user(LOGIN, "Anna Orbit", "anna@example.com");
        let mut server = ServerOptions::new(&variant.binary, &github).quiet().docker_url(&options.docker_url);
        if variant.runners > 0 {
            server = server.env("KOZMIC_RUNNER_CONCURRENCY", "0");
        }
        let server = Server::start(server.env("KOZMIC_DOCKER_NETWORK", &options.network)).await?;
        let runners = Runners::start(options, &server, variant, 1).await?;
        let anna = Person::sign_in(&server, &github, LOGIN).await.context("sign in")?;
        let idle = usage::memory(server.pid().context("the server runs")?)?;
        let docker = Docker::at(&options.docker_url);
        let name = variant.name.clone();
        let mut stage = Self { name, github, idle, server, runners, anna, docker, projects: Vec::new() };
        for script in Script::ALL {
            stage.add(script, &options.image).await?;
        }
        Ok(stage)
    }

    async fn add(&mut self, script: Script, image: &str) -> Result<()> {
        let repository = script.repository();
        self.github.add_repository(NewRepository::public(repository))?;
        self.github.commit(repository, "main", Commit::new("Begin").file("README.md", "A sample\n")).await?;
        self.github.push_silently(repository, "main").await?;
        let project = self.anna.add_project(repository).await.context("add a project")?;
        let text = format!("#!/bin/bash\n{}\n", script.body());
        self.anna.add_hook(project, NewHook { title: "Bench", image, script: &text }).await?;
        self.projects.push((script, project));
        Ok(())
    }

    /// The server's data directory.
    pub(super) fn data_dir(&self) -> &Path {
        self.server.data_dir()
    }

    pub(super) fn pid(&self) -> Result<u32> {
        self.server.pid().context("the server runs")
    }

    /// Pushes a new commit and watches its job as early as an open page can: the page gets the news of the build, loads
    /// again, and opens the log.
    pub(super) async fn push(&self, script: Script) -> Result<Watched> {
        let repository = script.repository();
        let (_, project) = *self.projects.iter().find(|(one, _)| *one == script).context("a project")?;
        let before = self.anna.latest_build(project).await?.map(|build| build.build);
        let mut news = self.anna.news(project).await?;
        news.next().await?;
        self.github.commit(repository, "main", Commit::new("Change")).await?;
        let open = async {
            loop {
                news.next().await?;
                let build = self.anna.latest_build(project).await?;
                if let Some(build) = build.filter(|build| Some(build.build) != before) {
                    return self.anna.live(project, build.job()?, 0).await;
                }
            }
        };
        let open = async { tokio::time::timeout(SHOWN_LIMIT, open).await.context("no build is shown")? };
        let (deliveries, live) = tokio::try_join!(self.github.push(repository, "main"), open)?;
        let delivery = deliveries.first().context("nothing was delivered")?;
        ensure!(delivery.arrived(), "the delivery was not taken: {:?}", delivery.answer);
        Ok(Watched { sent: delivery.at, live })
    }

    /// Waits until all work after the last job is done.
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
