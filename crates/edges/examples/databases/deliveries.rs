//! Speed of the answers to deliveries over HTTP, at the real server. It answers when a delivery is stored.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use futures_util::{StreamExt, TryStreamExt, stream};
use kozmic_testkit::bench::figures::Series;
use kozmic_testkit::github::{Commit, GitHub, NewRepository};
use kozmic_testkit::person::{NewHook, Person};
use kozmic_testkit::server::{Server, ServerOptions};
use serde_json::{Value, json};

use crate::place::Place;

/// Number of deliveries that are under way at once.
pub(crate) const SENDERS: usize = 8;
/// Deliveries of one turn.
const DELIVERIES: usize = 20;
const REPOSITORY: &str = "anna/hello";
/// The message of a commit whose author asks for no build: everything happens but the job.
const MESSAGE: &str = "Change nothing [ci skip]";

/// Way to run the servers.
pub(crate) struct Receivers {
    pub(crate) kozmic: PathBuf,
    pub(crate) docker_url: String,
}

/// A server on one of the databases, and its double of GitHub.
struct Receiver {
    github: GitHub,
    payload: Value,
    rates: Series,
    times: Series,
    _server: Server,
}

impl Receivers {
    /// Deliveries a second at each place, and the microseconds that one took.
    pub(crate) async fn measure(&self, turns: usize, places: &[Place]) -> Result<(Vec<Series>, Vec<Series>)> {
        let mut receivers = Vec::new();
        for place in places {
            let receiver = self.start(&place.fresh().await?).await;
            receivers.push(receiver.with_context(|| format!("start kozmic on {}", place.name))?);
        }
        // One that does not count: connections are opened and caches filled.
        for turn in 0..=turns {
            for number in 0..receivers.len() {
                let index = (turn + number) % places.len();
                receivers[index]
                    .deliver(turn > 0)
                    .await
                    .with_context(|| format!("deliver to {}", places[index].name))?;
            }
        }
        Ok(receivers.into_iter().map(|receiver| (receiver.rates, receiver.times)).unzip())
    }

    async fn start(&self, database: &str) -> Result<Receiver> {
        let github = GitHub::start().await.context("start the double of GitHub")?;
        github.add_user("anna", "Anna Orbit", "anna@example.com");
        github.add_repository(NewRepository::public(REPOSITORY))?;
        let options = ServerOptions::new(&self.kozmic, &github).quiet().docker_url(&self.docker_url);
        let server = Server::start(options.env("KOZMIC_DATABASE_URL", database)).await?;
        let anna = Person::sign_in(&server, &github, "anna").await.context("sign in")?;
        github.commit(REPOSITORY, "main", Commit::new("Begin").file("README.md", "A sample\n")).await?;
        github.push_silently(REPOSITORY, "main").await?;
        let project = anna.add_project(REPOSITORY).await.context("add a project")?;
        let hook = NewHook { title: "Bench", image: "kozmic/debian:bookworm", script: "#!/bin/sh\ntrue\n" };
        anna.add_hook(project, hook).await?;
        github.push_commit(REPOSITORY, "main", Commit::new(MESSAGE).file("nothing", "")).await?;
        let push = github.deliveries().into_iter().rev().find(|one| one.event == "push");
        let mut payload = push.context("a push is delivered")?.payload();
        payload["head_commit"]["message"] = json!(MESSAGE);
        let (rates, times) = (Series::default(), Series::default());
        Ok(Receiver { github, payload, rates, times, _server: server })
    }
}

impl Receiver {
    async fn deliver(&mut self, counts: bool) -> Result<()> {
        let begun = Instant::now();
        let send = |_| self.github.deliver(REPOSITORY, "push", &self.payload);
        let answered: Vec<_> =
            stream::iter(0..DELIVERIES).map(send).buffer_unordered(SENDERS).try_collect().await?;
        let rate = DELIVERIES as f64 / begun.elapsed().as_secs_f64();
        for delivery in answered.iter().flatten() {
            ensure!(delivery.status() == Some(202), "not taken: {:?}", delivery.answer);
        }
        if counts {
            self.rates.add(rate);
            answered.iter().flatten().for_each(|one| self.times.add(one.took.as_secs_f64() * 1e6));
        }
        Ok(())
    }
}
