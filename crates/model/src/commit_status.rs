//! Commit statuses: the state and the line that the forge shows beside a commit.

use crate::{
    git::Sha,
    ids::{BuildId, ProjectId},
    job::{CanceledBy, Job},
    status::Status,
};
use serde::{Deserialize, Serialize};

/// The name under which a forge lists Kozmic's statuses of a commit.
pub const CONTEXT: &str = "Kozmic-CI";

/// The longest description that GitHub takes, in characters.
const DESCRIPTION_LIMIT: usize = 140;

/// A status that the forge must show beside a commit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommitStatus {
    /// The project whose repository has the commit.
    pub project: ProjectId,
    /// The build that the status describes.
    pub build: BuildId,
    /// The commit.
    pub sha: Sha,
    /// The name under which the forge lists the status: statuses about the same thing have the same name.
    pub context: String,
    /// The state.
    pub state: CommitState,
    /// One line.
    pub description: String,
    /// The address that a click leads to: the build's page, or a job's log.
    pub target_url: String,
}

/// The four states that a forge knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CommitState {
    /// The job or build waits or runs.
    Pending,
    /// It ended well.
    Success,
    /// The code has a fault.
    Failure,
    /// Kozmic has a fault, or somebody stopped the job or build.
    Error,
}

impl CommitState {
    /// The state of an Auto Builder job: every end but success is an error.
    pub fn of_job(status: Status) -> Self {
        match status {
            Status::Held | Status::Enqueued | Status::Pending => Self::Pending,
            Status::Success => Self::Success,
            Status::Failure | Status::Error | Status::Canceled => Self::Error,
        }
    }
}

impl From<Status> for CommitState {
    fn from(status: Status) -> Self {
        match status {
            Status::Held | Status::Enqueued | Status::Pending => Self::Pending,
            Status::Success => Self::Success,
            Status::Failure => Self::Failure,
            Status::Error | Status::Canceled => Self::Error,
        }
    }
}

/// The state and the line of a canceled build. The forge has no state for a build that did not run. If a newer push
/// replaced the commit, or its author asked to skip the build, the author did not fail: the state stays pending. If a
/// person stopped the build, or the project was removed, the state is an error: somebody may still wait for it.
pub fn canceled(number: i64, by: Option<CanceledBy>) -> (CommitState, String) {
    match by {
        Some(CanceledBy::Push) => {
            (CommitState::Pending, format!("Kozmic build #{number} was not run: a newer push came"))
        }
        Some(CanceledBy::Author) => {
            (CommitState::Pending, format!("Kozmic build #{number} is skipped, as its author asks"))
        }
        None => (Status::Canceled.into(), description(number, Status::Canceled, None)),
    }
}

/// The job that decided a build's bad end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Culprit {
    /// Its title.
    pub title: String,
    /// The reason in a few words, if more is known than the failure itself.
    pub why: Option<String>,
}

impl Culprit {
    /// A job that ended badly.
    pub fn of(job: &Job) -> Self {
        let why = job.ending.and_then(|ending| ending.in_short(job.return_code));
        Self { title: job.spec.title.clone(), why }
    }
}

/// The line beside the commit.
pub fn description(number: i64, status: Status, culprit: Option<&Culprit>) -> String {
    let because = |what: &str| match culprit {
        Some(Culprit { title, why }) => {
            let why = why.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
            (
                format!("Kozmic build #{number} {what} because of the \""),
                title.as_str(),
                format!("\" job{why}"),
            )
        }
        None => (format!("Kozmic build #{number} {what}"), "", String::new()),
    };
    let plain = |what: &str| (format!("Kozmic build #{number} {what}"), "", String::new());
    let (head, title, tail) = match status {
        Status::Held => plain("waits: a manager has to approve it"),
        Status::Enqueued | Status::Pending => plain("is pending"),
        Status::Success => plain("has passed"),
        Status::Failure => because("has failed"),
        // An error is Kozmic's fault, so the author is not told of a failure.
        Status::Error => because("could not be run to its end"),
        Status::Canceled => plain("was canceled"),
    };
    let room = DESCRIPTION_LIMIT - head.chars().count() - tail.chars().count();
    format!("{head}{}{tail}", shortened(title, room))
}

/// The line beside the commit for a single job; `reason` is the reason of a bad end.
pub fn job_description(status: Status, reason: Option<&str>) -> String {
    let line = match (status, reason) {
        (Status::Held, _) => "Waiting to be approved".to_owned(),
        (Status::Enqueued, _) => "Waiting to be built".to_owned(),
        (Status::Pending, _) => "Building".to_owned(),
        (Status::Success, _) => "Build succeeded".to_owned(),
        (Status::Failure | Status::Error, None) => "Build failed".to_owned(),
        (Status::Canceled, None) => "Build canceled".to_owned(),
        (Status::Failure | Status::Error | Status::Canceled, Some(reason)) => reason.replace('\n', " "),
    };
    shortened(&line, DESCRIPTION_LIMIT)
}

fn shortened(text: &str, room: usize) -> String {
    match text.chars().count() <= room {
        true => text.to_owned(),
        false => text.chars().take(room.saturating_sub(1)).chain(['…']).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{interruption::Ending, samples};

    fn culprit(title: &str) -> Culprit {
        Culprit { title: title.to_owned(), why: None }
    }

    #[test]
    fn the_real_reason_stands_behind_the_job() {
        let job = |ending, return_code| {
            let job = samples::job("Tests", Status::Failure);
            Culprit::of(&Job { ending: Some(ending), return_code, ..job })
        };
        let line = |culprit: &Culprit| description(7, Status::Failure, Some(culprit));
        let plain = "Kozmic build #7 has failed because of the \"Tests\" job";
        assert_eq!(line(&job(Ending::Returned, Some(3))), plain);
        assert_eq!(line(&job(Ending::OutOfMemory, Some(2))), format!("{plain}: out of memory"));
        assert_eq!(line(&job(Ending::Returned, Some(139))), format!("{plain}: killed by SIGSEGV"));
        let long = Culprit { title: "ä".repeat(200), ..job(Ending::DiskFull, Some(1)) };
        assert_eq!(line(&long).chars().count(), 140);
        assert!(line(&long).ends_with("…\" job: disk full"));
    }

    #[test]
    fn the_line_says_what_happened() {
        assert_eq!(description(7, Status::Enqueued, None), "Kozmic build #7 is pending");
        let held = description(7, Status::Held, None);
        assert_eq!(held, "Kozmic build #7 waits: a manager has to approve it");
        assert_eq!(description(7, Status::Success, None), "Kozmic build #7 has passed");
        let failed = description(7, Status::Failure, Some(&culprit("Tests")));
        assert_eq!(failed, "Kozmic build #7 has failed because of the \"Tests\" job");
        let broken = description(7, Status::Error, Some(&culprit("Tests")));
        assert_eq!(broken, "Kozmic build #7 could not be run to its end because of the \"Tests\" job");
    }

    #[test]
    fn what_was_not_run_for_a_newer_push_is_no_failure() {
        let states = [None, Some(CanceledBy::Push), Some(CanceledBy::Author)].map(|by| canceled(7, by).0);
        assert_eq!(states, [CommitState::Error, CommitState::Pending, CommitState::Pending]);
    }

    #[test]
    fn a_long_title_is_cut_to_what_github_takes() {
        let line = description(7, Status::Failure, Some(&culprit(&"ä".repeat(200))));
        assert_eq!(line.chars().count(), 140);
        assert!(line.ends_with("…\" job"));
    }
}
