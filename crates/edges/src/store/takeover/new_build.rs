//! Builds and jobs as another installation tells of them.

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
    /// Its id there.
    pub foreign_id: i64,
    /// Its number within the project.
    pub number: i64,
    /// The branch.
    pub git_ref: GitRef,
    /// The commit.
    pub sha: Sha,
    /// Its status, if it has no jobs that tell it.
    pub status: Status,
    /// The commit's author.
    pub author: Author,
    /// The commit's message.
    pub message: String,
    /// The time when it was planned.
    pub created_at: Timestamp,
    /// Its jobs, all ended.
    pub jobs: Vec<NewJob>,
}

/// A job of another installation; it ended.
pub struct NewJob {
    /// Its id there.
    pub foreign_id: i64,
    /// True if no log here stands in the way of its id.
    pub may_keep_id: bool,
    /// The hook here that it came from.
    pub hook: Option<HookId>,
    /// The spec that ran, as far as it is known.
    pub spec: JobSpec,
    /// The status at its end.
    pub status: Status,
    /// The reason why it ended badly.
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
