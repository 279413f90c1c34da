//! Commit statuses in GitHub's JSON.

use serde_json::{Value, json};

use super::Shapes;
use crate::github::world::{Repository, State, Status};

impl Shapes<'_> {
    /// One status.
    pub(in crate::github) fn status(&self, repository: &str, status: &Status) -> Value {
        let creator = self.simple_user(&status.creator);
        json!({
            "url": self.api(&format!("/repos/{repository}/statuses/{}", status.sha)),
            "avatar_url": creator.get("avatar_url"),
            "id": status.id,
            "node_id": format!("SC_{}", status.id),
            "state": status.state.as_str(),
            "description": status.description,
            "target_url": status.target_url,
            "context": status.context,
            "created_at": status.created_at,
            "updated_at": status.created_at,
            "creator": creator,
        })
    }

    /// Sum of all statuses of a commit; the newest of each context counts.
    pub(in crate::github) fn combined_status(&self, repository: &Repository, sha: &str) -> Value {
        let mut newest: Vec<&Status> = Vec::new();
        for status in repository.statuses.iter().rev().filter(|status| status.sha == sha) {
            if newest.iter().all(|one| one.context != status.context) {
                newest.push(status);
            }
        }
        let name = repository.full_name();
        json!({
            "state": combined(&newest).as_str(),
            "statuses": newest.iter().map(|status| self.status(&name, status)).collect::<Vec<_>>(),
            "sha": sha,
            "total_count": newest.len(),
            "repository": self.repository(repository, None),
            "commit_url": self.api(&format!("/repos/{name}/commits/{sha}")),
            "url": self.api(&format!("/repos/{name}/commits/{sha}/status")),
        })
    }
}

fn combined(statuses: &[&Status]) -> State {
    let any = |state| statuses.iter().any(|status| status.state == state);
    if any(State::Error) || any(State::Failure) {
        State::Failure
    } else if statuses.is_empty() || any(State::Pending) {
        State::Pending
    } else {
        State::Success
    }
}
