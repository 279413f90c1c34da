//! The files that a change touches: as its payload lists them, or as a comparison of two commits tells.

use crate::git::Sha;
use std::sync::Arc;

/// The files that a change touches, as far as its payload tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Touched {
    /// The payload lists all of them, by their paths.
    Paths(Vec<String>),
    /// The payload lists none, or not all. A comparison tells.
    Span(Span),
    /// Nothing tells, for this reason.
    Unknown(&'static str),
}

/// Two commits to compare.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// The older end.
    pub from: Start,
    /// The commit of the change.
    pub to: Sha,
}

/// The older end of a comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Start {
    /// This commit.
    Commit(Sha),
    /// The newest commit that the change has in common with a branch.
    Branch {
        /// The branch.
        name: String,
        /// The branch's commit, if the payload tells it.
        tip: Option<Sha>,
    },
}

/// The files that a change touches, after all that could be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Changed {
    /// These, by their paths.
    Paths(Arc<[String]>),
    /// They are not known, for this reason.
    Unknown(String),
}
