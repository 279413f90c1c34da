//! Statuses of jobs and builds. A build's status follows from those of its jobs.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// The status of a job, or of a build as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It waits until somebody approves it, because it comes from a stranger.
    Held,
    /// It waits for a runner.
    Enqueued,
    /// A runner runs it.
    Pending,
    /// The script returned 0.
    Success,
    /// The script returned another code, or took too long.
    Failure,
    /// Kozmic could not run it.
    Error,
    /// A person or a newer push stopped it.
    Canceled,
}

impl Status {
    /// All statuses, in the order of a job's life.
    pub const ALL: [Self; 7] = [
        Self::Held,
        Self::Enqueued,
        Self::Pending,
        Self::Success,
        Self::Failure,
        Self::Error,
        Self::Canceled,
    ];

    /// True if the job or build has ended.
    pub fn is_finished(self) -> bool {
        !self.is_waiting() && self != Self::Pending
    }

    /// True if the next attempt has not begun.
    pub fn is_waiting(self) -> bool {
        matches!(self, Self::Held | Self::Enqueued)
    }

    /// The word in the database, in JSON and in style sheets.
    pub fn word(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Enqueued => "enqueued",
            Self::Pending => "pending",
            Self::Success => "success",
            Self::Failure => "failure",
            Self::Error => "error",
            Self::Canceled => "canceled",
        }
    }

    /// The word on pages.
    pub fn label(self) -> &'static str {
        match self {
            Self::Held => "Held",
            Self::Enqueued => "Waiting",
            Self::Pending => "Running",
            Self::Success => "Success",
            Self::Failure => "Failure",
            Self::Error => "Error",
            Self::Canceled => "Canceled",
        }
    }

    /// A build's status: failed as soon as one job failed, successful when all did, and running in between.
    pub fn of_build(jobs: &[Self]) -> Self {
        let any = |status| jobs.contains(&status);
        let all_finished = jobs.iter().all(|status| status.is_finished());
        match () {
            () if any(Self::Error) => Self::Error,
            () if any(Self::Failure) => Self::Failure,
            () if any(Self::Held) && !any(Self::Enqueued) && !any(Self::Pending) => Self::Held,
            () if !all_finished && jobs.iter().all(|status| status.is_waiting()) => Self::Enqueued,
            () if !all_finished => Self::Pending,
            () if any(Self::Canceled) => Self::Canceled,
            () => Self::Success,
        }
    }
}

/// The index of the first status that decides the status of all of them together.
pub fn decisive(statuses: &[Status]) -> Option<usize> {
    let all = Status::of_build(statuses);
    let decides = statuses.iter().position(|status| *status == all);
    // If some wait and the others have ended, the first that waits stands for all.
    decides.or_else(|| statuses.iter().position(|status| !status.is_finished()))
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for Status {
    type Err = NotAStatus;
    fn from_str(text: &str) -> Result<Self, NotAStatus> {
        Self::ALL.into_iter().find(|status| status.word() == text).ok_or_else(|| NotAStatus(text.to_owned()))
    }
}

/// The text names no status.
#[derive(Debug, thiserror::Error)]
#[error("\"{0}\" is not a status")]
pub struct NotAStatus(String);

#[cfg(test)]
mod tests {
    use super::{
        Status::{self, Canceled, Enqueued, Error, Failure, Held, Pending, Success},
        decisive,
    };

    #[test]
    fn a_builds_status_follows_from_its_jobs() {
        let table: &[(&[Status], Status)] = &[
            (&[Enqueued, Enqueued], Enqueued),
            (&[Enqueued, Pending], Pending),
            (&[Enqueued, Success], Pending),
            (&[Success, Success], Success),
            (&[Pending, Failure], Failure),
            (&[Failure, Error], Error),
            (&[Success, Canceled], Canceled),
            (&[Pending, Canceled], Pending),
            (&[Held, Held], Held),
            (&[Held, Enqueued], Enqueued),
            (&[Held, Pending], Pending),
            (&[Held, Success], Held),
            (&[Held, Failure], Failure),
        ];
        for (jobs, status) in table {
            assert_eq!(Status::of_build(jobs), *status, "{jobs:?}");
        }
    }

    #[test]
    fn the_worst_decides_and_whatever_waits_before_what_is_well() {
        assert_eq!(decisive(&[Success, Failure, Error]), Some(2));
        assert_eq!(decisive(&[Success, Failure, Failure]), Some(1));
        assert_eq!(decisive(&[Success, Enqueued]), Some(1));
        assert_eq!(decisive(&[Success, Success]), Some(0));
        assert_eq!(decisive(&[]), None);
    }

    #[test]
    fn every_word_is_read_back() {
        for status in Status::ALL {
            assert_eq!(status.word().parse::<Status>().unwrap(), status);
        }
    }
}
