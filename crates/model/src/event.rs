//! Events: the meanings of deliveries in Kozmic's own words, and the request to skip a build.

use crate::{
    fork::Pusher,
    git::{GitRef, Sha},
    time::Timestamp,
};
use serde::{Deserialize, Serialize};

/// The meaning of a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The forge tests the hook's address.
    Ping,
    /// A commit to build.
    Change(Box<Change>),
    /// The repository, or the set of people who may see it, has changed: ask the forge again.
    Moved,
    /// A pull request changed without a push. Only hooks whose rules depend on it look at its commit again.
    Turned(Box<Turned>),
    /// A ref is gone.
    Gone(Gone),
    /// Something that causes no build, with the reason in a sentence.
    Ignored(String),
}

/// A commit that somebody pushed or proposed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The branch or pull request it is on.
    pub git_ref: GitRef,
    /// The commit.
    pub sha: Sha,
    /// The object of the ref before, if the payload has it; zeros if the ref did not exist.
    pub before: Option<Sha>,
    /// The object of the ref after: the commit, or a tag's own object.
    pub after: Sha,
    /// Time of the push, if the payload has it. Deliveries arrive in any order, and old ones may be sent again.
    pub pushed_at: Option<Timestamp>,
    /// The event that brought the change.
    pub trigger: Trigger,
    /// The commit's message; the payload of a pull request does not have it.
    pub message: Option<String>,
    /// The commit's author; if the payload does not name the author, the person who proposed the commit.
    pub author: Author,
    /// The texts in which a request to skip the build may stand.
    pub skip_texts: Vec<String>,
    /// The commits of the push, the oldest first, as far as the payload lists them.
    #[serde(default)]
    pub commits: Vec<PushedCommit>,
    /// Facts about the pull request, if one brought the change.
    #[serde(default)]
    pub pull: Option<PullFacts>,
    /// The person who pushed it, if it comes from a fork and the payload names the person without a doubt.
    #[serde(default)]
    pub pusher: Option<Pusher>,
    /// True if the build is held until somebody approves it.
    #[serde(default)]
    pub is_held: bool,
}

/// Facts about a pull request that decide which hooks it wakes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PullFacts {
    /// The branch into which it asks to be merged, if the payload has it.
    pub target: Option<String>,
    /// True if it is a draft.
    pub is_draft: bool,
}

/// A change of a pull request that is no push.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// A draft became ready for review.
    Ready,
    /// It asks to be merged into another branch.
    Retargeted,
}

/// A pull request that changed without a push.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turned {
    /// The way in which it changed.
    pub turn: Turn,
    /// Its commit.
    pub change: Change,
    /// The reason why most hooks build nothing, in a sentence.
    pub why: String,
}

/// A branch or tag that was deleted, or a pull request that was closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gone {
    /// The ref.
    pub git_ref: GitRef,
    /// The object of the ref before.
    pub before: Option<Sha>,
    /// Zeros.
    pub after: Sha,
    /// Time of the deletion or closing, if the payload has it.
    pub at: Option<Timestamp>,
    /// The reason why nothing is built, in a sentence.
    pub why: String,
}

/// A commit of a push, as lists show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PushedCommit {
    /// Its id.
    pub sha: Sha,
    /// Its message's first line.
    pub message: String,
    /// The name of its author.
    pub author: String,
    /// Its page at the forge.
    pub url: String,
}

/// The event that brought a change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trigger {
    /// A push to a branch.
    Push,
    /// A pull request.
    PullRequest {
        /// Its number.
        number: u64,
        /// Its title.
        title: String,
    },
}

impl Trigger {
    /// The word in `KOZMIC_EVENT`.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Push => "push",
            Self::PullRequest { .. } => "pull_request",
        }
    }
}

/// The author of a commit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Author {
    /// Full name or login.
    pub name: String,
    /// Mail address, if known.
    pub email: Option<String>,
}

/// The words that skip a build wherever they stand in a message.
const SKIP_WORDS: [&str; 5] = ["[ci skip]", "[skip ci]", "[no ci]", "skip_ci", "ci_skip"];

/// The trailer of a commit that asks for no checks.
const TRAILER: &str = "skip-checks: true";

impl Change {
    /// The word that asks to skip this build, if the author wrote one.
    pub fn skip_word(&self) -> Option<&'static str> {
        let texts = self.message.iter().chain(&self.skip_texts);
        Self::skip_word_in(&texts.map(String::as_str).collect::<Vec<_>>())
    }

    /// The word in any of the texts that asks to skip a build.
    pub fn skip_word_in(texts: &[&str]) -> Option<&'static str> {
        let lower = texts.iter().map(|text| text.to_lowercase()).collect::<Vec<_>>();
        let word = SKIP_WORDS.into_iter().find(|word| lower.iter().any(|text| text.contains(word)));
        word.or_else(|| lower.iter().any(|text| has_trailer(text)).then_some(TRAILER))
    }
}

/// True if the trailer stands in the last paragraph of the text, with or without a space in it.
fn has_trailer(text: &str) -> bool {
    let last = text.trim_end().lines().rev().map(str::trim).take_while(|line| !line.is_empty());
    last.map(|line| line.replace(' ', "")).any(|line| line == "skip-checks:true")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(message: Option<&str>, texts: &[&str]) -> Change {
        Change {
            git_ref: GitRef::Branch("main".into()),
            sha: "a".repeat(40).parse().unwrap(),
            before: None,
            after: "a".repeat(40).parse().unwrap(),
            pushed_at: None,
            trigger: Trigger::Push,
            message: message.map(str::to_owned),
            author: Author::default(),
            skip_texts: texts.iter().map(|text| (*text).to_owned()).collect(),
            commits: Vec::new(),
            pull: None,
            pusher: None,
            is_held: false,
        }
    }

    #[test]
    fn each_skip_word_skips_in_message_and_texts() {
        for word in SKIP_WORDS {
            assert_eq!(change(Some(&format!("Fix {word} typo")), &[]).skip_word(), Some(word));
            assert_eq!(change(None, &["title", &word.to_uppercase()]).skip_word(), Some(word));
        }
        assert_eq!(change(Some("skip ci? no"), &["ci"]).skip_word(), None);
        for text in ["Docs\n\n\nskip-checks: true\n", "Docs\n\nSkip-Checks:true\nSigned-off-by: Anna"] {
            assert_eq!(change(Some(text), &[]).skip_word(), Some(TRAILER), "{text}");
        }
        assert_eq!(change(Some("Docs\n\nskip-checks: true\n\nmore"), &[]).skip_word(), None);
    }
}
