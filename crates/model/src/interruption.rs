//! Interruptions: an attempt that ended because its engine, its machine or Kozmic went away is not the script's
//! failure. The job runs again automatically, unless this would do harm.

use crate::{
    job::{Job, Outcome, killed_by},
    spec::{JobSpec, Origin},
    status::Status,
};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// The most times that a job runs again automatically. A restart by hand begins the count again.
pub const MOST_AGAIN: i32 = 2;

/// The rule for a job that was interrupted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IfInterrupted {
    /// It runs again, from its start.
    #[default]
    Again,
    /// It ends as an error, because the job must not run twice, such as a deployment.
    Error,
}

impl IfInterrupted {
    /// Both rules, the default first.
    pub const ALL: [Self; 2] = [Self::Again, Self::Error];

    /// The word in the database, in forms, recipes and settings.
    pub fn word(self) -> &'static str {
        match self {
            Self::Again => "again",
            Self::Error => "error",
        }
    }
}

impl FromStr for IfInterrupted {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|choice| choice.word() == text);
        known.ok_or_else(|| "Choose what becomes of a job that is interrupted.".to_owned())
    }
}

/// The consequence of an attempt's end for its job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sequel {
    /// The job ends with it.
    End(Outcome),
    /// The job runs again by itself.
    Again(Outcome),
}

impl Sequel {
    /// The consequence of this outcome for a job: an interrupted job runs again, as far as it may. If somebody asked to
    /// stop the job, it stops.
    pub fn of(job: &Job, outcome: &Outcome) -> Self {
        let Job { spec, interruptions, .. } = job;
        Self::after(spec, *interruptions, job.cancellation(), outcome)
    }

    /// The consequence for a job of that spec. `interruptions` is the number of interrupted attempts before this one.
    /// `cancellation` is set if somebody asked to stop the job.
    pub fn after(
        spec: &JobSpec,
        interruptions: i32,
        cancellation: Option<Outcome>,
        outcome: &Outcome,
    ) -> Self {
        let Outcome::Interrupted(why) = outcome else { return Self::End(outcome.clone()) };
        if let Some(canceled) = cancellation {
            return Self::End(canceled);
        }
        let why_not = match spec.if_interrupted {
            IfInterrupted::Again if interruptions < MOST_AGAIN => return Self::Again(outcome.clone()),
            IfInterrupted::Again => "It does not run again by itself: it was interrupted three times.",
            IfInterrupted::Error => {
                &format!("It does not run again by itself, as its {} says.", written_in(&spec.origin))
            }
        };
        Self::End(Outcome::Interrupted(format!("{why} {why_not}")))
    }

    /// The outcome of the attempt.
    pub fn outcome(&self) -> &Outcome {
        let (Self::End(outcome) | Self::Again(outcome)) = self;
        outcome
    }

    /// The status of the job after it.
    pub fn status(&self) -> Status {
        match self {
            Self::End(outcome) => outcome.status(),
            Self::Again(_) => Status::Enqueued,
        }
    }

    /// The reason why the attempt ended badly, in a sentence, and the consequence.
    pub fn reason(&self, number: i32) -> Option<String> {
        match self {
            Self::End(outcome) => outcome.reason(),
            Self::Again(outcome) => {
                outcome.reason().map(|why| format!("{why} The job runs again, as attempt {}.", number + 1))
            }
        }
    }
}

/// The place in which people set the rule for interrupted jobs.
fn written_in(origin: &Origin) -> &'static str {
    match origin {
        Origin::Hook(_) => "hook",
        Origin::Recipe { .. } | Origin::Configuration => "recipe",
        Origin::Kernel(_) => "kernel rule",
    }
}

/// The reason why an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The script ended by itself.
    Returned,
    /// The install script ended by itself, and not well.
    NotInstalled,
    /// A script failed after a process in its container was killed for lack of memory.
    OutOfMemory,
    /// A script failed, and its last lines say that a disk is full.
    DiskFull,
    /// It printed nothing for too long.
    Stalled,
    /// It took too long.
    TimedOut,
    /// It printed too much.
    Flooded,
    /// Somebody, or a newer push, stopped it.
    Canceled,
    /// Kozmic could not run it.
    Broken,
    /// Its engine, its machine or Kozmic went away.
    Interrupted,
}

impl Ending {
    /// All endings.
    pub const ALL: [Self; 10] = [
        Self::Returned,
        Self::NotInstalled,
        Self::OutOfMemory,
        Self::DiskFull,
        Self::Stalled,
        Self::TimedOut,
        Self::Flooded,
        Self::Canceled,
        Self::Broken,
        Self::Interrupted,
    ];

