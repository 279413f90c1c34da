//! A build: everything that one commit on one ref causes to run. Its number counts up within the project.

use crate::{
    event::{Author, PushedCommit, Trigger},
    fork::Pusher,
    git::{GitRef, Sha},
    ids::{BuildId, ProjectId},
    status::Status,
    time::Timestamp,
};

/// Everything that one commit on one ref causes to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Build {
    /// Kozmic's own id, as in addresses.
    pub id: BuildId,
    /// The project it belongs to.
    pub project: ProjectId,
    /// The number that people see, from 1 within the project.
    pub number: i64,
    /// The branch or pull request.
    pub git_ref: GitRef,
    /// The commit.
    pub sha: Sha,
    /// The build's status, which follows from its jobs' statuses.
    pub status: Status,
    /// The event that brought the change.
    pub trigger: Trigger,
    /// The commit's author.
    pub author: Author,
    /// The commit's message; empty until it is known.
    pub message: String,
    /// The commits that the push brought, the oldest first, as far as they are known.
    pub commits: Vec<PushedCommit>,
    /// The person who pushed the commit, if it comes from a fork and the forge reported the person.
    pub pusher: Option<Pusher>,
    /// Time at which Kozmic understood the delivery.
    pub created_at: Timestamp,
    /// Time at which the first job started.
    pub started_at: Option<Timestamp>,
    /// Time at which the last job ended.
    pub finished_at: Option<Timestamp>,
}

impl Build {
    /// The first line of the commit message, else the pull request's title, else a placeholder.
    pub fn headline(&self) -> &str {
        let first = self.message.lines().next().map(str::trim).filter(|line| !line.is_empty());
        match (&self.trigger, first) {
            (_, Some(line)) => line,
            (Trigger::PullRequest { title, .. }, None) => title,
            (Trigger::Push, None) => "(no message)",
        }
    }

    /// The address of its page, at the Kozmic with this address for browsers.
    pub fn url(&self, public_url: &str) -> String {
        format!("{}/projects/{}/builds/{}/", public_url.trim_end_matches('/'), self.project, self.id)
    }
}
