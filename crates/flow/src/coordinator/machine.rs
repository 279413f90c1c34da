//! The machine of the server's own runner: the facts about it.

use crate::Flow;
use kozmic_model::runner::RunnerFacts;
use kozmic_runner::facts;
use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Time for which facts count. An engine may be upgraded while the server runs.
const FRESH: Duration = Duration::from_secs(60);

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
        let facts = facts(flow.edges.engine.as_ref(), &flow.edges.room).await;
        let facts = RunnerFacts { engine: facts.engine.or(before), ..facts };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), facts));
    }

    fn known_since(&self) -> Option<(Instant, RunnerFacts)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
