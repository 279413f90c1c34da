//! A job: one script of a build, in one container.

use crate::{
    ending::{Cause, Ending, killed_by},
    ids::{BuildId, JobId, ProjectId},
    phase::Phase,
    spec::JobSpec,
    spent::Span,
    status::Status,
    time::Timestamp,
};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// One script of a build and its state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Kozmic's own id, as in addresses.
    pub id: JobId,
    /// The build it belongs to.
    pub build: BuildId,
    /// The project it belongs to.
    pub project: ProjectId,
    /// The snapshot of everything that runs.
    pub spec: JobSpec,
    /// Its state.
    pub status: Status,
    /// Number of the current attempt, from 1; 0 before a runner took the job.
    pub attempt: i32,
    /// Number of interrupted attempts in a row up to now, since somebody started the job.
    pub interruptions: i32,
    /// The reason why it ended, as far as that is known.
    pub ending: Option<Ending>,
    /// The reason why it waits or ended badly, in a sentence.
    pub reason: Option<String>,
    /// The code that the script returned.
    pub return_code: Option<i64>,
    /// True if somebody asked to stop it.
    pub cancel_requested: bool,
    /// The cause of the cancellation, if no person canceled it.
    pub canceled_by: Option<CanceledBy>,
    /// The container of the running attempt, once there is one.
    pub container: Option<String>,
    /// The key of the image that its install script makes, while that script runs.
    pub cache_key: Option<String>,
    /// The phases of the current attempt.
    pub phases: Vec<Phase>,
    /// Time at which it was planned.
    pub created_at: Timestamp,
    /// Time since which the current attempt has waited for a runner, if that is known.
    pub queued_at: Option<Timestamp>,
    /// Time at which a runner took it.
    pub started_at: Option<Timestamp>,
    /// Time at which it ended.
    pub finished_at: Option<Timestamp>,
}

impl Job {
    /// The times of the current attempt.
    pub fn span(&self) -> Span {
        let Self { queued_at, started_at, finished_at, .. } = *self;
        Span { queued_at, started_at, finished_at }
    }

    /// The time at which the current attempt was requested, if that is known. A push requests it at `pushed_at`, the
    /// time at which Kozmic heard of the push; a restart requests it too; the later of the two counts. All hooks that
    /// hear of one push have the same time.
    pub fn asked_at(&self, pushed_at: Timestamp) -> Option<Timestamp> {
        match self.queued_at == Some(self.created_at) {
            true => Some(pushed_at),
            false => self.queued_at.map(|queued_at| queued_at.max(pushed_at)),
        }
    }

    /// The attempt that pages show: the next one while the job waits for a runner.
    pub fn shown_attempt(&self) -> Attempt {
        let ahead = i32::from(self.status.is_waiting());
        Attempt { job: self.id, number: self.attempt + ahead }
    }

    /// The outcome of an attempt that somebody asked to stop; none if nobody asked.
    pub fn cancellation(&self) -> Option<Outcome> {
        let reason = || self.reason.clone().unwrap_or_else(|| "Canceled.".to_owned());
        self.cancel_requested.then(|| Outcome::Canceled(reason()))
    }

    /// True if a script of the current attempt has begun, or may have.
    pub fn may_have_begun(&self) -> bool {
        self.container.is_some() || self.phases.iter().any(|phase| phase.kind.has_a_script())
    }

    /// The attempt for which a result is written.
    pub fn attempt(&self) -> Attempt {
        Attempt { job: self.id, number: self.attempt }
    }
}

/// The cause of a cancellation, if no person canceled the job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CanceledBy {
    /// A newer push to the job's ref.
    Push,
    /// The commit's author, who asked to skip the build.
    Author,
}

impl CanceledBy {
    /// The word in the database.
    pub fn word(self) -> &'static str {
        match self {
            Self::Push => "push",
            Self::Author => "author",
        }
    }

    /// The cause with that word.
    pub fn of_word(word: &str) -> Option<Self> {
        [Self::Push, Self::Author].into_iter().find(|by| by.word() == word)
    }
}

/// One execution of a job. Results are accepted from the current attempt only, and each attempt has its own log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Attempt {
    /// The job.
    pub job: JobId,
    /// Number of the attempt, from 1.
    pub number: i32,
}

