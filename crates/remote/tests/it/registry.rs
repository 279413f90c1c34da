//! The server's side of a test: one known runner, and the ledger as its coordinator.

use anyhow::Result;
use async_trait::async_trait;
use kozmic_edges::{git::Mirrors, logs::Logs, room::Room};
use kozmic_model::runner::RunnerFacts;
use kozmic_remote::{Connection, Installation, KnownRunner, Push, Registry, RunnerHello, RunnerToken};
use kozmic_runner::{
    coordinator::{Coordinator, State},
    ledger::Ledger,
};
use std::{
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::sync::{broadcast, watch};

/// The registry of one runner.
pub(crate) struct Known {
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) logs: Logs,
    pub(crate) mirrors: Mirrors,
    pub(crate) lease: Duration,
    room: Room,
    /// The fingerprint of the runner's token; none after it was removed.
    token: Mutex<Option<String>>,
    pushes: broadcast::Sender<Option<Push>>,
    /// The process that is connected already, if there is one.
    pub(crate) other: Mutex<Option<String>>,
    /// The last reported state, and the number of reports.
    pub(crate) reported: watch::Sender<(Option<State>, usize)>,
    /// The last reported facts after the first ones.
    pub(crate) facts: watch::Sender<Option<RunnerFacts>>,
    /// The number of open connections.
    pub(crate) connected: watch::Sender<usize>,
}

impl Known {
    pub(crate) fn new(dir: &Path, token: &RunnerToken, lease: Duration) -> Self {
        Self {
            ledger: Arc::default(),
            logs: Logs::open(dir.join("logs")).unwrap(),
            mirrors: Mirrors::open(dir.join("mirrors")).unwrap(),
            lease,
            room: Room::new(vec![dir.to_owned()], Some(0)),
            token: Mutex::new(Some(token.fingerprint())),
            pushes: broadcast::Sender::new(16),
            other: Mutex::default(),
            reported: watch::Sender::new((None, 0)),
            facts: watch::Sender::new(None),
            connected: watch::Sender::new(0),
        }
    }

    /// Sends a message to the connected runner.
    pub(crate) fn push(&self, push: Push) {
        self.pushes.send(Some(push)).unwrap();
    }

    /// Removes the runner.
    pub(crate) fn remove(&self) {
        *self.token.lock().unwrap() = None;
        // If it is not connected, nobody hears it.
        let _ = self.pushes.send(None);
    }

    /// Waits until the number of connections is this.
    pub(crate) async fn has_connections(&self, count: usize) {
        let mut connected = self.connected.subscribe();
        let wait = connected.wait_for(|connected| *connected == count);
        tokio::time::timeout(Duration::from_secs(60), wait).await.unwrap().unwrap();
    }
}

/// The registry as a router gets it.
pub(crate) struct Shared(pub(crate) Arc<Known>);

#[async_trait]
impl Registry for Shared {
    async fn authenticate(&self, token: &RunnerToken) -> Result<Option<KnownRunner>> {
        let is_known = self.0.token.lock().unwrap().as_ref() == Some(&token.fingerprint());
        Ok(is_known.then(|| KnownRunner { name: token.name().to_owned(), title: "big".to_owned() }))
    }

    fn coordinator(&self, _runner: &KnownRunner) -> Arc<dyn Coordinator> {
        self.0.ledger.clone()
    }

    async fn connect(
        &self,
        _runner: &KnownRunner,
        hello: RunnerHello,
    ) -> Result<Option<Box<dyn Connection>>> {
        if self.0.other.lock().unwrap().as_ref().is_some_and(|other| *other != hello.process) {
            return Ok(None);
        }
        self.0.reported.send_modify(|(state, _)| *state = Some(hello.state));
        self.0.connected.send_modify(|count| *count += 1);
        Ok(Some(Box::new(Connected { known: Arc::clone(&self.0), pushes: self.0.pushes.subscribe() })))
    }

    fn installation(&self) -> Installation {
        Installation { id: "0123456789ab".to_owned(), lease: self.0.lease }
    }

    fn logs(&self) -> &Logs {
        &self.0.logs
    }

    fn mirrors(&self) -> &Mirrors {
        &self.0.mirrors
    }

    fn room(&self) -> &Room {
        &self.0.room
    }
}

struct Connected {
    known: Arc<Known>,
    pushes: broadcast::Receiver<Option<Push>>,
}

#[async_trait]
impl Connection for Connected {
    async fn next(&mut self) -> Option<Push> {
        tokio::select! {
            push = self.pushes.recv() => push.unwrap(),
            () = wakes(&self.known.ledger) => Some(Push::Wake),
        }
    }

    fn report(&mut self, state: State) {
        self.known.reported.send_modify(|(known, count)| (*known, *count) = (Some(state), *count + 1));
    }

    fn note_facts(&mut self, facts: RunnerFacts) {
        self.known.facts.send_replace(Some(facts));
    }
}

/// Waits for a job. The ledger's own wait ends at once as long as a job waits.
async fn wakes(ledger: &Ledger) {
    tokio::time::sleep(Duration::from_millis(5)).await;
    ledger.woken().await;
}

impl Drop for Connected {
    fn drop(&mut self) {
        self.known.connected.send_modify(|count| *count -= 1);
    }
}
