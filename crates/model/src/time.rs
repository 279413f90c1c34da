//! Points in time, and durations as people read them.

use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Milliseconds since 1970-01-01 00:00 UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// The time that passed since `earlier`; zero if `earlier` is later, as it may be after a clock was set.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0).max(0).unsigned_abs())
    }

    /// The point `length` later.
    pub fn after(self, length: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(length.as_millis()).unwrap_or(i64::MAX)))
    }

    /// The point `length` earlier.
    pub fn before(self, length: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(length.as_millis()).unwrap_or(i64::MAX)))
    }
}

/// A duration as a person says it: `61 ms`, `4.2 s`, `2 min 05 s`, `1 h 03 min`.
pub fn spoken(length: Duration) -> String {
    let (ms, s) = (length.as_millis(), length.as_secs());
    match s {
        _ if ms < 1_000 => format!("{ms} ms"),
        0..10 => format!("{}.{} s", s, (ms % 1_000) / 100),
        10..60 => format!("{s} s"),
        60..3_600 => format!("{} min {:02} s", s / 60, s % 60),
        _ => format!("{} h {:02} min", s / 3_600, (s % 3_600) / 60),
    }
}

/// A duration as on a watch: `0:07`, `12:40`, `1:02:03`.
pub fn clock(length: Duration) -> String {
    let s = length.as_secs();
    match s {
        0..3_600 => format!("{}:{:02}", s / 60, s % 60),
        _ => format!("{}:{:02}:{:02}", s / 3_600, (s % 3_600) / 60, s % 60),
    }
}

/// An age in one short word, as in a list: `now`, `5 min`, `2 h`, `16 d`.
pub fn age(length: Duration) -> String {
    match length.as_secs() {
        0..60 => "now".to_owned(),
        s @ 60..3_600 => format!("{} min", s / 60),
        s @ 3_600..86_400 => format!("{} h", s / 3_600),
        s => format!("{} d", s / 86_400),
    }
}

/// The time of day in UTC, rounded up to the minute: `14:05 UTC`.
pub fn time_of_day(at: Timestamp) -> String {
    let minutes = at.0.saturating_add(59_999).div_euclid(60_000).rem_euclid(24 * 60);
    format!("{:02}:{:02} UTC", minutes / 60, minutes % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_said_as_people_say_them() {
        let said = |ms| spoken(Duration::from_millis(ms));
        assert_eq!(said(61), "61 ms");
        assert_eq!(said(999), "999 ms");
        assert_eq!(said(1_000), "1.0 s");
        assert_eq!(said(4_250), "4.2 s");
        assert_eq!(said(59_999), "59 s");
        assert_eq!(said(125_000), "2 min 05 s");
        assert_eq!(said(3_780_000), "1 h 03 min");
        assert_eq!(clock(Duration::from_secs(7)), "0:07");
        assert_eq!(clock(Duration::from_secs(3_599)), "59:59");
        assert_eq!(clock(Duration::from_secs(3_723)), "1:02:03");
        assert_eq!(age(Duration::from_secs(59)), "now");
        assert_eq!(age(Duration::from_secs(86_400 * 16)), "16 d");
    }

    #[test]
    fn a_time_of_day_is_never_told_too_early() {
        let told = |ms| time_of_day(Timestamp(ms));
        assert_eq!(told(0), "00:00 UTC");
        assert_eq!(told(1), "00:01 UTC");
        assert_eq!(told(1_796_000_700_000), "01:05 UTC");
        assert_eq!(told(86_400_000 - 1), "00:00 UTC");
        assert_eq!(told(i64::MAX).len(), 9);
    }

    #[test]
    fn a_clock_that_was_set_back_makes_no_negative_length() {
        assert_eq!(Timestamp(5).since(Timestamp(9)), Duration::ZERO);
    }
}
