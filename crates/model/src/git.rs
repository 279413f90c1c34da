//! Commits and refs, as pushes name them.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// A commit's full object id: 40 (SHA-1) or 64 (SHA-256) lower-case hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Sha(String);

impl Sha {
    /// The first ten digits, which are enough for people.
    pub fn short(&self) -> &str {
        &self.0[..10]
    }

    /// True if all digits are zero: the id that stands for a ref that does not exist.
    pub fn is_nowhere(&self) -> bool {
        self.0.bytes().all(|digit| digit == b'0')
    }

    /// The id of zeros with the same length: it stands for a ref that does not exist.
    pub fn nowhere(&self) -> Self {
        Self("0".repeat(self.0.len()))
    }

    /// All digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Sha {
    type Err = NotASha;
    fn from_str(text: &str) -> Result<Self, NotASha> {
        let hexadecimal = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        match hexadecimal && matches!(text.len(), 40 | 64) {
            true => Ok(Self(text.to_owned())),
            false => Err(NotASha(text.chars().take(80).collect())),
        }
    }
}

impl TryFrom<String> for Sha {
    type Error = NotASha;
    fn try_from(text: String) -> Result<Self, NotASha> {
        text.parse()
    }
}

impl From<Sha> for String {
    fn from(sha: Sha) -> Self {
        sha.0
    }
}

impl fmt::Display for Sha {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The text is no commit id.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("\"{0}\" is not a commit id: it needs 40 or 64 lower-case hexadecimal digits")]
pub struct NotASha(String);

/// The ref of a build: a branch, a tag, or a pull request whose branch is in another repository.
///
/// A pull request from a branch of the same repository counts as that branch, so the push and the pull request cause
/// one build.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum GitRef {
    /// A branch of the project's own repository, without `refs/heads/`.
    Branch(String),
    /// A pull request from a fork, by its number.
    PullRequest(u64),
    /// A tag, without `refs/tags/`. Kernel rules build it, and hooks that ask for it; recipes do not.
    Tag(String),
}

impl GitRef {
    /// The name for people: `main`, `#12`.
    pub fn label(&self) -> String {
        match self {
            Self::Branch(name) | Self::Tag(name) => name.clone(),
            Self::PullRequest(number) => format!("#{number}"),
        }
    }

    /// True if its commits come from a fork. A pull request within the repository is built as its branch.
    pub fn is_from_fork(&self) -> bool {
        matches!(self, Self::PullRequest(_))
    }
}

impl fmt::Display for GitRef {
    /// The full ref to fetch: `refs/heads/main`, `refs/pull/12/head`, `refs/tags/v1`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Branch(name) => write!(f, "refs/heads/{name}"),
            Self::PullRequest(number) => write!(f, "refs/pull/{number}/head"),
            Self::Tag(name) => write!(f, "refs/tags/{name}"),
        }
    }
}

impl FromStr for GitRef {
    type Err = NotARef;
    fn from_str(text: &str) -> Result<Self, NotARef> {
        let fault = || NotARef(text.chars().take(200).collect());
        if let Some(branch) = text.strip_prefix("refs/heads/") {
            return if is_branch_name(branch) { Ok(Self::Branch(branch.to_owned())) } else { Err(fault()) };
        }
        if let Some(tag) = text.strip_prefix("refs/tags/") {
            return if is_branch_name(tag) { Ok(Self::Tag(tag.to_owned())) } else { Err(fault()) };
        }
        let number = text.strip_prefix("refs/pull/").and_then(|rest| rest.strip_suffix("/head"));
        number.and_then(|digits| digits.parse().ok()).map(Self::PullRequest).ok_or_else(fault)
    }
}

impl TryFrom<String> for GitRef {
    type Error = NotARef;
    fn try_from(text: String) -> Result<Self, NotARef> {
        text.parse()
    }
}

impl From<GitRef> for String {
    fn from(git_ref: GitRef) -> Self {
        git_ref.to_string()
    }
}

/// A ref at one of its commits.
#[derive(Clone, Copy, Debug)]
pub struct RefAt<'a> {
    /// The ref.
    pub git_ref: &'a GitRef,
    /// The commit.
    pub sha: &'a Sha,
}

/// The text names neither a branch, nor a tag, nor a pull request's head.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "\"{0}\" is not a ref that is built: it needs to be refs/heads/<branch>, refs/tags/<tag> or \
     refs/pull/<number>/head"
)]
pub struct NotARef(String);

/// True if git accepts the name for a branch (the rules of `git check-ref-format`).
pub fn is_branch_name(name: &str) -> bool {
    let bad = |c: char| c.is_control() || c == ' ' || "~^:?*[\\".contains(c);
    let parts_fit =
        name.split('/').all(|part| !part.is_empty() && !part.starts_with('.') && !part.ends_with(".lock"));
    parts_fit
        && !name.starts_with('-')
        && name.len() <= 250
        && !name.ends_with('.')
        && !name.contains("..")
        && !name.contains("@{")
        && name != "@"
        && !name.contains(bad)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ref_survives_the_way_to_text_and_back() {
        for text in ["refs/heads/main", "refs/heads/feature/x", "refs/pull/12/head", "refs/tags/v1"] {
            let git_ref = text.parse::<GitRef>().unwrap();
            assert_eq!(git_ref.to_string(), text);
            assert_eq!(String::from(git_ref), text);
        }
    }

    #[test]
    fn what_git_would_misread_is_no_ref() {
        for text in [
            "refs/tags/",
            "refs/notes/v1",
            "main",
            "refs/heads/",
            "refs/heads/-x",
            "refs/heads/a..b",
            "refs/heads/a b",
            "refs/pull/x/head",
        ] {
            assert!(text.parse::<GitRef>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_sha_is_text_again_as_it_was() {
        let text = "0123456789".repeat(4);
        let sha = Sha::try_from(text.clone()).unwrap();
        assert_eq!(
            (sha.as_str(), sha.to_string(), String::from(sha.clone())),
            (&*text, text.clone(), text.clone())
        );
        assert!(!sha.is_nowhere() && sha.nowhere().is_nowhere());
    }

    #[test]
    fn a_sha_is_all_or_nothing() {
        assert!("a".repeat(40).parse::<Sha>().is_ok());
        assert!("b".repeat(64).parse::<Sha>().is_ok());
        assert!("a".repeat(39).parse::<Sha>().is_err());
        assert!("A".repeat(40).parse::<Sha>().is_err());
        assert!("--upload-pack=x".parse::<Sha>().is_err());
    }
}
