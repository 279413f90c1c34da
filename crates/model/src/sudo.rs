//! The project's rule for scripts that gain rights while they run: by `sudo`, `su`, or any setuid file of an image. The
//! engine can forbid this for a container, whatever the image contains.

use crate::git::GitRef;
use std::str::FromStr;

/// The scripts of a project that may use `sudo`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SudoRule {
    /// All of them.
    #[default]
    Always,
    /// All but those of pull requests from forks.
    NotForks,
    /// None.
    Never,
}

impl SudoRule {
    /// All rules, the least strict first.
    pub const ALL: [Self; 3] = [Self::Always, Self::NotForks, Self::Never];

    /// The word in the database and in forms.
    pub fn word(self) -> &'static str {
        match self {
            Self::Always => "always",
            Self::NotForks => "not_forks",
            Self::Never => "never",
        }
    }

    /// True if the scripts of a ref may use `sudo`.
    pub fn lets(self, git_ref: &GitRef) -> bool {
        match self {
            Self::Always => true,
            Self::NotForks => !git_ref.is_from_fork(),
            Self::Never => false,
        }
    }
}

impl FromStr for SudoRule {
    type Err = NotASudoRule;
    fn from_str(text: &str) -> Result<Self, NotASudoRule> {
        Self::ALL.into_iter().find(|rule| rule.word() == text).ok_or_else(|| NotASudoRule(text.to_owned()))
    }
}

/// The text names no rule.
#[derive(Debug, thiserror::Error)]
#[error("\"{0}\" is no rule for sudo")]
pub struct NotASudoRule(String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_is_read_back_and_says_which_scripts_it_lets() {
        let refs = [GitRef::Branch("main".into()), GitRef::PullRequest(7)];
        for (rule, lets) in SudoRule::ALL.into_iter().zip([[true, true], [true, false], [false, false]]) {
            assert_eq!(rule.word().parse::<SudoRule>().unwrap(), rule);
            assert_eq!(refs.each_ref().map(|git_ref| rule.lets(git_ref)), lets, "{rule:?}");
        }
        assert!("sometimes".parse::<SudoRule>().is_err());
    }
}
