//! The server's end: a router over a registry, which knows the runners and their coordinators.
//!
//! A runner names attempts only by their numbers. All else about an attempt comes from the coordinator, so a runner can
//! neither name a project of others nor report for a job that it does not hold.

mod artifact;
mod calls;
mod git;
mod gits;
mod line;
mod log;
mod fetches;
mod open_logs;
mod caller;
mod held;
mod refusal;

use crate::{
    protocol::{LARGEST_BODY, ROOT},
    token::RunnerToken,
};
use anyhow::Result;
use async_trait::async_trait;
use axum::{
    Router,
    extract::DefaultBodyLimit,
    routing::{get, post, put},
};
use fetches::Fetches;
use gits::Gits;
use held::Holders;
use kozmic_edges::{git::Mirrors, logs::Logs, room::Room};
use kozmic_model::runner::RunnerFacts;
use kozmic_runner::coordinator::{Coordinator, State};
use open_logs::OpenLogs;
use std::{sync::Arc, time::Duration};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower_http::timeout::RequestBodyTimeoutLayer;

/// Everything that the routes need of the server.
#[async_trait]
pub trait Registry: Send + Sync + 'static {
    /// The runner with this token; none if nobody knows the token, or if its runner was removed.
    async fn authenticate(&self, token: &RunnerToken) -> Result<Option<KnownRunner>>;

    /// The coordinator of a runner. It gives and takes only attempts of this runner.
    fn coordinator(&self, runner: &KnownRunner) -> Arc<dyn Coordinator>;

    /// Notes that a runner is connected, until the connection is dropped. A runner may be connected twice for a moment,
    /// after its network changed. None if another process of the runner is connected and heard of: two machines have one
    /// token.
    async fn connect(&self, runner: &KnownRunner, hello: RunnerHello) -> Result<Option<Box<dyn Connection>>>;

    /// The installation, as runners get to know it.
    fn installation(&self) -> Installation;

    /// The logs of attempts.
    fn logs(&self) -> &Logs;

    /// The mirrors from which runners get repositories that need credentials.
    fn mirrors(&self) -> &Mirrors;

    /// The part of each disk that must stay free.
    fn room(&self) -> &Room;
}

/// A connected runner, as the rest of the server sees it.
#[async_trait]
pub trait Connection: Send {
    /// Waits for the next message to the runner; none: the connection ends, because the runner was removed. The wait
    /// may be given up and begun again, and no message is lost.
    async fn next(&mut self) -> Option<Push>;

    /// Notes a beat or a changed state. By its beats the runner keeps its jobs. This must not wait for anything.
    fn report(&mut self, state: State);

    /// Notes changed facts about the runner's machine. This must not wait for anything.
    fn note_facts(&mut self, facts: RunnerFacts);
}

/// A message to a runner. Requests to stop an attempt come from [`Coordinator::stopped`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Push {
    /// There may be a job for it.
    Wake,
    /// It takes no new jobs, or takes jobs again.
    Drain(bool),
    /// It should remove images that nobody needs.
    Images,
}

/// A runner whose token was accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownRunner {
    /// Its name.
    pub name: String,
    /// Its name for people.
    pub title: String,
}

/// A runner's own words when it connects. All texts have a bounded length.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunnerHello {
    /// Words for abilities that not every runner has.
    pub features: Vec<String>,
    /// Facts about its machine.
    pub facts: RunnerFacts,
    /// Its state.
    pub state: State,
    /// A random word of its process; empty if it is unknown.
    pub process: String,
}

/// The facts about an installation that each runner gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Installation {
    /// Its id.
    pub id: String,
    /// Time for which a job stays with a runner that is not heard of.
    pub lease: Duration,
}

/// The state that all routes share.
struct Server {
    registry: Arc<dyn Registry>,
    holders: Holders,
    logs: OpenLogs,
    fetches: Fetches,
    gits: Gits,
    stop: CancellationToken,
    tasks: TaskTracker,
}

/// Longest time between two pieces of a call's or question's body.
const PIECE_TIME: Duration = Duration::from_secs(30);

/// The routes for runners. They end their connections at `stop`; their tasks beside the requests are in `tasks`.
pub fn router(registry: Arc<dyn Registry>, stop: CancellationToken, tasks: TaskTracker) -> Router {
    let server = Arc::new(Server {
        registry,
        holders: Holders::default(),
        logs: OpenLogs::default(),
        fetches: Fetches::default(),
        gits: Gits::default(),
        stop,
        tasks,
    });
    let routes = Router::new()
        .route("/line", get(line::open))
        .route("/call", post(calls::call))
        .route("/jobs/{job}/attempts/{attempt}/log", get(log::open))
        .route("/jobs/{job}/attempts/{attempt}/repository.git/info/refs", get(git::refs))
        .route("/jobs/{job}/attempts/{attempt}/repository.git/git-upload-pack", post(git::upload_pack))
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
        .layer(RequestBodyTimeoutLayer::new(PIECE_TIME))
        // An artifact comes as fast as it is published.
        .route("/jobs/{job}/attempts/{attempt}/artifact", put(artifact::put));
    Router::new().nest(ROOT, routes).with_state(server)
}
