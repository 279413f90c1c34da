//! The attempts that this runner holds, each with the outcome by which it must stop, if there is one.

use kozmic_model::job::{Attempt, Outcome};
use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};
use tokio::sync::watch;

type Stop = watch::Sender<Option<Outcome>>;

/// The attempts of this runner.
pub(super) struct Attempts {
    known: Mutex<HashMap<Attempt, Stop>>,
    /// Changes with the list of attempts.
    changes: watch::Sender<()>,
}

impl Default for Attempts {
    fn default() -> Self {
        Self { known: Mutex::default(), changes: watch::Sender::new(()) }
    }
}

impl Attempts {
    /// Notes an attempt, so that the server tells when it must stop.
    pub(super) fn note(&self, attempt: Attempt) -> watch::Receiver<Option<Outcome>> {
        let (stop, is_new) = {
            let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            let count = known.len();
            (known.entry(attempt).or_default().subscribe(), known.len() > count)
        };
        if is_new {
            self.changes.send_replace(());
        }
        stop
    }

    pub(super) fn forget(&self, attempt: Attempt) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).remove(&attempt);
        self.changes.send_replace(());
    }

    /// Stops an attempt. The first outcome counts.
    pub(super) fn stop(&self, attempt: Attempt, outcome: Outcome) {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(stop) = known.get(&attempt) {
            stop.send_if_modified(|before| {
                let is_first = before.is_none();
                before.get_or_insert(outcome);
                is_first
            });
        }
    }

    /// Stops all attempts, because the server gives the runner no more of them.
    pub(super) fn stop_all(&self, outcome: &Outcome) {
        self.all().into_iter().for_each(|attempt| self.stop(attempt, outcome.clone()));
    }

    /// All attempts.
    pub(super) fn all(&self) -> Vec<Attempt> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).keys().copied().collect()
    }

    /// Tells when attempts come or go.
    pub(super) fn changes(&self) -> watch::Receiver<()> {
        self.changes.subscribe()
    }
}