/// An attempt that ended and was followed by another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PastAttempt {
    /// Number of the attempt, from 1.
    pub number: i32,
    /// The status at its end.
    pub status: Status,
    /// The reason why it ended, as far as that is known.
    pub ending: Option<Ending>,
    /// The reason why it ended badly, in a sentence.
    pub reason: Option<String>,
    /// The code that the script returned.
    pub return_code: Option<i64>,
    /// Its phases.
    pub phases: Vec<Phase>,
    /// Time since which it waited for a runner, if that is known.
    pub queued_at: Option<Timestamp>,
    /// Time at which a runner took it.
    pub started_at: Option<Timestamp>,
    /// Time at which it ended.
    pub finished_at: Option<Timestamp>,
}

/// The end of an attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The script ended by itself with this code; 0 is success.
    Returned(i64),
    /// The install script ended by itself with this code, which is not 0.
    NotInstalled(i64),
    /// A script failed, and the cause is known.
    Explained(Failure),
    /// The script printed nothing for the stall timeout.
    Stalled(Duration),
    /// The script ran longer than a job may.
    TimedOut(Duration),
    /// The script printed more bytes than a log may have.
    Flooded(u64),
    /// Somebody stopped it; the sentence names who did.
    Canceled(String),
    /// Kozmic could not run it; the sentence gives the reason.
    Broken(String),
    /// Its engine, its machine or Kozmic went away while it ran; the sentence names which.
    Interrupted(String),
}

/// The failure of a script whose cause is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The code that the script returned, which is not 0.
    pub code: i64,
    /// The cause.
    pub cause: Cause,
    /// True if the install script failed.
    pub of_install: bool,
}

impl Outcome {
    /// The job's final status.
    pub fn status(&self) -> Status {
        match self {
            Self::Returned(0) => Status::Success,
            Self::Returned(_)
            | Self::NotInstalled(_)
            | Self::Explained(_)
            | Self::Stalled(_)
            | Self::TimedOut(_)
            | Self::Flooded(_) => Status::Failure,
            Self::Canceled(_) => Status::Canceled,
            Self::Broken(_) | Self::Interrupted(_) => Status::Error,
        }
    }

    /// The reason why the attempt ended.
    pub fn ending(&self) -> Ending {
        match self {
            Self::Returned(_) => Ending::Returned,
            Self::NotInstalled(_) => Ending::NotInstalled,
            Self::Explained(Failure { cause: Cause::OutOfMemory, .. }) => Ending::OutOfMemory,
            Self::Explained(Failure { cause: Cause::DiskFull, .. }) => Ending::DiskFull,
            Self::Stalled(_) => Ending::Stalled,
            Self::TimedOut(_) => Ending::TimedOut,
            Self::Flooded(_) => Ending::Flooded,
            Self::Canceled(_) => Ending::Canceled,
            Self::Broken(_) => Ending::Broken,
            Self::Interrupted(_) => Ending::Interrupted,
        }
    }

    /// The code that the script returned, if it returned one.
    pub fn return_code(&self) -> Option<i64> {
        match self {
            Self::Returned(code) | Self::NotInstalled(code) | Self::Explained(Failure { code, .. }) => {
                Some(*code)
            }
            Self::Stalled(_)
            | Self::TimedOut(_)
            | Self::Flooded(_)
            | Self::Canceled(_)
            | Self::Broken(_)
            | Self::Interrupted(_) => None,
        }
    }

    /// The reason why the job ended badly, in a sentence; none on success.
    pub fn reason(&self) -> Option<String> {
        match self {
            Self::Returned(0) => None,
            Self::Returned(code) => Some(returned("script", *code, in_words(*code).as_deref())),
            Self::NotInstalled(code) => Some(returned("install script", *code, in_words(*code).as_deref())),
            Self::Explained(Failure { code, cause, of_install }) => {
                let script = if *of_install { "install script" } else { "script" };
                Some(returned(script, *code, Some(cause.words())))
            }
            Self::Stalled(limit) => Some(format!("Stopped: no output for {}.", crate::time::spoken(*limit))),
            Self::TimedOut(limit) => {
                Some(format!("Stopped: the job took longer than {}.", crate::time::spoken(*limit)))
            }
            Self::Flooded(limit) => Some(format!("Stopped: the log is longer than {} MiB.", limit >> 20)),
            Self::Canceled(why) | Self::Broken(why) | Self::Interrupted(why) => Some(why.clone()),
        }
    }
}

fn returned(script: &str, code: i64, why: Option<&str>) -> String {
    match why {
        Some(why) => format!("The {script} returned {code} ({why})."),
        None => format!("The {script} returned {code}."),
    }
}

