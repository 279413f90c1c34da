//! The move of a branch or tag, with the commits that it brings.

use super::history::CommitFacts;

/// Id that `before` or `after` of a push has if there is no commit.
pub const NO_COMMIT: &str = "0000000000000000000000000000000000000000";

/// Move of a ref.
pub(super) struct RefChange {
    pub(super) repository: String,
    pub(super) name: String,
    /// The branch that a new tag or branch without commits of its own was made from.
    pub(super) base: Option<String>,
    pub(super) before: Option<String>,
    pub(super) after: Option<String>,
    pub(super) forced: bool,
    pub(super) commits: Vec<CommitFacts>,
    pub(super) head: Option<CommitFacts>,
    pub(super) pusher: String,
}