    /// The word in the database and in JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::Returned => "returned",
            Self::NotInstalled => "not_installed",
            Self::OutOfMemory => "out_of_memory",
            Self::DiskFull => "disk_full",
            Self::Stalled => "stalled",
            Self::TimedOut => "timed_out",
            Self::Flooded => "flooded",
            Self::Canceled => "canceled",
            Self::Broken => "broken",
            Self::Interrupted => "interrupted",
        }
    }

    /// The reason in a few words, for the forge's short line; none for a code that stands for no signal.
    pub fn in_short(self, return_code: Option<i64>) -> Option<String> {
        let words = match self {
            Self::Returned | Self::NotInstalled => return return_code.and_then(killed_by),
            Self::OutOfMemory => "out of memory",
            Self::DiskFull => "disk full",
            Self::Stalled => "no output for too long",
            Self::TimedOut => "it took too long",
            Self::Flooded => "its log got too long",
            Self::Interrupted => "it was interrupted",
            Self::Canceled | Self::Broken => return None,
        };
        Some(words.to_owned())
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for Ending {
    type Err = NotAnEnding;
    fn from_str(text: &str) -> Result<Self, NotAnEnding> {
        Self::ALL.into_iter().find(|it| it.word() == text).ok_or_else(|| NotAnEnding(text.to_owned()))
    }
}

/// The text names no ending.
#[derive(Debug, thiserror::Error)]
#[error("\"{0}\" is not how an attempt ends")]
pub struct NotAnEnding(String);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{samples, spec::JobSpec};

    fn job(if_interrupted: IfInterrupted, interruptions: i32) -> Job {
        let job = samples::job("Tests", Status::Pending);
        let spec = JobSpec { if_interrupted, ..job.spec };
        Job { spec, attempt: interruptions + 1, interruptions, ..job }
    }

    fn interrupted() -> Outcome {
        Outcome::Interrupted("Interrupted.".into())
    }

    #[test]
    fn an_interrupted_job_runs_again_twice_and_is_an_error_after_that() {
        let status =
            |interruptions| Sequel::of(&job(IfInterrupted::Again, interruptions), &interrupted()).status();
        assert_eq!(
            [0, 1, 2, 3].map(status),
            [Status::Enqueued, Status::Enqueued, Status::Error, Status::Error]
        );
        let reason = Sequel::of(&job(IfInterrupted::Again, 0), &interrupted()).reason(1);
        assert_eq!(reason.unwrap(), "Interrupted. The job runs again, as attempt 2.");
    }

    #[test]
    fn what_must_not_be_done_twice_is_not() {
        let sequel = Sequel::of(&job(IfInterrupted::Error, 0), &interrupted());
        assert_eq!(sequel.status(), Status::Error);
        assert!(sequel.reason(1).unwrap().ends_with("as its hook says."));
    }

    #[test]
    fn who_wants_a_job_stopped_gets_that_though_it_was_interrupted() {
        let wanted =
            Job { cancel_requested: true, reason: Some("By anna.".into()), ..job(IfInterrupted::Again, 0) };
        assert_eq!(Sequel::of(&wanted, &interrupted()), Sequel::End(Outcome::Canceled("By anna.".into())));
    }

    #[test]
    fn only_an_interruption_makes_a_job_run_again() {
        for outcome in [Outcome::Returned(143), Outcome::Broken("No image.".into()), Outcome::Returned(0)] {
            assert_eq!(Sequel::of(&job(IfInterrupted::Again, 0), &outcome), Sequel::End(outcome));
        }
    }

    #[test]
    fn a_short_reason_is_the_real_one() {
        let short = |ending: Ending, code| ending.in_short(code).unwrap_or_default();
        assert_eq!(short(Ending::Returned, Some(3)), "");
        assert_eq!(short(Ending::NotInstalled, Some(139)), "killed by SIGSEGV");
        assert_eq!(short(Ending::OutOfMemory, Some(137)), "out of memory");
        assert_eq!(short(Ending::Canceled, None), "");
    }

    #[test]
    fn every_word_is_read_back() {
        assert!(Ending::ALL.into_iter().all(|ending| ending.word().parse::<Ending>().unwrap() == ending));
        assert!(IfInterrupted::ALL.into_iter().all(|choice| choice.word().parse() == Ok(choice)));
    }
}
