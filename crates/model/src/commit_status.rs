//! Commit statuses: the state and the line that the forge shows beside a commit.
//!
//! The model gives each sentence and each name in full. A forge has a limit, and cuts them by [`Line::within`] and
//! [`context_within`].

use crate::{
    git::Sha,
    ids::{BuildId, ProjectId},
    job::{CanceledBy, Job},
    status::Status,
};
use sha2::{Digest, Sha256};
use std::fmt;

/// A status that the forge must show beside a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitStatus {
    /// The project whose repository has the commit.
    pub project: ProjectId,
    /// The build that the status describes.
    pub build: BuildId,
    /// The commit.
    pub sha: Sha,
    /// The name under which the forge lists it, in full: all statuses about the same thing share one.
    pub context: String,
    /// The state.
    pub state: CommitState,
    /// The sentence.
    pub description: Line,
    /// The address that a click leads to: the build's page, or a job's log.
    pub target_url: String,
}

/// The states that a commit may have at a forge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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

/// A sentence beside a commit. Its middle may be cut: a forge takes only so many characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    head: String,
    middle: String,
    tail: String,
}

impl Line {
    /// The sentence in at most so many characters. The middle is cut first. Then the whole is.
    pub fn within(&self, limit: usize) -> String {
        let around = self.head.chars().count() + self.tail.chars().count();
        let middle = shortened(&self.middle, limit.saturating_sub(around));
        shortened(&format!("{}{middle}{}", self.head, self.tail), limit)
    }
}

impl From<String> for Line {
    fn from(middle: String) -> Self {
        Self { head: String::new(), middle, tail: String::new() }
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}{}", self.head, self.middle, self.tail)
    }
}

/// A status's name in at most so many characters. A name that is cut ends in some digits of its hash: two names that
/// differ only in the part that is cut off stay different.
pub fn context_within(context: &str, limit: usize) -> String {
    if context.chars().count() <= limit {
        return context.to_owned();
    }
    let digits = hex::encode(&Sha256::digest(context)[..4]);
    let room = limit.saturating_sub(digits.len() + 1);
    context.chars().take(room).chain(['…']).chain(digits.chars()).collect()
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

/// The state and the line of a build that is canceled.
///
/// A forge has no state for a build that did not run. The state stays pending if a newer push came, or if the author
/// asked for no build: the author did nothing wrong. The state is an error if a person stopped the build, or if it
/// stopped with its project: somebody may still wait for it.
pub fn canceled(number: i64, by: Option<CanceledBy>) -> (CommitState, Line) {
    match by {
        Some(CanceledBy::Push) => {
            (CommitState::Pending, format!("Kozmic build #{number} was not run: a newer push came").into())
        }
        Some(CanceledBy::Author) => {
            (CommitState::Pending, format!("Kozmic build #{number} is skipped, as its author asks").into())
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

/// The line beside the commit. The title of the job is the part that may be cut.
pub fn description(number: i64, status: Status, culprit: Option<&Culprit>) -> Line {
    let plain = |what: &str| Line::from(format!("Kozmic build #{number} {what}"));
    let because = |what: &str| match culprit {
        Some(Culprit { title, why }) => {
            let why = why.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
            Line {
                head: format!("Kozmic build #{number} {what} because of the \""),
                middle: title.clone(),
                tail: format!("\" job{why}"),
            }
        }
        None => plain(what),
    };
    match status {
        Status::Held => plain("waits: a manager has to approve it"),
        Status::Enqueued | Status::Pending => plain("is pending"),
        Status::Success => plain("has passed"),
        Status::Failure => because("has failed"),
        // The author did not cause this end, so the line does not say "failed".
        Status::Error => because("could not be run to its end"),
        Status::Canceled => plain("was canceled"),
    }
}

/// The line beside the commit for a single job. `reason` says why the job ended badly.
pub fn job_description(status: Status, reason: Option<&str>) -> Line {
    let line = match (status, reason) {
        (Status::Held, _) => "Waiting to be approved".to_owned(),
        (Status::Enqueued, _) => "Waiting to be built".to_owned(),
        (Status::Pending, _) => "Building".to_owned(),
        (Status::Success, _) => "Build succeeded".to_owned(),
        (Status::Failure | Status::Error, None) => "Build failed".to_owned(),
        (Status::Canceled, None) => "Build canceled".to_owned(),
        (Status::Failure | Status::Error | Status::Canceled, Some(reason)) => reason.replace('\n', " "),
    };
    line.into()
}

/// The text in at most so many characters. A text that is cut ends in an ellipsis.
fn shortened(text: &str, room: usize) -> String {
    match (text.chars().count() <= room, room) {
        (true, _) => text.to_owned(),
        (false, 0) => String::new(),
        (false, _) => text.chars().take(room - 1).chain(['…']).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ending::Ending, samples};

    fn culprit(title: &str) -> Culprit {
        Culprit { title: title.to_owned(), why: None }
    }

    #[test]
    fn the_real_reason_stands_behind_the_job() {
        let job = |ending, return_code| {
            let job = samples::job("Tests", Status::Failure);
            Culprit::of(&Job { ending: Some(ending), return_code, ..job })
        };
        let line = |culprit: &Culprit| description(7, Status::Failure, Some(culprit)).within(140);
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
        let line = |status, culprit: Option<&Culprit>| description(7, status, culprit).to_string();
        assert_eq!(line(Status::Enqueued, None), "Kozmic build #7 is pending");
        let held = line(Status::Held, None);
        assert_eq!(held, "Kozmic build #7 waits: a manager has to approve it");
        assert_eq!(line(Status::Success, None), "Kozmic build #7 has passed");
        let failed = line(Status::Failure, Some(&culprit("Tests")));
        assert_eq!(failed, "Kozmic build #7 has failed because of the \"Tests\" job");
        let broken = line(Status::Error, Some(&culprit("Tests")));
        assert_eq!(broken, "Kozmic build #7 could not be run to its end because of the \"Tests\" job");
    }

    #[test]
    fn what_was_not_run_for_a_newer_push_is_no_failure() {
        let states = [None, Some(CanceledBy::Push), Some(CanceledBy::Author)].map(|by| canceled(7, by).0);
        assert_eq!(states, [CommitState::Error, CommitState::Pending, CommitState::Pending]);
    }

    #[test]
    fn a_long_title_is_cut_to_what_a_forge_takes() {
        let line = description(7, Status::Failure, Some(&culprit(&"ä".repeat(200))));
        assert_eq!(line.within(140).chars().count(), 140);
        assert!(line.within(140).ends_with("…\" job"));
        assert_eq!(line.to_string().matches('ä').count(), 200, "the whole sentence");
    }

    #[test]
    fn a_line_fits_whatever_its_forge_takes() {
        let culprit = Culprit { title: "Tests".into(), why: Some("w".repeat(300)) };
        let line = description(7, Status::Failure, Some(&culprit));
        for limit in [0, 1, 20, 140, 320] {
            assert!(line.within(limit).chars().count() <= limit, "{limit}");
        }
        assert_eq!(line.within(1_000), line.to_string());
    }

    #[test]
    fn long_names_that_differ_only_at_their_end_stay_different() {
        let name = |end: &str| context_within(&format!("kozmic/{}{end}", "a".repeat(300)), 255);
        assert_eq!(name("1").chars().count(), 255);
        assert!(name("1") != name("2") && name("1") == name("1"));
        assert_eq!(context_within("kozmic/build.sh arm", 255), "kozmic/build.sh arm");
    }
}
