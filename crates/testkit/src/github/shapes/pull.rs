//! Pull requests in GitHub's JSON, and the payload that tells of what happened to one.

use serde_json::{Value, json};

use super::Shapes;
use super::user::merge;
use crate::github::stamp;
use crate::github::world::{Pull, Side};

impl Shapes<'_> {
    /// The payload; `None` if the repository is gone.
    pub(in crate::github) fn pull_event(&self, pull: &Pull, action: &str, more: Value) -> Option<Value> {
        let repository = self.world.repository(&pull.base.repository)?;
        let mut payload = json!({
            "action": action,
            "number": pull.number,
            "pull_request": self.pull(pull),
            "repository": self.repository(repository, None),
            "sender": self.simple_user(&pull.user),
        });
        merge(&mut payload, more);
        Some(payload)
    }

    /// A pull request.
    pub(in crate::github) fn pull(&self, pull: &Pull) -> Value {
        let name = &pull.base.repository;
        let url = self.api(&format!("/repos/{name}/pulls/{}", pull.number));
        let web = format!("{}/{name}/pull/{}", self.base, pull.number);
        let mut shape = json!({
            "url": url,
            "id": pull.id,
            "node_id": format!("PR_{}", pull.id),
            "html_url": web,
            "diff_url": format!("{web}.diff"),
            "patch_url": format!("{web}.patch"),
            "issue_url": self.api(&format!("/repos/{name}/issues/{}", pull.number)),
            "commits_url": format!("{url}/commits"),
            "statuses_url": self.api(&format!("/repos/{name}/statuses/{}", pull.head.sha)),
            "number": pull.number,
            "state": if pull.open { "open" } else { "closed" },
            "locked": false,
            "draft": pull.is_draft,
            "title": pull.title,
            "body": pull.body,
            "user": self.simple_user(&pull.user),
            "created_at": pull.created_at,
            "updated_at": stamp::now(),
            "closed_at": if pull.open { None } else { Some(&pull.created_at) },
            "head": self.side(&pull.head),
            "base": self.side(&pull.base),
        });
        merge(&mut shape, constants());
        shape
    }

    fn side(&self, side: &Side) -> Value {
        let owner = side.repository.split('/').next().unwrap_or_default();
        let repository = self.world.repository(&side.repository);
        json!({
            "label": format!("{owner}:{}", side.branch),
            "ref": side.branch,
            "sha": side.sha,
            "user": self.simple_user(owner),
            "repo": repository.map(|repository| self.repository(repository, None)),
        })
    }
}

/// The fields that are the same for all pull requests here.
fn constants() -> Value {
    json!({
        "merged_at": null,
        "merge_commit_sha": null,
        "assignee": null,
        "assignees": [],
        "requested_reviewers": [],
        "requested_teams": [],
        "labels": [],
        "milestone": null,
        "author_association": "CONTRIBUTOR",
        "auto_merge": null,
        "active_lock_reason": null,
        "merged": false,
        "mergeable": null,
        "rebaseable": null,
        "mergeable_state": "unknown",
        "merged_by": null,
        "comments": 0,
        "review_comments": 0,
        "maintainer_can_modify": false,
        "commits": 1,
        "additions": 1,
        "deletions": 0,
        "changed_files": 1,
    })
}
