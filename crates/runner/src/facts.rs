//! The facts about a runner's machine.

use kozmic_edges::{engine::Engine, room::Room};
use kozmic_model::runner::RunnerFacts;
use std::time::Duration;
use tokio::time::timeout;

/// Longest wait for the engine's version.
const PATIENCE: Duration = Duration::from_secs(2);

/// The bytes to which free room is rounded: smaller changes tell nobody anything.
const STEP: u64 = 100_000_000;

/// The facts now. The architecture is the engine's, because the engine may be on another machine than the runner. If
/// the engine does not answer, its version and architecture are those of before.
pub async fn facts(engine: &dyn Engine, room: &Room, before: RunnerFacts) -> RunnerFacts {
    let (architecture, engine) = match timeout(PATIENCE, engine.version()).await {
        Ok(Ok(version)) => (version.architecture, Some(version.number)),
        Ok(Err(_)) | Err(_) => (before.architecture, before.engine),
    };
    let disk = room.disk().ok();
    RunnerFacts {
        architecture,
        engine,
        version: Some(env!("CARGO_PKG_VERSION").to_owned()),
        disk_free: disk.map(|(free, _)| free / STEP * STEP),
        disk_total: disk.map(|(_, total)| total),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kozmic_scripted::{ARCHITECTURE, ScriptedEngine};

    #[tokio::test]
    async fn the_architecture_is_the_engines_own_and_stays_known_while_the_engine_is_away() {
        let (engine, room) = (ScriptedEngine::default(), Room::new(Vec::new(), None));
        engine.go_away();
        let unknown = facts(&engine, &room, RunnerFacts::default()).await;
        assert_eq!((unknown.architecture, unknown.engine), (None, None));
        engine.come_back();
        let known = facts(&engine, &room, RunnerFacts::default()).await;
        assert_eq!(known.architecture.as_deref(), Some(ARCHITECTURE));
        engine.go_away();
        assert_eq!(facts(&engine, &room, known.clone()).await, known);
    }
}
