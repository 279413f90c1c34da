//! The time, read in one place. The model gets it as an argument.

use kozmic_model::time::Timestamp;
use std::time::{SystemTime, UNIX_EPOCH};

/// The current time.
pub fn now() -> Timestamp {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX))
}
