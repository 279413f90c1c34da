//! The facts about a runner's machine.

use kozmic_edges::{engine::Engine, room::Room};
use kozmic_model::runner::RunnerFacts;
use std::time::Duration;
use tokio::time::timeout;

/// Longest wait for the engine's version.
const PATIENCE: Duration = Duration::from_secs(2);

/// The bytes to which free room is rounded: smaller changes tell nobody anything.
const STEP: u64 = 100_000_000;

/// The facts now. If the engine does not answer, its version is missing.
pub async fn facts(engine: &dyn Engine, room: &Room) -> RunnerFacts {
    let version = timeout(PATIENCE, engine.version()).await;
    let disk = room.disk().ok();
    RunnerFacts {
        architecture: Some(std::env::consts::ARCH.to_owned()),
        engine: version.ok().and_then(Result::ok),
        version: Some(env!("CARGO_PKG_VERSION").to_owned()),
        disk_free: disk.map(|(free, _)| free / STEP * STEP),
        disk_total: disk.map(|(_, total)| total),
    }
}
