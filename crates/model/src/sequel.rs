//! The consequence of an attempt's end for its job: an interrupted job runs again automatically, unless this would do
//! harm.

use crate::{
    interruption::IfInterrupted,
    job::{Job, Outcome},
    spec::{JobSpec, Origin},
    status::Status,
};

/// The most times that a job runs again automatically. A restart by hand begins the count again.
pub const MOST_AGAIN: i32 = 2;

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;

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
}
