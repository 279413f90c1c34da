//! A delivery that was sent, with its answer.

use std::time::{Duration, Instant, SystemTime};

use serde_json::Value;

use super::World;

/// A delivery that was sent.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// GitHub's number for it: another one when it is sent again.
    pub id: u64,
    /// The value of `X-GitHub-Delivery`: the same when it is sent again, and for all webhooks of one event.
    pub uuid: String,
    /// The webhook that it was for.
    pub hook_id: u64,
    /// Full name of the repository.
    pub repository: String,
    /// The value of `X-GitHub-Event`.
    pub event: String,
    /// The exact body that was signed and sent.
    pub body: Vec<u8>,
    /// True if it was sent before.
    pub redelivery: bool,
    /// Time when it was sent.
    pub at: Instant,
    /// The same by the clock on the wall.
    pub time: SystemTime,
    /// Time until the whole answer was there.
    pub took: Duration,
    /// The answer: status and body, or why there is none.
    pub answer: Result<(u16, String), String>,
}

impl Delivery {
    /// The status of the answer, if there was one.
    pub fn status(&self) -> Option<u16> {
        self.answer.as_ref().ok().map(|(status, _)| *status)
    }

    /// True if it was answered with 2xx.
    pub fn arrived(&self) -> bool {
        self.status().is_some_and(|status| (200..300).contains(&status))
    }

    /// The body as JSON.
    pub fn payload(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

impl World {
    /// Notes a delivery, and its answer at its webhook.
    pub(in crate::github) fn note_delivery(&mut self, delivery: &Delivery) {
        self.deliveries.push(delivery.clone());
        let Some(repository) = self.repository_mut(&delivery.repository) else { return };
        let Some(hook) = repository.hooks.iter_mut().find(|hook| hook.id == delivery.hook_id) else { return };
        let message = if delivery.arrived() { "OK" } else { "Invalid HTTP Response" };
        hook.last_response = (delivery.status(), message.to_owned());
    }
}
