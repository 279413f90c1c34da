//! Settings of how long old deliveries, logs and attempts are kept.

use super::{SettingsFault, source::Source};
use kozmic_flow::Retention;
use std::time::Duration;

const DAY: u64 = 86_400;

pub(super) fn retention(source: &Source) -> Result<Retention, SettingsFault> {
    Ok(Retention {
        failed_deliveries: source.required("failed_deliveries_kept_days", days)?,
        logs: source.required("logs_kept_days", days)?,
        attempts: source.required("attempts_kept_days", days)?,
    })
}

/// A number of days; none: for ever.
fn days(text: &str) -> Result<Option<Duration>, &'static str> {
    const RIGHT: &str = "a number of days from 1 to 36500, or none, which keeps for ever";
    if text == "none" {
        return Ok(None);
    }
    let days = text.parse::<u64>().ok().filter(|days| (1..=36_500).contains(days));
    days.map(|days| Some(Duration::from_secs(days * DAY))).ok_or(RIGHT)
}

/// A time in the words of `kozmic check`.
pub(crate) fn in_words(kept: Option<Duration>) -> String {
    match kept.map(|kept| kept.as_secs() / DAY) {
        None => "for ever".to_owned(),
        Some(1) => "1 day".to_owned(),
        Some(days) => format!("{days} days"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_read_and_said_alike() {
        for (text, words) in [("none", "for ever"), ("1", "1 day"), ("90", "90 days")] {
            assert_eq!(in_words(days(text).unwrap()), words);
        }
        assert!(["0", "", "36501", "a while", "-1"].iter().all(|wrong| days(wrong).is_err()));
    }
}
