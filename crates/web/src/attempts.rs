//! Finds the attempt of a job that an address means: the present one, or an earlier one that can still be read.

use crate::{app::Shared, error::WebError};
use kozmic_model::{
    ids::{JobId, ProjectId},
    job::{Job, PastAttempt},
    status::Status,
    user::User,
};
use serde::Deserialize;

/// The reason for an earlier attempt whose runner never reported how it ended.
const LOST: &str = "The runner was lost before it could say how the job ended.";

/// The attempt that an address names; none: the present one.
#[derive(Default, Deserialize)]
pub(crate) struct Wanted {
    /// The attempt's number, from 1.
    pub(crate) attempt: Option<i32>,
}

/// The reason for a job that a person canceled.
pub(crate) fn canceled_by(person: &User) -> String {
    format!("Canceled by {}.", person.profile.login)
}

/// A job of a project, in the attempt that is asked for.
pub(crate) async fn find(
    app: &Shared,
    project: ProjectId,
    job: JobId,
    wanted: &Wanted,
) -> Result<Job, WebError> {
    let job = app.edges.store.builds().job(project, job).await?.ok_or(WebError::NotFound)?;
    match wanted.attempt {
        None => Ok(job),
        Some(_) => {
            let past = app.edges.store.builds().past_attempts(job.id).await?;
            as_of(&job, &past, wanted).ok_or(WebError::NotFound)
        }
    }
}

/// The job in the attempt that is asked for; none if there was no such attempt.
pub(crate) fn as_of(job: &Job, past: &[PastAttempt], wanted: &Wanted) -> Option<Job> {
    let present = job.shown_attempt().number;
    let number = wanted.attempt.unwrap_or(present);
    if number == present {
        return Some(job.clone());
    }
    past.iter().find(|attempt| attempt.number == number).map(|attempt| then(job, attempt))
}

/// A job as an earlier attempt left it.
pub(crate) fn then(job: &Job, attempt: &PastAttempt) -> Job {
    let PastAttempt {
        number,
        status,
        ending,
        reason,
        return_code,
        phases,
        queued_at,
        started_at,
        finished_at,
    } = attempt.clone();
    let (status, reason) = match status.is_finished() {
        true => (status, reason),
        false => (Status::Error, Some(LOST.to_owned())),
    };
    Job {
        status,
        attempt: number,
        ending,
        reason,
        return_code,
        cancel_requested: false,
        canceled_by: None,
        container: None,
        cache_key: None,
        phases,
        queued_at,
        started_at,
        finished_at,
        ..job.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::samples;

    fn past(number: i32, status: Status) -> PastAttempt {
        PastAttempt {
            number,
            status,
            ending: None,
            reason: Some("It broke.".into()),
            return_code: Some(3),
            phases: Vec::new(),
            queued_at: None,
            started_at: None,
            finished_at: None,
        }
    }

    #[test]
    fn each_attempt_is_shown_as_it_was() {
        let job = Job { attempt: 1, ..samples::job(Status::Enqueued) };
        let past = [past(1, Status::Failure)];
        let shown = |attempt| as_of(&job, &past, &Wanted { attempt });
        assert_eq!(shown(None).unwrap().shown_attempt().number, 2);
        assert_eq!(shown(Some(2)).unwrap().status, Status::Enqueued);
        let first = shown(Some(1)).unwrap();
        assert_eq!((first.shown_attempt().number, first.status), (1, Status::Failure));
        assert_eq!((first.return_code, first.reason.as_deref()), (Some(3), Some("It broke.")));
        assert!(shown(Some(3)).is_none() && shown(Some(0)).is_none());
    }

    #[test]
    fn an_attempt_whose_runner_was_lost_has_ended() {
        let lost = then(&samples::job(Status::Pending), &past(1, Status::Pending));
        assert_eq!((lost.status, lost.reason.as_deref()), (Status::Error, Some(LOST)));
    }
}
