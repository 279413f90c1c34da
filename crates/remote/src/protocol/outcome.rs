//! The end of an attempt.

use super::text::{SENTENCE, cut};
use kozmic_model::{
    ending::Cause,
    job::{Failure, Outcome},
};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The outcome of an attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "end", rename_all = "snake_case")]
pub(crate) enum End {
    Returned { code: i64 },
    NotInstalled { code: i64 },
    Explained { code: i64, cause: Cause, of_install: bool },
    Stalled { ms: u64 },
    TimedOut { ms: u64 },
    Flooded { bytes: u64 },
    Canceled { reason: String },
    Broken { reason: String },
    Interrupted { reason: String },
}

impl From<&Outcome> for End {
    fn from(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Returned(code) => Self::Returned { code: *code },
            Outcome::NotInstalled(code) => Self::NotInstalled { code: *code },
            Outcome::Explained(Failure { code, cause, of_install }) => {
                Self::Explained { code: *code, cause: *cause, of_install: *of_install }
            }
            Outcome::Stalled(time) => Self::Stalled { ms: millis(*time) },
            Outcome::TimedOut(time) => Self::TimedOut { ms: millis(*time) },
            Outcome::Flooded(bytes) => Self::Flooded { bytes: *bytes },
            Outcome::Canceled(reason) => Self::Canceled { reason: reason.clone() },
            Outcome::Broken(reason) => Self::Broken { reason: reason.clone() },
            Outcome::Interrupted(reason) => Self::Interrupted { reason: reason.clone() },
        }
    }
}

impl From<End> for Outcome {
    fn from(end: End) -> Self {
        let sentence = |reason| cut(reason, SENTENCE);
        match end {
            End::Returned { code } => Self::Returned(code),
            End::NotInstalled { code } => Self::NotInstalled(code),
            End::Explained { code, cause, of_install } => {
                Self::Explained(Failure { code, cause, of_install })
            }
            End::Stalled { ms } => Self::Stalled(Duration::from_millis(ms)),
            End::TimedOut { ms } => Self::TimedOut(Duration::from_millis(ms)),
            End::Flooded { bytes } => Self::Flooded(bytes),
            End::Canceled { reason } => Self::Canceled(sentence(reason)),
            End::Broken { reason } => Self::Broken(sentence(reason)),
            End::Interrupted { reason } => Self::Interrupted(sentence(reason)),
        }
    }
}

/// A time in milliseconds; the largest number for longer times.
pub(crate) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_outcome_is_read_back() {
        let failure = Failure { code: 7, cause: Cause::OutOfMemory, of_install: true };
        for outcome in [
            Outcome::Returned(0),
            Outcome::NotInstalled(-1),
            Outcome::Explained(failure),
            Outcome::Stalled(Duration::from_millis(1_500)),
            Outcome::TimedOut(Duration::from_secs(3_600)),
            Outcome::Flooded(u64::MAX),
            Outcome::Canceled("By anna.".to_owned()),
            Outcome::Broken("No.".to_owned()),
            Outcome::Interrupted("Away.".to_owned()),
        ] {
            let text = serde_json::to_string(&End::from(&outcome)).unwrap();
            assert_eq!(Outcome::from(serde_json::from_str::<End>(&text).unwrap()), outcome, "{text}");
        }
    }
}
