//! The answer to an artifact: lines of JSON, the last of which is its result. Empty lines are signs of life.

use super::text::{SENTENCE, cut};
use kozmic_runner::coordinator::Published;
use serde::{Deserialize, Serialize};

/// The longest line, in bytes.
pub(crate) const LINE: usize = 64 * 1024;

/// One line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Line {
    /// A line for the job's log.
    Words(String),
    /// The name under which it is published.
    Published(String),
    /// The reason why it was refused.
    Refused(String),
    /// The error because of which it is not published.
    Error(String),
}

impl Line {
    /// The last line.
    pub(crate) fn last(published: anyhow::Result<Published>) -> Self {
        match published {
            Ok(Published::As(name)) => Self::Published(name),
            Ok(Published::Refused(why)) => Self::Refused(why),
            Err(fault) => Self::Error(format!("{fault:#}")),
        }
    }

    /// The line as it is sent. Words that are too long are cut.
    pub(crate) fn sent(self) -> Vec<u8> {
        let line = match self {
            Self::Words(words) => Self::Words(cut(words, SENTENCE)),
            Self::Published(name) => Self::Published(cut(name, SENTENCE)),
            Self::Refused(why) => Self::Refused(cut(why, SENTENCE)),
            Self::Error(fault) => Self::Error(cut(fault, SENTENCE)),
        };
        let mut sent = serde_json::to_vec(&line).unwrap_or_default();
        sent.push(b'\n');
        sent
    }
}
