//! The API's answers in the words of the model. Times are RFC 3339 in UTC, to the millisecond.

mod runner;

pub(super) use runner::RunnerWord;

use crate::{app::Face, artifacts::Links, attempts};
use chrono::{DateTime, SecondsFormat};
use kozmic_edges::clock;
use kozmic_model::{
    artifact::Artifact,
    audit::{Actor, AuditEntry},
    build::Build,
    ending::Ending,
    event::Trigger,
    ids::{AuditEntryId, BuildId, JobId, ProjectId, UserId},
    job::{Job, PastAttempt},
    label::Labels,
    phase::Phase,
    project::{Project, Role},
    spent::{Length, Spent},
    time::Timestamp,
    user::User,
};
use serde::Serialize;

/// A person.
#[derive(Serialize)]
pub(super) struct UserWord {
    id: UserId,
    login: String,
    name: String,
}

/// A project with the role of the caller.
#[derive(Serialize)]
pub(super) struct ProjectWord {
    id: ProjectId,
    full_name: String,
    owner: String,
    name: String,
    private: bool,
    default_branch: String,
    role: &'static str,
    repository_url: String,
    url: String,
}

/// A build.
#[derive(Serialize)]
pub(super) struct BuildWord {
    id: BuildId,
    project: ProjectId,
    number: i64,
    status: &'static str,
    #[serde(rename = "ref")]
    git_ref: String,
    ref_name: String,
    sha: String,
    message: String,
    author: String,
    event: &'static str,
    pull_request: Option<u64>,
    created_at: String,
    started_at: Option<String>,
    finished_at: Option<String>,
    duration_ms: Option<u64>,
    waited_ms: Option<u64>,
    url: String,
}

/// A build with its jobs.
#[derive(Serialize)]
pub(super) struct WholeBuild {
    #[serde(flatten)]
    pub(super) build: BuildWord,
    pub(super) jobs: Vec<JobWord>,
}

/// A job with all its attempts.
#[derive(Serialize)]
pub(super) struct JobWord {
    id: JobId,
    build: BuildId,
    project: ProjectId,
    title: String,
    image: Option<String>,
    labels: Labels,
    status: &'static str,
    attempt: i32,
    reason: Option<String>,
    return_code: Option<i64>,
    created_at: String,
    queued_at: Option<String>,
    started_at: Option<String>,
    finished_at: Option<String>,
    duration_ms: Option<u64>,
    waited_ms: Option<u64>,
    attempts: Vec<AttemptWord>,
    origin: &'static str,
    artifacts: Vec<ArtifactWord>,
    url: String,
}

/// An artifact of a job.
#[derive(Serialize)]
pub(super) struct ArtifactWord {
    name: String,
    stable: String,
    format: &'static str,
    size: u64,
    sha256: String,
    url: Option<String>,
    removed: bool,
}

/// One attempt of a job.
#[derive(Serialize)]
pub(super) struct AttemptWord {
    number: i32,
    status: &'static str,
    ending: Option<&'static str>,
    reason: Option<String>,
    return_code: Option<i64>,
    phases: Vec<PhaseWord>,
    queued_at: Option<String>,
    started_at: Option<String>,
    finished_at: Option<String>,
    duration_ms: Option<u64>,
    waited_ms: Option<u64>,
    log_url: String,
}

/// A phase of an attempt.
#[derive(Serialize)]
pub(super) struct PhaseWord {
    name: &'static str,
    started_at: String,
    finished_at: Option<String>,
}

impl UserWord {
    pub(super) fn of(user: User) -> Self {
        Self { id: user.id, login: user.profile.login, name: user.profile.name }
    }
}

impl ProjectWord {
    pub(super) fn of(project: Project, role: Role, face: &Face) -> Self {
        let (id, full_name, repository) = (project.id, project.repository.full_name(), project.repository);
        Self {
            id,
            full_name,
            owner: repository.owner,
            name: repository.name,
            private: repository.private,
            default_branch: repository.default_branch,
            role: role.word(),
            repository_url: repository.html_url,
            url: face.join(&format!("projects/{id}/")).into(),
        }
    }
}

impl BuildWord {
    /// A build, with the sums of its jobs' times.
    pub(super) fn of(build: Build, spent: Spent, face: &Face) -> Self {
        let pull_request = match build.trigger {
            Trigger::PullRequest { number, .. } => Some(number),
            Trigger::Push => None,
        };
        Self {
            id: build.id,
            project: build.project,
            number: build.number,
            status: build.status.word(),
            git_ref: build.git_ref.to_string(),
            ref_name: build.git_ref.label(),
            sha: build.sha.to_string(),
            message: build.message,
            author: build.author.name,
            event: build.trigger.word(),
            pull_request,
            created_at: time(build.created_at),
            started_at: build.started_at.map(time),
            finished_at: build.finished_at.map(time),
            duration_ms: milliseconds(spent.ran),
            waited_ms: milliseconds(spent.waited),
            url: face.join(&format!("projects/{}/builds/{}/", build.project, build.id)).into(),
        }
    }
}

