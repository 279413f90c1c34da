//! The result of the last try to write to the database.

use kozmic_model::time::Timestamp;
use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// Shortest time between two tries to write to the database, because anybody may ask.
const PULSE: Duration = Duration::from_secs(1);

/// The result of the last try to write to the database, and the time at which it began.
#[derive(Default)]
pub struct Pulse(Mutex<Option<(Timestamp, Option<String>)>>);

impl Pulse {
    /// The result of the last try, if it is recent. If there is none, the caller makes the next try.
    pub(crate) fn known(&self, now: Timestamp) -> Option<Option<String>> {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, trouble) = last.as_mut()?;
        if now.since(*at) < PULSE {
            return Some(trouble.clone());
        }
        *at = now;
        None
    }

    /// Notes the result of a try that began at this time.
    pub(crate) fn note(&self, now: Timestamp, trouble: Option<String>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((now, trouble));
    }
}
