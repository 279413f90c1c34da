//! The orders of the attempts that runners hold, in memory. The coordinator is asked for an attempt that is not here,
//! such as after a restart of the server.

use super::KnownRunner;
use crate::protocol::MOST_HELD;
use anyhow::Result;
use kozmic_model::job::Attempt;
use kozmic_runner::{coordinator::Coordinator, order::Order};
use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError},
};

/// The orders of all runners.
#[derive(Default)]
pub(super) struct Holders(Mutex<HashMap<String, Arc<Held>>>);

/// The orders of one runner. An order stays until the attempt is cleared, so that its last reports can be repeated.
#[derive(Default)]
pub(super) struct Held(Mutex<BTreeMap<(i64, i32), Arc<Order>>>);

impl Holders {
    pub(super) fn of(&self, runner: &KnownRunner) -> Arc<Held> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(all.entry(runner.name.clone()).or_default())
    }
}

impl Held {
    /// The order of an attempt; none if the runner does not hold it.
    pub(super) async fn order(
        &self,
        coordinator: &dyn Coordinator,
        attempt: Attempt,
    ) -> Result<Option<Arc<Order>>> {
        if let Some(known) = self.known(attempt) {
            return Ok(Some(known));
        }
        self.renew(coordinator).await?;
        Ok(self.known(attempt))
    }

    /// Asks the coordinator for all attempts that the runner holds.
    pub(super) async fn renew(&self, coordinator: &dyn Coordinator) -> Result<Vec<Attempt>> {
        let mut held = coordinator.held().await?;
        held.truncate(MOST_HELD);
        let attempts = held.iter().map(|order| order.attempt).collect();
        held.into_iter().for_each(|order| drop(self.note(order)));
        Ok(attempts)
    }

    /// Notes an order.
    pub(super) fn note(&self, order: Order) -> Arc<Order> {
        let (order, mut known) = (Arc::new(order), self.0.lock().unwrap_or_else(PoisonError::into_inner));
        known.insert(key(order.attempt), Arc::clone(&order));
        // A runner that never says that an attempt is cleared takes no more room than this.
        while known.len() > 2 * MOST_HELD {
            known.pop_first();
        }
        order
    }

    pub(super) fn forget(&self, attempt: Attempt) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&key(attempt));
    }

    fn known(&self, attempt: Attempt) -> Option<Arc<Order>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&key(attempt)).cloned()
    }
}

fn key(attempt: Attempt) -> (i64, i32) {
    (attempt.job.0, attempt.number)
}