impl JobWord {
    /// A job with its earlier attempts and its artifacts.
    pub(super) fn of(job: Job, past: &[PastAttempt], artifacts: Vec<Artifact>, face: &Face) -> Self {
        let earlier = past.iter().map(|past| AttemptWord::of(attempts::then(&job, past), face));
        let attempts = earlier.chain([AttemptWord::of(job.clone(), face)]).collect();
        let spent = job.span().spent(clock::now());
        Self {
            id: job.id,
            build: job.build,
            project: job.project,
            attempt: job.shown_attempt().number,
            origin: job.spec.origin.word(),
            artifacts: artifacts.into_iter().map(|artifact| ArtifactWord::of(artifact, face)).collect(),
            title: job.spec.title,
            image: job.spec.task.image().map(ToString::to_string),
            labels: job.spec.labels,
            status: job.status.word(),
            reason: job.reason,
            return_code: job.return_code,
            created_at: time(job.created_at),
            queued_at: job.queued_at.map(time),
            started_at: job.started_at.map(time),
            finished_at: job.finished_at.map(time),
            duration_ms: milliseconds(spent.ran),
            waited_ms: milliseconds(spent.waited),
            attempts,
            url: face.join(&format!("projects/{}/builds/{}/jobs/{}/", job.project, job.build, job.id)).into(),
        }
    }
}

impl ArtifactWord {
    fn of(artifact: Artifact, face: &Face) -> Self {
        Self {
            url: Links::of(&artifact, face).versioned,
            name: artifact.name.versioned,
            stable: artifact.name.stable,
            format: artifact.format.word(),
            size: artifact.size,
            sha256: artifact.sha256,
            removed: artifact.removed_at.is_some(),
        }
    }
}

impl AttemptWord {
    fn of(job: Job, face: &Face) -> Self {
        let number = job.shown_attempt().number;
        let log = format!("api/v1/projects/{}/jobs/{}/log", job.project, job.id);
        let mut log_url = face.join(&log);
        log_url.set_query(Some(&format!("attempt={number}")));
        let spent = job.span().spent(clock::now());
        Self {
            number,
            status: job.status.word(),
            ending: job.ending.map(Ending::word),
            reason: job.reason,
            return_code: job.return_code,
            phases: job.phases.iter().map(PhaseWord::of).collect(),
            queued_at: job.queued_at.map(time),
            started_at: job.started_at.map(time),
            finished_at: job.finished_at.map(time),
            duration_ms: milliseconds(spent.ran),
            waited_ms: milliseconds(spent.waited),
            log_url: log_url.into(),
        }
    }
}

impl PhaseWord {
    fn of(phase: &Phase) -> Self {
        Self {
            name: phase.kind.word(),
            started_at: time(phase.started_at),
            finished_at: phase.finished_at.map(time),
        }
    }
}

/// An entry of the audit trail.
#[derive(Serialize)]
pub(super) struct AuditWord {
    id: AuditEntryId,
    at: String,
    /// The kind of the actor.
    actor: &'static str,
    /// The person's login.
    login: Option<String>,
    /// The title of the token that they used.
    token: Option<String>,
    action: &'static str,
    subject: String,
    project: Option<ProjectId>,
    project_name: Option<String>,
}

impl AuditWord {
    pub(super) fn of(entry: AuditEntry) -> Self {
        let AuditEntry { id, at, actor, deed, project_name } = entry;
        let kind = actor.word();
        let (login, token) = match actor {
            Actor::Person { login, token, .. } => (Some(login), token),
            Actor::Kozmic | Actor::Operator => (None, None),
        };
        Self {
            id,
            at: time(at),
            actor: kind,
            login,
            token,
            action: deed.action.word(),
            subject: deed.subject,
            project: deed.project,
            project_name: deed.project.map(|_| project_name),
        }
    }
}

/// A length of time so far, in milliseconds.
fn milliseconds(length: Option<Length>) -> Option<u64> {
    length.map(|length| u64::try_from(length.so_far.as_millis()).unwrap_or(u64::MAX))
}

fn time(at: Timestamp) -> String {
    let date = DateTime::from_timestamp_millis(at.0).unwrap_or_default();
    date.to_rfc3339_opts(SecondsFormat::Millis, true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{pages::samples, tests::trial};
    use kozmic_model::status::Status;
    use serde_json::json;

    #[test]
    fn a_job_lists_the_labels_that_it_needs() {
        let labels = |labels: &str| {
            let mut job = samples::job(Status::Enqueued);
            job.spec.labels = labels.parse().unwrap();
            json!(JobWord::of(job, &[], Vec::new(), &trial::face(None)))["labels"].clone()
        };
        assert_eq!(labels("gpu,arm64"), json!(["arm64", "gpu"]));
        assert_eq!(labels(""), json!([]));
    }

    #[test]
    fn times_are_in_utc_to_the_millisecond() {
        assert_eq!(time(Timestamp(1_700_000_000_123)), "2023-11-14T22:13:20.123Z");
    }
}
