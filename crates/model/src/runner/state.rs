//! The state of a runner in a word, for pages, commands and the API.

use super::Runner;
use crate::time::{Timestamp, spoken};
use std::{fmt, time::Duration};

/// The state of a runner at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunnerState {
    /// It was added, and never started. True if it is to take no jobs.
    NeverSeen(bool),
    /// Nothing was heard of it for this long. True if it is to take no more jobs.
    Silent(Duration, bool),
    /// It takes no more jobs, because people said so. It still has this number of jobs.
    Draining(i32),
    /// It takes no jobs, for the reason that it reports.
    Trouble,
    /// It runs a number of jobs, and has a number of slots.
    Busy(i32, i32),
    /// It runs no job.
    Ready,
}

impl RunnerState {
    /// All words, in the order in which they are tried.
    pub const WORDS: [&str; 6] = ["never_seen", "silent", "draining", "trouble", "busy", "ready"];

    /// The word in the API.
    pub fn word(self) -> &'static str {
        match self {
            Self::NeverSeen(_) => "never_seen",
            Self::Silent(..) => "silent",
            Self::Draining(_) => "draining",
            Self::Trouble => "trouble",
            Self::Busy(..) => "busy",
            Self::Ready => "ready",
        }
    }
}

/// The words for people. They contain nothing that the runner reported except numbers.
impl fmt::Display for RunnerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NeverSeen(is_draining) => write!(f, "never seen{}", draining(*is_draining)),
            Self::Silent(length, is_draining) => {
                write!(f, "silent for {}{}", spoken(*length), draining(*is_draining))
            }
            Self::Draining(0) => f.write_str("draining"),
            Self::Draining(busy) => write!(f, "draining, {busy} left"),
            Self::Trouble => f.write_str("in trouble"),
            Self::Busy(busy, slots) => write!(f, "busy {busy} of {slots}"),
            Self::Ready => f.write_str("ready"),
        }
    }
}

fn draining(is_draining: bool) -> &'static str {
    if is_draining { ", draining" } else { "" }
}

impl Runner {
    /// True if it was added, and never started.
    pub fn is_new(&self) -> bool {
        self.seen_at == Timestamp(0)
    }

    /// The state at a time.
    pub fn state(&self, now: Timestamp) -> RunnerState {
        match () {
            () if self.is_new() => RunnerState::NeverSeen(self.is_draining),
            () if self.is_silent(now) => RunnerState::Silent(now.since(self.seen_at), self.is_draining),
            () if self.is_draining => RunnerState::Draining(self.busy),
            () if self.trouble.is_some() => RunnerState::Trouble,
            () if self.busy > 0 => RunnerState::Busy(self.busy, self.slots),
            () => RunnerState::Ready,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_runner_says_its_state_in_words() {
        let now = Timestamp(100_000);
        let ready =
            Runner { slots: 4, seen_at: Timestamp(99_000), is_remote: true, ..Runner::new("0a1b2c3d4e5f") };
        let busy = Runner { busy: 2, ..ready.clone() };
        let trouble = Runner { trouble: Some("<b>No engine.".to_owned()), ..busy.clone() };
        let draining = Runner { is_draining: true, ..trouble.clone() };
        let silent = Runner { seen_at: Timestamp(38_000), ..draining.clone() };
        let new = Runner { seen_at: Timestamp(0), ..busy.clone() };
        let said = [&new, &silent, &draining, &trouble, &busy, &ready].map(|runner| runner.state(now));
        assert_eq!(said.map(RunnerState::word), RunnerState::WORDS);
        let words = [
            "never seen",
            "silent for 1 min 02 s, draining",
            "draining, 2 left",
            "in trouble",
            "busy 2 of 4",
            "ready",
        ];
        assert_eq!(said.map(|state| state.to_string()), words);
        let empty = Runner { is_draining: true, ..ready };
        assert_eq!(empty.state(now).to_string(), "draining");
    }
}
