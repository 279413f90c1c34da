//! The payload of a push: the first thing that Kozmic learns of it.

use std::time::SystemTime;

use serde_json::{Value, json};

use super::Shapes;
use crate::github::ref_change::{NO_COMMIT, RefChange};
use crate::github::stamp;

impl Shapes<'_> {
    /// The payload; `None` if the repository is gone.
    pub(in crate::github) fn push(&self, change: &RefChange) -> Option<Value> {
        let repository = self.world.repository(&change.repository)?;
        let name = repository.full_name();
        let before = change.before.as_deref().unwrap_or(NO_COMMIT);
        let after = change.after.as_deref().unwrap_or(NO_COMMIT);
        let pusher = self.world.account(&change.pusher);
        let commits = change.commits.iter().map(|commit| self.pushed_commit(&name, commit));
        let tag = change.name.starts_with("refs/tags/");
        Some(json!({
            "ref": change.name,
            "before": before,
            "after": after,
            "repository": self.pushed_repository(repository, stamp::unix(SystemTime::now())),
            "pusher": {"name": change.pusher, "email": pusher.map(|one| one.email.clone())},
            "sender": self.simple_user(&change.pusher),
            "created": change.before.is_none(),
            "deleted": change.after.is_none(),
            "forced": change.forced,
            "base_ref": change.base,
            "compare": self.compare(change, before, after),
            "commits": if tag { Vec::new() } else { commits.collect::<Vec<_>>() },
            "head_commit": change.head.as_ref().map(|commit| self.pushed_commit(&name, commit)),
        }))
    }

    /// The page that shows what is new; of a new ref that is all of it.
    fn compare(&self, change: &RefChange, before: &str, after: &str) -> String {
        let short = |sha: &str| sha.chars().take(12).collect::<String>();
        let new = change.name.strip_prefix("refs/tags/").or(change.name.strip_prefix("refs/heads/"));
        let what = match new.filter(|_| change.before.is_none()) {
            Some(name) => name.to_owned(),
            None => format!("{}...{}", short(before), short(after)),
        };
        format!("{}/{}/compare/{what}", self.base, change.repository)
    }
}
