//! The body of an answer that is an error.

use serde::{Deserialize, Serialize};

/// An error: a sentence for people, and its kind for the program.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Fault {
    pub(crate) error: String,
    #[serde(default)]
    pub(crate) kind: Kind,
}

/// The kind of an error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// The token is unknown, or its runner was removed.
    Unauthorized,
    /// The version of the protocol is too old or too new.
    Protocol,
    /// The runner does not hold the attempt.
    NotHeld,
    /// The server does not have the whole log of the attempt.
    LogIncomplete,
    /// The request cannot be read.
    Invalid,
    /// The answer is not ready yet: ask again.
    Busy,
    /// The coordinator cannot do it.
    Failed,
    /// A kind that this version does not know.
    #[default]
    #[serde(other)]
    Unknown,
}
