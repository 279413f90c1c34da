//! The machine of the server's own runner: the facts about it.

use crate::Flow;
use kozmic_model::runner::RunnerFacts;
use kozmic_runner::facts;
use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// Time for which facts count. An engine may be upgraded while the server runs.
const FRESH: Duration = Duration::from_secs(60);

/// The facts about the machine, as of the last look; none before the first.
#[derive(Default)]
pub(super) struct Machine(Mutex<Option<Known>>);

struct Known {
    at: Instant,
    facts: RunnerFacts,
    /// True if the runner had trouble since then: its engine may be another one afterwards.
    is_doubtful: bool,
}

impl Machine {
    /// The facts of the last look.
    pub(super) fn known(&self) -> Option<RunnerFacts> {
        self.lock().as_ref().map(|known| known.facts.clone())
    }

    /// Looks again if the last look was long ago, or if a trouble of the runner is over.
    pub(super) async fn look(&self, flow: &Flow, has_trouble: bool) {
        if self.is_fresh(has_trouble) {
            return;
        }
        let before = self.known().unwrap_or_default();
        let facts = facts(flow.edges.engine.as_ref(), &flow.edges.room, before).await;
        *self.lock() = Some(Known { at: Instant::now(), facts, is_doubtful: has_trouble });
    }

    fn is_fresh(&self, has_trouble: bool) -> bool {
        let mut known = self.lock();
        let Some(known) = known.as_mut() else { return false };
        known.is_doubtful |= has_trouble;
        known.at.elapsed() < FRESH && (has_trouble || !known.is_doubtful)
    }

    fn lock(&self) -> MutexGuard<'_, Option<Known>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
