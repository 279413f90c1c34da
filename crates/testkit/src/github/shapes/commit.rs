//! Commits in GitHub's JSON: short in payloads, long in REST answers.

use serde_json::{Value, json};

use super::Shapes;
use crate::github::history::{CommitFacts, Signature};

impl Shapes<'_> {
    /// A commit as a push payload lists it.
    pub(super) fn pushed_commit(&self, repository: &str, commit: &CommitFacts) -> Value {
        json!({
            "id": commit.sha,
            "tree_id": commit.tree,
            "distinct": true,
            "message": commit.message,
            "timestamp": commit.committer.date,
            "url": format!("{}/{repository}/commit/{}", self.base, commit.sha),
            "author": self.payload_author(&commit.author.name, &commit.author.email),
            "committer": self.payload_author(&commit.committer.name, &commit.committer.email),
            "added": commit.added,
            "removed": commit.removed,
            "modified": commit.modified,
        })
    }

    /// A commit as `GET /repos/…/commits/…` tells of it.
    pub(in crate::github) fn commit(&self, repository: &str, commit: &CommitFacts) -> Value {
        let url = self.api(&format!("/repos/{repository}/commits/{}", commit.sha));
        let tree = self.api(&format!("/repos/{repository}/git/trees/{}", commit.tree));
        let parent = |sha: &String| {
            json!({
                "sha": sha,
                "url": self.api(&format!("/repos/{repository}/commits/{sha}")),
                "html_url": format!("{}/{repository}/commit/{sha}", self.base),
            })
        };
        json!({
            "sha": commit.sha,
            "node_id": format!("C_{}", commit.sha),
            "commit": {
                "author": signature(&commit.author),
                "committer": signature(&commit.committer),
                "message": commit.message,
                "tree": {"sha": commit.tree, "url": tree},
                "url": self.api(&format!("/repos/{repository}/git/commits/{}", commit.sha)),
                "comment_count": 0,
                "verification":
                    {"verified": false, "reason": "unsigned", "signature": null, "payload": null},
            },
            "url": url,
            "html_url": format!("{}/{repository}/commit/{}", self.base, commit.sha),
            "comments_url": format!("{url}/comments"),
            "author": self.known(&commit.author),
            "committer": self.known(&commit.committer),
            "parents": commit.parents.iter().map(parent).collect::<Vec<_>>(),
        })
    }

    fn known(&self, signature: &Signature) -> Value {
        self.world.login_of_email(&signature.email).map_or(Value::Null, |login| self.simple_user(login))
    }
}

fn signature(signature: &Signature) -> Value {
    json!({"name": signature.name, "email": signature.email, "date": signature.date})
}
