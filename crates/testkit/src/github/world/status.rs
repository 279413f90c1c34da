//! A commit status, and the states that it can have.

use std::fmt;
use std::str::FromStr;
use std::time::Instant;

use anyhow::{Result, bail};

/// State that a commit status can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// The checker failed.
    Error,
    /// The commit failed.
    Failure,
    /// Not known yet.
    Pending,
    /// The commit is good.
    Success,
}

/// A commit status that was set.
#[derive(Debug, Clone)]
pub struct Status {
    /// GitHub's number for it.
    pub id: u64,
    /// The commit.
    pub sha: String,
    /// The state that it tells.
    pub state: State,
    /// Name under which it is set, such as `Kozmic-CI`.
    pub context: String,
    /// The sentence beside it.
    pub description: Option<String>,
    /// Address of the details.
    pub target_url: Option<String>,
    /// Login of the person whose token set it.
    pub creator: String,
    /// Time when it arrived.
    pub at: Instant,
    pub(in crate::github) created_at: String,
}

impl State {
    /// GitHub's word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Failure => "failure",
            Self::Pending => "pending",
            Self::Success => "success",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl FromStr for State {
    type Err = anyhow::Error;

    fn from_str(word: &str) -> Result<Self> {
        let states = [Self::Error, Self::Failure, Self::Pending, Self::Success];
        match states.into_iter().find(|state| state.as_str() == word) {
            Some(state) => Ok(state),
            None => bail!("{word:?} is no state of a commit status"),
        }
    }
}
