//! Pull requests from forks: the project's rule for them, and the person who pushed. Anybody can make a fork, so its
//! code runs in the project's containers only as far as the project allows.

use crate::ids::ForgeUserId;
use serde::{Deserialize, Serialize};
use std::str::FromStr;

/// The rule of a project for pull requests from forks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ForkRule {
    /// They are not built.
    Never,
    /// They are held until somebody approves them. A pull request of a person who may push to the repository is not
    /// held.
    #[default]
    AfterApproval,
    /// They are built like any other push.
    Always,
}

impl ForkRule {
    /// All rules, the strictest first.
    pub const ALL: [Self; 3] = [Self::Never, Self::AfterApproval, Self::Always];

    /// The word in the database and in forms.
    pub fn word(self) -> &'static str {
        match self {
            Self::Never => "never",
            Self::AfterApproval => "after_approval",
            Self::Always => "always",
        }
    }
}

impl FromStr for ForkRule {
    type Err = NotARule;
    fn from_str(text: &str) -> Result<Self, NotARule> {
        Self::ALL.into_iter().find(|rule| rule.word() == text).ok_or_else(|| NotARule(text.to_owned()))
    }
}

/// The person who pushed a commit, as the forge's delivery names them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pusher {
    /// The forge's number of the person; it stays when they change their login.
    pub id: ForgeUserId,
    /// Their login.
    pub login: String,
}

/// The text names no rule.
#[derive(Debug, thiserror::Error)]
#[error("\"{0}\" is no rule for pull requests from forks")]
pub struct NotARule(String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_is_read_back() {
        for rule in ForkRule::ALL {
            assert_eq!(rule.word().parse::<ForkRule>().unwrap(), rule);
        }
        assert!("sometimes".parse::<ForkRule>().is_err());
    }
}
