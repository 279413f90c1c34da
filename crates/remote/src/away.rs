//! The runner's end: a coordinator on another machine.
//!
//! A call whose answer was lost is repeated until the attempt must stop. If the server is not heard of for two thirds of
//! the lease, all attempts must stop: the server will give their jobs to other runners soon.

#[cfg(test)]
mod tests;
mod port;
mod line;
mod uplink;
mod artifact;
mod ask;
mod link;
mod attempts;
mod contact;
mod pauses;

use crate::{protocol::line::Welcome, token::RunnerToken};
use anyhow::Result;
use attempts::Attempts;
use contact::Contact;
use kozmic_edges::logs::Logs;
use kozmic_model::runner::RunnerFacts;
use kozmic_runner::coordinator::State;
use link::Link;
use std::sync::Arc;
use tokio::sync::{Notify, watch};
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};
use uplink::Uplinks;
use url::Url;

/// The way to a server.
#[derive(Clone, Debug)]
pub struct Access {
    /// The server's address, as browsers have it.
    pub server: Url,
    /// The runner's token.
    pub token: RunnerToken,
}

/// The facts that a runner tells about itself.
#[derive(Clone, Debug, Default)]
pub struct Introduction {
    /// Words for abilities that not every runner has.
    pub features: Vec<String>,
    /// Facts about its machine.
    pub facts: RunnerFacts,
    /// Number of jobs that it runs at once.
    pub slots: usize,
    /// A random word of this process. The server lets in one process of a runner at a time; an empty word is any.
    pub process: String,
}

/// A coordinator on another machine. Its connections end when it is dropped.
pub struct Away {
    shared: Arc<Shared>,
    _end: DropGuard,
}

/// The state that all connections share.
struct Shared {
    link: Link,
    logs: Logs,
    introduction: Introduction,
    attempts: Attempts,
    uplinks: Uplinks,
    contact: Contact,
    /// The runner's newest state.
    state: watch::Sender<State>,
    /// The newest facts about its machine.
    facts: watch::Sender<RunnerFacts>,
    woken: Notify,
    is_draining: watch::Sender<bool>,
    images: Notify,
    /// The server's last welcome.
    welcome: watch::Sender<Option<Welcome>>,
    /// True while the line is open.
    is_connected: watch::Sender<bool>,
    /// The reason why the server cannot be reached, in a sentence.
    trouble: watch::Sender<Option<String>>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Away {
    /// Connects to a server, and stays connected until everything stops. The tasks are in `tasks`, and end at `stop`.
    /// The attempts' logs are read from `logs`, where the runner writes them.
    ///
    /// # Errors
    /// The settings for connections cannot be used.
    pub fn open(
        access: Access,
        introduction: Introduction,
        logs: Logs,
        stop: &CancellationToken,
        tasks: TaskTracker,
    ) -> Result<Self> {
        let stop = stop.child_token();
        let state = State { slots: introduction.slots, busy: 0, trouble: None };
        let facts = introduction.facts.clone();
        let shared = Arc::new(Shared {
            link: Link::new(access)?,
            logs,
            introduction,
            attempts: Attempts::default(),
            uplinks: Uplinks::default(),
            contact: Contact::new(),
            state: watch::Sender::new(state),
            facts: watch::Sender::new(facts),
            woken: Notify::new(),
            is_draining: watch::Sender::new(false),
            images: Notify::new(),
            welcome: watch::Sender::new(None),
            is_connected: watch::Sender::new(false),
            trouble: watch::Sender::new(None),
            stop: stop.clone(),
            tasks,
        });
        shared.tasks.spawn(line::keep(Arc::clone(&shared)));
        Ok(Self { shared, _end: stop.drop_guard() })
    }

    /// Waits until the server has welcomed this runner, and returns the installation's id.
    pub async fn welcomed(&self) -> String {
        let mut welcome = self.shared.welcome.subscribe();
        let known = welcome.wait_for(Option::is_some).await.ok();
        known.and_then(|known| known.as_ref().map(|welcome| welcome.installation.clone())).unwrap_or_default()
    }

    /// Tells the server new facts about the machine, unless they are those of before.
    pub fn note_facts(&self, facts: RunnerFacts) {
        self.shared.facts.send_if_modified(|known| {
            let has_changed = *known != facts;
            *known = facts;
            has_changed
        });
    }

    /// The newest facts about the machine.
    pub fn facts(&self) -> RunnerFacts {
        self.shared.facts.borrow().clone()
    }

    /// The runner's newest state.
    pub fn state(&self) -> watch::Receiver<State> {
        self.shared.state.subscribe()
    }

    /// The reason why the server cannot be reached now, in a sentence; none while it can.
    pub fn trouble(&self) -> watch::Receiver<Option<String>> {
        self.shared.trouble.subscribe()
    }

    /// True while the server wants this runner to take no new jobs.
    pub fn is_draining(&self) -> watch::Receiver<bool> {
        self.shared.is_draining.subscribe()
    }

    /// Waits until the server wants surplus images to be removed.
    pub async fn images_are_to_be_removed(&self) {
        self.shared.images.notified().await;
    }
}
