//! The rule for interruptions: an attempt that ended because its engine, its machine or Kozmic went away is not the
//! script's failure.

use serde::{Deserialize, Serialize};
use std::str::FromStr;

/// The rule for a job that was interrupted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IfInterrupted {
    /// It runs again, from its start.
    #[default]
    Again,
    /// It ends as an error, because the job must not run twice, such as a deployment.
    Error,
}

impl IfInterrupted {
    /// Both rules, the default first.
    pub const ALL: [Self; 2] = [Self::Again, Self::Error];

    /// The word in the database, in forms, recipes and settings.
    pub fn word(self) -> &'static str {
        match self {
            Self::Again => "again",
            Self::Error => "error",
        }
    }
}

impl FromStr for IfInterrupted {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|choice| choice.word() == text);
        known.ok_or_else(|| "Choose what becomes of a job that is interrupted.".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_read_back() {
        assert!(IfInterrupted::ALL.into_iter().all(|choice| choice.word().parse() == Ok(choice)));
    }
}
