//! Everything outside that Kozmic touches, one folder for each thing that can be swapped.
//!
//! No folder sees a sibling; only [`Edges`] names them all. `kozmic-flow` decides what happens between them.

pub mod clock;
pub mod private_dir;
pub mod secret;
pub mod small_file;
pub mod tls_fault;
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

/// All outside things of one process, as wired at its start.
#[derive(Clone)]
pub struct Edges {
    /// The database: what is true.
    pub store: store::Store,
    /// The bells that wake who waits.
    pub broker: broker::Broker,
    /// The source of pushes, to which statuses go.
    pub forge: Arc<dyn forge::Forge>,
    /// The engine that containers run on.
    pub engine: Arc<dyn engine::Engine>,
    /// The mirrors of repositories on this machine.
    pub mirrors: git::Mirrors,
    /// The logs of jobs.
    pub logs: logs::Logs,
    /// The places that artifacts go to.
    pub publishers: publisher::Publishers,
    /// The part of each disk that is kept free.
    pub room: room::Room,
    /// The way in which people are told.
    pub notifier: notifier::Notifier,
}

impl Edges {
    /// The same things, for changes that somebody makes: the audit trail names them.
    #[must_use]
    pub fn acting(&self, actor: Actor) -> Self {
        Self { store: self.store.acting(actor), ..self.clone() }
    }
}
