//! Builds and jobs as another installation describes them.

use kozmic_model::{
    event::Author,
    git::{GitRef, Sha},
    ids::HookId,
    spec::JobSpec,
    status::Status,
    time::Timestamp,
};

/// A build of another installation.
pub struct NewBuild {
    /// The build's id in the other installation.
    pub foreign_id: i64,
    /// Its number within the project.
    pub number: i64,
    /// The branch.
    pub git_ref: GitRef,
    /// The commit.
    pub sha: Sha,
    /// The build's status, if it has no jobs that determine it.
    pub status: Status,
    /// The commit's author.
    pub author: Author,
    /// The commit's message.
    pub message: String,
    /// The time when it was planned.
    pub created_at: Timestamp,
    /// The build's jobs, which have all ended.
    pub jobs: Vec<NewJob>,
}

/// A finished job of another installation.
pub struct NewJob {
    /// The job's id in the other installation.
    pub foreign_id: i64,
    /// True if the job may keep its id, because there is no log here under it.
    pub may_keep_id: bool,
    /// The hook here that caused the job.
    pub hook: Option<HookId>,
    /// The spec of the attempt, as far as it is known.
    pub spec: JobSpec,
    /// The status at its end.
    pub status: Status,
    /// The reason why the job did not succeed.
    pub reason: Option<String>,
    /// The return code of the script.
    pub return_code: Option<i64>,
    /// The time when it was planned.
    pub created_at: Timestamp,
    /// The time when it began.
    pub started_at: Option<Timestamp>,
    /// The time when it ended.
    pub finished_at: Timestamp,
}
