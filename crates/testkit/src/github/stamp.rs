//! The clock of the double, in the forms in which GitHub writes a time.

use std::time::{SystemTime, UNIX_EPOCH};

use chrono::{DateTime, SecondsFormat, Utc};

/// A time as `2026-11-21T10:00:00Z`.
pub(super) fn iso(time: SystemTime) -> String {
    DateTime::<Utc>::from(time).to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// Now, as `2026-11-21T10:00:00Z`.
pub(super) fn now() -> String {
    iso(SystemTime::now())
}

/// A time as seconds since 1970.
pub(super) fn unix(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
