//! Everything outside that Kozmic touches, one folder for each thing that can be swapped.
//!
//! No folder sees a sibling; only [`Edges`] names them all. What happens between them is decided in `kozmic-flow`.

pub mod clock;
pub mod private_dir;
pub mod secret;
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
pub mod legacy;

use std::sync::Arc;

/// All outside things of one process, as wired at its start.
#[derive(Clone)]
pub struct Edges {
    /// The database: what is true.
    pub store: store::Store,
    /// The bells that wake who waits.
    pub broker: broker::Broker,
    /// Where pushes come from and statuses go.
    pub forge: Arc<dyn forge::Forge>,
    /// Where containers run.
    pub engine: Arc<dyn engine::Engine>,
    /// The mirrors of repositories on this machine.
    pub mirrors: git::Mirrors,
    /// What jobs printed.
    pub logs: logs::Logs,
    /// Where artifacts go.
    pub publishers: publisher::Publishers,
    /// What is kept free of disks.
    pub room: room::Room,
    /// How people are told.
    pub notifier: notifier::Notifier,
}
