//! The machine of the server's own runner: the facts about it.

use crate::Flow;
use kozmic_model::runner::RunnerFacts;
use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};
use tokio::time::timeout;

/// Time for which facts count. An engine may be upgraded while the server runs.
const FRESH: Duration = Duration::from_secs(60);

/// Longest wait for the engine's version.
const PATIENCE: Duration = Duration::from_secs(2);

/// The facts about the machine, as of the last look; none before the first.
#[derive(Default)]
pub(super) struct Machine(Mutex<Option<(Instant, RunnerFacts)>>);

impl Machine {
    /// The facts of the last look.
    pub(super) fn known(&self) -> Option<RunnerFacts> {
        self.known_since().map(|(_, facts)| facts)
    }

    /// Looks again if the last look was long ago. Facts about an engine that does not answer stay.
    pub(super) async fn look(&self, flow: &Flow) {
        let known = self.known_since();
        if known.as_ref().is_some_and(|(at, _)| at.elapsed() < FRESH) {
            return;
        }
        let before = known.and_then(|(_, facts)| facts.engine);
        let facts = facts(flow).await;
        let facts = RunnerFacts { engine: facts.engine.or(before), ..facts };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), facts));
    }

    fn known_since(&self) -> Option<(Instant, RunnerFacts)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The facts now. If the engine does not answer, its version is missing.
async fn facts(flow: &Flow) -> RunnerFacts {
    let engine = timeout(PATIENCE, flow.edges.engine.version()).await;
    RunnerFacts {
        architecture: Some(std::env::consts::ARCH.to_owned()),
        engine: engine.ok().and_then(Result::ok),
        version: Some(env!("CARGO_PKG_VERSION").to_owned()),
        ..RunnerFacts::default()
    }
}
