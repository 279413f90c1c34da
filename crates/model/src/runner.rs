//! Runners as the rest of Kozmic sees them, and the reason why a job still waits.

use crate::time::{Timestamp, spoken};
use std::time::Duration;

/// A runner counts as gone after this time without a report.
pub const RUNNER_SILENCE: Duration = Duration::from_secs(30);

/// A runner, as of its last report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Runner {
    /// The runner's name: its installation's id.
    pub name: String,
    /// Number of jobs that it runs at once.
    pub slots: i32,
    /// Number of jobs that it runs now.
    pub busy: i32,
    /// The reason why it takes no jobs although it has free slots, in a sentence.
    pub trouble: Option<String>,
    /// Time of the report.
    pub seen_at: Timestamp,
}

/// The reason why a job still waits, in a sentence.
pub fn why_waiting(runners: &[Runner], now: Timestamp) -> String {
    let alive =
        runners.iter().filter(|runner| now.since(runner.seen_at) < RUNNER_SILENCE).collect::<Vec<_>>();
    if alive.is_empty() {
        return match runners.iter().map(|runner| runner.seen_at).max() {
            Some(last) => format!("Waits for a runner: none was heard of for {}.", spoken(now.since(last))),
            None => "Waits for a runner: none was started yet.".to_owned(),
        };
    }
    if alive.iter().all(|runner| runner.trouble.is_some()) {
        return alive.into_iter().find_map(|runner| runner.trouble.clone()).unwrap_or_default();
    }
    let (busy, slots) =
        alive.iter().fold((0, 0), |(busy, slots), runner| (busy + runner.busy, slots + runner.slots));
    match busy < slots {
        true => "Starts in a moment.".to_owned(),
        false => format!("Waits for a free runner: {busy} of {slots} jobs run now."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runner(busy: i32, trouble: Option<&str>, seen_at: i64) -> Runner {
        let trouble = trouble.map(str::to_owned);
        Runner { name: "here".into(), slots: 2, busy, trouble, seen_at: Timestamp(seen_at) }
    }

    #[test]
    fn a_waiting_job_can_say_why() {
        let now = Timestamp(100_000);
        assert_eq!(why_waiting(&[], now), "Waits for a runner: none was started yet.");
        assert_eq!(
            why_waiting(&[runner(0, None, 0)], now),
            "Waits for a runner: none was heard of for 1 min 40 s."
        );
        assert_eq!(
            why_waiting(&[runner(2, None, 99_000)], now),
            "Waits for a free runner: 2 of 2 jobs run now."
        );
        assert_eq!(why_waiting(&[runner(0, Some("No engine."), 99_000)], now), "No engine.");
        assert_eq!(
            why_waiting(&[runner(0, Some("No engine."), 99_000), runner(1, None, 99_000)], now),
            "Starts in a moment."
        );
    }
}
