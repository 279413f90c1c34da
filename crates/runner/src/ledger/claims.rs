//! Claims of a ledger's jobs, and jobs that are given back.

use super::{Held, Notes};
use crate::order::Order;
use kozmic_model::{job::Attempt, runner::ClaimKey};

impl Notes {
    pub(super) fn claim(&mut self, key: &ClaimKey) -> Option<Order> {
        if let Some(attempt) = self.claims.get(key) {
            return self.held.get(&attempt.job).map(|held| held.order.clone());
        }
        let order = self.waiting.pop_front()?;
        self.claims.insert(key.clone(), order.attempt);
        let held = Held { order: order.clone(), container: None, cancellation: None };
        self.held.insert(order.attempt.job, held);
        Some(order)
    }

    pub(super) fn give_back(&mut self, attempt: Attempt) {
        let has_begun = |held: &Held| {
            held.container.is_some() || held.order.phases.iter().any(|phase| phase.kind.has_a_script())
        };
        if self.of(attempt).is_none_or(|held| has_begun(held)) {
            return;
        }
        let Some(Held { order, cancellation, .. }) = self.held.remove(&attempt.job) else { return };
        if let Some(canceled) = cancellation {
            return self.ended.push((attempt, canceled));
        }
        let next = Attempt { number: attempt.number + 1, ..attempt };
        self.waiting.push_front(Order { attempt: next, phases: Vec::new(), ..order });
        self.given_back.push(attempt);
    }

    /// The job of an attempt that holds it.
    pub(super) fn of(&mut self, attempt: Attempt) -> Option<&mut Held> {
        self.held.get_mut(&attempt.job).filter(|held| held.order.attempt == attempt)
    }
}