/// The meaning of a code, if it is one that people often ask about.
fn in_words(code: i64) -> Option<String> {
    match code {
        126 => Some("the interpreter cannot be run".to_owned()),
        127 => Some("a command or the interpreter was not found".to_owned()),
        code => killed_by(code),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{phase::PhaseKind, samples};

    fn job(created_at: i64, queued_at: Option<i64>) -> Job {
        let (created_at, queued_at) = (Timestamp(created_at), queued_at.map(Timestamp));
        Job { created_at, queued_at, ..samples::job("Tests", Status::Enqueued) }
    }

    #[test]
    fn an_attempt_is_asked_for_by_its_push_or_by_a_later_restart() {
        let asked_at = |job: Job, pushed_at| job.asked_at(Timestamp(pushed_at)).map(|at| at.0);
        assert_eq!(asked_at(job(20, Some(20)), 10), Some(10), "the first attempt");
        assert_eq!(asked_at(job(20, Some(20)), 40), Some(40), "it waited, and is for a newer push now");
        assert_eq!(asked_at(job(20, Some(30)), 10), Some(30), "it was restarted");
        assert_eq!(asked_at(job(20, Some(30)), 40), Some(40), "it was restarted before the newer push");
        assert_eq!(asked_at(job(20, None), 10), None, "from before such times were noted");
    }

    #[test]
    fn a_script_may_have_begun_from_its_container_on() {
        let begun = |kind| {
            let phases = vec![Phase::begin(PhaseKind::Pull, Timestamp(1)), Phase::begin(kind, Timestamp(2))];
            Job { phases, ..job(1, None) }.may_have_begun()
        };
        assert!(!job(1, None).may_have_begun() && !begun(PhaseKind::Checkout));
        assert!([PhaseKind::Install, PhaseKind::Build, PhaseKind::Commit].into_iter().all(begun));
        assert!(Job { container: Some("c".into()), ..job(1, None) }.may_have_begun());
    }

    #[test]
    fn a_code_that_people_ask_about_is_told_in_words() {
        let said = |code| Outcome::Returned(code).reason().unwrap();
        assert_eq!(said(3), "The script returned 3.");
        assert_eq!(said(126), "The script returned 126 (the interpreter cannot be run).");
        assert_eq!(said(127), "The script returned 127 (a command or the interpreter was not found).");
        let named = [(130, "INT"), (134, "ABRT"), (137, "KILL"), (139, "SEGV"), (143, "TERM"), (159, "SYS")];
        for (code, name) in named {
            assert_eq!(said(code), format!("The script returned {code} (killed by SIG{name})."));
        }
        for code in [128, 160, 255] {
            assert_eq!(said(code), format!("The script returned {code}."), "there is no such signal");
        }
        let install = Outcome::NotInstalled(143).reason().unwrap();
        assert_eq!(install, "The install script returned 143 (killed by SIGTERM).");
    }

    #[test]
    fn a_failure_that_is_explained_keeps_its_code() {
        let failed = |cause, of_install| Outcome::Explained(Failure { code: 2, cause, of_install });
        let starved = failed(Cause::OutOfMemory, false);
        assert_eq!((starved.status(), starved.ending()), (Status::Failure, Ending::OutOfMemory));
        assert_eq!(starved.return_code(), Some(2));
        let why = "The script returned 2 (out of memory: one of its processes was killed).";
        assert_eq!(starved.reason().unwrap(), why);
        let full = failed(Cause::DiskFull, true);
        let why =
            "The install script returned 2 (disk full: its last lines say \"no space left on device\").";
        assert_eq!((full.ending(), full.reason().unwrap().as_str()), (Ending::DiskFull, why));
    }

    #[test]
    fn a_failed_script_is_an_outcome_and_our_failure_is_an_error() {
        assert_eq!(Outcome::Returned(0).status(), Status::Success);
        assert_eq!(Outcome::Returned(3).status(), Status::Failure);
        assert_eq!(Outcome::Stalled(Duration::from_secs(900)).status(), Status::Failure);
        assert_eq!(Outcome::Broken("no engine".into()).status(), Status::Error);
        assert_eq!(Outcome::Returned(0).reason(), None);
        let code = |outcome: &Outcome| outcome.return_code();
        assert_eq!([Outcome::Returned(3), Outcome::NotInstalled(4)].each_ref().map(code), [Some(3), Some(4)]);
        assert_eq!(Outcome::Canceled("By anna.".into()).return_code(), None);
        assert_eq!(
            Outcome::Stalled(Duration::from_secs(900)).reason().unwrap(),
            "Stopped: no output for 15 min 00 s."
        );
    }
}
