//! Everything outside that Kozmic uses, one folder for each part that can be replaced.
//!
//! No folder uses a sibling; only [`Edges`] names them all. `kozmic-flow` connects them.
// A future that changes the database holds those of the layers below it.
#![recursion_limit = "256"]

pub mod clock;
pub mod private_dir;
pub mod secret;
pub mod small_file;
pub mod tls_fault;
pub mod loopback;
pub mod room;
pub mod forge;
pub mod store;
pub mod broker;
pub mod logs;
pub mod git;
pub mod engine;
pub mod publisher;
pub mod notifier;

use kozmic_model::audit::Actor;
use std::sync::Arc;

/// All outside parts of one process, as configured at its start.
#[derive(Clone)]
pub struct Edges {
    /// The database, which has the state.
    pub store: store::Store,
    /// The bells that wake waiting tasks.
    pub broker: broker::Broker,
    /// The forge: pushes come from it, and statuses go to it.
    pub forge: Arc<dyn forge::Forge>,
    /// The engine that runs containers.
    pub engine: Arc<dyn engine::Engine>,
    /// The mirrors of repositories on this machine.
    pub mirrors: git::Mirrors,
    /// The logs of jobs.
    pub logs: logs::Logs,
    /// The destinations of artifacts.
    pub publishers: publisher::Publishers,
    /// The part of each disk that must stay free.
    pub room: room::Room,
    /// The ways in which people are told news.
    pub notifiers: notifier::Notifiers,
}

impl Edges {
    /// The lanes of the outbox: of the forge, of news, and of each notifier.
    pub fn lanes(&self) -> Vec<store::OutboxLane> {
        let of_notifiers = self.notifiers.names().into_iter().map(store::OutboxLane::Notifier);
        [store::OutboxLane::Forge, store::OutboxLane::News].into_iter().chain(of_notifiers).collect()
    }

    /// The same parts, for changes that somebody makes: the audit trail names the actor.
    #[must_use]
    pub fn acting(&self, actor: Actor) -> Self {
        Self { store: self.store.acting(actor), ..self.clone() }
    }
}
