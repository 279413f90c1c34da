//! A pull request, and its two ends.

/// A pull request at the double.
#[derive(Debug, Clone)]
pub(in crate::github) struct Pull {
    pub(in crate::github) id: u64,
    pub(in crate::github) number: u64,
    pub(in crate::github) title: String,
    pub(in crate::github) body: Option<String>,
    pub(in crate::github) open: bool,
    /// True until somebody says that it is ready for review.
    pub(in crate::github) is_draft: bool,
    pub(in crate::github) user: String,
    pub(in crate::github) head: Side,
    pub(in crate::github) base: Side,
    pub(in crate::github) created_at: String,
}

/// One of a pull request's two ends.
#[derive(Debug, Clone)]
pub(in crate::github) struct Side {
    pub(in crate::github) repository: String,
    pub(in crate::github) branch: String,
    pub(in crate::github) sha: String,
}
