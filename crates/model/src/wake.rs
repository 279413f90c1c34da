//! The rules of a hook that say which events wake it: one pure decision, with the reason in a sentence.

mod draft;

pub use draft::WakeDraft;

use crate::{
    event::{Change, Trigger, Turn},
    git::GitRef,
    pattern::Patterns,
    touched::Changed,
};
use serde::{Deserialize, Serialize};
use std::str::FromStr;

/// The rules of one hook. The default ones wake it as a hook without rules: for each push to a branch and for each pull
/// request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Wake {
    /// The events of branches that wake the hook.
    pub on: WakeOn,
    /// The branches whose pushes wake the hook; empty: all.
    pub branches: Patterns,
    /// The tags whose pushes wake the hook; empty: none.
    pub tags: Patterns,
    /// The branches into which a pull request has to ask to be merged; empty: any.
    pub targets: Patterns,
    /// The rule for pull requests that are drafts.
    pub drafts: Drafts,
    /// Files of which a change has to touch one; empty: any change will do. Tags have no such rule.
    pub paths: Patterns,
    /// Words of which the message has to contain one, in lower case; empty: any message will do.
    pub words: Vec<String>,
    /// Words of which the message may contain none, in lower case.
    pub skip_words: Vec<String>,
}

/// The events of branches that wake a hook.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WakeOn {
    /// Pushes to branches, and pull requests.
    #[default]
    Both,
    /// Only pushes to branches.
    Pushes,
    /// Only pull requests.
    Pulls,
    /// Neither: tags wake the hook.
    Tags,
}

/// The rule for pull requests that are drafts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Drafts {
    /// A draft wakes the hook as any pull request.
    #[default]
    Wake,
    /// A draft wakes the hook when it is ready for review.
    Rest,
}

macro_rules! words {
    ($choice:ty, $fault:literal: $($variant:ident = $word:literal;)+) => {
        impl $choice {
            /// All choices, the default first.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// The word in forms.
            pub fn word(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }
        }

        impl FromStr for $choice {
            type Err = String;
            fn from_str(text: &str) -> Result<Self, String> {
                let known = Self::ALL.iter().find(|choice| choice.word() == text);
                known.copied().ok_or_else(|| $fault.to_owned())
            }
        }
    };
}

words! { WakeOn, "Choose which events run the hook.":
    Both = "both"; Pushes = "pushes"; Pulls = "pulls"; Tags = "tags";
}

words! { Drafts, "Choose what becomes of drafts.":
    Wake = "wake"; Rest = "rest";
}

/// The decision about one event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The hook runs.
    Wakes,
    /// The hook does not run, for this reason.
    Rests(String),
}

impl WakeOn {
    fn has_pushes(self) -> bool {
        matches!(self, Self::Both | Self::Pushes)
    }

    fn has_pulls(self) -> bool {
        matches!(self, Self::Both | Self::Pulls)
    }
}

impl Wake {
    /// The decision about a change and the files that it touches. A fact that is not known is no reason to rest.
    pub fn decide(&self, change: &Change, changed: &Changed) -> Decision {
        let why = self.rests_by_event(change).or_else(|| self.rests_by_words(change));
        let why = why.or_else(|| self.rests_by_paths(changed).filter(|_| self.asks_for_paths(change)));
        why.map_or(Decision::Wakes, Decision::Rests)
    }

    /// The reason to rest that the kind of the event and its ref give. The commit's message does not count here.
    pub fn rests_by_event(&self, change: &Change) -> Option<String> {
        match (&change.git_ref, &change.trigger) {
            (GitRef::Tag(tag), _) => self.rests_at_tag(tag, &change.git_ref),
            (_, Trigger::PullRequest { .. }) => self.rests_at_pull(change),
            (GitRef::Branch(branch), Trigger::Push) => self.rests_at_branch(branch),
            (GitRef::PullRequest(_), Trigger::Push) => None,
        }
    }

    /// The reason to rest that the commit's message gives, and of a pull request its title and text. A message that is
    /// not known may contain any word.
    pub fn rests_by_words(&self, change: &Change) -> Option<String> {
        if !self.has_words() {
            return None;
        }
        let texts = change.message.iter().chain(&change.skip_texts);
        let texts = texts.map(|text| text.to_lowercase()).collect::<Vec<_>>();
        let contained = |word: &&String| texts.iter().any(|text| text.contains(word.as_str()));
        if let Some(word) = self.skip_words.iter().find(contained) {
            return Some(format!("the message contains {word:?}, which the hook skips"));
        }
        let is_asked_for = self.words.is_empty() || self.words.iter().any(|word| contained(&word));
        let is_known = change.message.is_some();
        (is_known && !is_asked_for).then(|| match self.words.as_slice() {
            [word] => format!("the hook runs only if the message contains {word:?}"),
            _ => "the message contains none of the words that the hook asks for".to_owned(),
        })
    }

    /// True if the files that the change touches decide. A tag is no change of files.
    pub fn asks_for_paths(&self, change: &Change) -> bool {
        !self.paths.is_empty() && !matches!(change.git_ref, GitRef::Tag(_))
    }

    /// The reason to rest that the touched files give. Files that are not known are no reason.
    pub fn rests_by_paths(&self, changed: &Changed) -> Option<String> {
        let Changed::Paths(paths) = changed else { return None };
        let is_touched = self.paths.is_empty() || paths.iter().any(|path| self.paths.has(path));
        (!is_touched).then(|| match paths.len() {
            0 => "it changes no file".to_owned(),
            1 => "the hook does not run for the file that it changes".to_owned(),
            count => format!("the hook runs for none of the {count} files that it changes"),
        })
    }

    /// True if a push of a branch may wake the hook, and the next one not.
    pub fn chooses(&self) -> bool {
        self.has_words() || !self.paths.is_empty()
    }

    fn has_words(&self) -> bool {
        !self.words.is_empty() || !self.skip_words.is_empty()
    }

    /// True if the hook has to look at a pull request once more after this turn.
    pub fn minds(&self, turn: Turn) -> bool {
        self.on.has_pulls()
            && match turn {
                Turn::Ready => self.drafts == Drafts::Rest,
                Turn::Retargeted => !self.targets.is_empty() || !self.paths.is_empty(),
            }
    }

    fn rests_at_tag(&self, tag: &str, git_ref: &GitRef) -> Option<String> {
        if self.tags.is_empty() {
            return Some(format!("{git_ref} is not a branch"));
        }
        (!self.tags.has(tag)).then(|| format!("the hook does not run for the tag {tag}"))
    }

    fn rests_at_branch(&self, branch: &str) -> Option<String> {
        if !self.on.has_pushes() {
            return Some("the hook does not run for pushes to branches".to_owned());
        }
        let is_left_out = !self.branches.is_empty() && !self.branches.has(branch);
        is_left_out.then(|| format!("the hook does not run for pushes to {branch}"))
    }

    fn rests_at_pull(&self, change: &Change) -> Option<String> {
        if !self.on.has_pulls() {
            return Some("the hook does not run for pull requests".to_owned());
        }
        let pull = change.pull.as_ref()?;
        let is_left_out = |target: &&String| !self.targets.is_empty() && !self.targets.has(target);
        if let Some(target) = pull.target.as_ref().filter(is_left_out) {
            return Some(format!("the hook does not run for pull requests into {target}"));
        }
        let is_left_out = pull.is_draft && self.drafts == Drafts::Rest;
        is_left_out.then(|| "the hook runs when the draft is ready for review".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Author, PullFacts};

    fn change(git_ref: GitRef, trigger: Trigger) -> Change {
        Change {
            git_ref,
            sha: "a".repeat(40).parse().unwrap(),
            before: None,
            after: "a".repeat(40).parse().unwrap(),
            pushed_at: None,
            trigger,
            message: Some("Deploy it\n\n[release]".to_owned()),
            author: Author::default(),
            skip_texts: Vec::new(),
            commits: Vec::new(),
            pull: None,
            pusher: None,
            is_held: false,
        }
    }

    fn push(branch: &str) -> Change {
        change(GitRef::Branch(branch.into()), Trigger::Push)
    }

    fn tag(name: &str) -> Change {
        change(GitRef::Tag(name.into()), Trigger::Push)
    }

    fn pull(target: &str, is_draft: bool) -> Change {
        let trigger = Trigger::PullRequest { number: 5, title: "Title".into() };
        let pull = Some(PullFacts { target: Some(target.into()), is_draft });
        Change { pull, ..change(GitRef::Branch("topic".into()), trigger) }
    }

    fn patterns(text: &str) -> Patterns {
        text.parse().unwrap()
    }

    fn unknown() -> Changed {
        Changed::Unknown("a test".into())
    }

    fn wakes(wake: &Wake, change: &Change) -> bool {
        wake.decide(change, &unknown()) == Decision::Wakes
    }

    fn reason(wake: &Wake, change: &Change) -> String {
        let Decision::Rests(why) = wake.decide(change, &unknown()) else { panic!("the hook rests") };
        why
    }

    #[test]
    fn without_rules_all_wakes_but_tags() {
        let wake = Wake::default();
        let fork = Change { git_ref: GitRef::PullRequest(5), ..pull("main", true) };
        for change in [push("main"), push("a/b"), pull("main", true), pull("x", false), fork] {
            assert!(wakes(&wake, &change), "{change:?}");
        }
        assert_eq!(reason(&wake, &tag("v1")), "refs/tags/v1 is not a branch");
        assert!(!wake.minds(Turn::Ready) && !wake.minds(Turn::Retargeted));
    }

    #[test]
    fn branches_are_for_pushes_and_targets_for_pull_requests() {
        let wake = Wake { branches: patterns("main\nrelease/*"), ..Wake::default() };
        assert!(
            wakes(&wake, &push("main"))
                && wakes(&wake, &push("release/1"))
                && wakes(&wake, &pull("x", false))
        );
        assert_eq!(reason(&wake, &push("topic")), "the hook does not run for pushes to topic");
        let wake = Wake { targets: patterns("!old/**"), ..Wake::default() };
        assert!(wakes(&wake, &push("old/1")) && wakes(&wake, &pull("main", false)));
        assert_eq!(
            reason(&wake, &pull("old/1", false)),
            "the hook does not run for pull requests into old/1"
        );
        assert!(wake.minds(Turn::Retargeted) && !wake.minds(Turn::Ready));
        let of_paths = Wake { paths: patterns("src/"), ..Wake::default() };
        assert!(of_paths.minds(Turn::Retargeted), "it changes other files there");
        let unknown = Change { pull: None, ..pull("old/1", true) };
        assert!(wakes(&wake, &unknown), "the payload does not tell the target");
    }

    #[test]
    fn each_choice_of_events_leaves_out_the_others() {
        let of = |on| {
            let wake = Wake { on, tags: patterns("v*"), ..Wake::default() };
            [push("main"), pull("main", false), tag("v1"), tag("x")].map(|change| wakes(&wake, &change))
        };
        assert_eq!(of(WakeOn::Both), [true, true, true, false]);
        assert_eq!(of(WakeOn::Pushes), [true, false, true, false]);
        assert_eq!(of(WakeOn::Pulls), [false, true, true, false]);
        assert_eq!(of(WakeOn::Tags), [false, false, true, false]);
        let wake = Wake { on: WakeOn::Tags, tags: patterns("v*"), ..Wake::default() };
        assert_eq!(reason(&wake, &push("main")), "the hook does not run for pushes to branches");
        assert_eq!(reason(&wake, &pull("main", false)), "the hook does not run for pull requests");
        assert_eq!(reason(&wake, &tag("x")), "the hook does not run for the tag x");
    }

    #[test]
    fn a_draft_waits_until_it_is_ready() {
        let wake = Wake { drafts: Drafts::Rest, ..Wake::default() };
        assert_eq!(reason(&wake, &pull("main", true)), "the hook runs when the draft is ready for review");
        assert!(wakes(&wake, &pull("main", false)) && wakes(&wake, &push("topic")));
        assert!(wake.minds(Turn::Ready) && !wake.minds(Turn::Retargeted));
        assert!(
            !Wake { on: WakeOn::Pushes, ..wake }.minds(Turn::Ready),
            "pull requests do not wake it at all"
        );
    }

    #[test]
    fn words_are_looked_for_in_the_message_and_in_the_texts_of_a_pull_request() {
        let wake = Wake { words: vec!["[release]".into(), "deploy!".into()], ..Wake::default() };
        assert!(wakes(&wake, &push("main")));
        let plain = Change { message: Some("Fix".into()), ..push("main") };
        assert_eq!(reason(&wake, &plain), "the message contains none of the words that the hook asks for");
        let titled = Change { skip_texts: vec!["DEPLOY! now".into()], ..plain.clone() };
        assert!(wakes(&wake, &titled), "upper case counts as lower case");
        assert!(wakes(&wake, &Change { message: None, ..plain.clone() }), "the message is not known");
        let one = Wake { words: vec!["ship".into()], ..Wake::default() };
        assert_eq!(reason(&one, &plain), "the hook runs only if the message contains \"ship\"");
        let wake = Wake { skip_words: vec!["deploy it".into()], ..wake };
        assert_eq!(reason(&wake, &push("main")), "the message contains \"deploy it\", which the hook skips");
    }

    #[test]
    fn one_touched_file_of_the_list_is_enough() {
        let wake = Wake { paths: patterns("src/**\n!**/*.md"), ..Wake::default() };
        let reason = |paths: &[&str]| {
            let paths = paths.iter().map(|path| (*path).to_owned()).collect::<Vec<_>>();
            match wake.decide(&push("main"), &Changed::Paths(paths.into())) {
                Decision::Wakes => String::new(),
                Decision::Rests(why) => why,
            }
        };
        assert_eq!(reason(&["README.md", "src/a.rs"]), "");
        assert_eq!(reason(&["src/README.md"]), "the hook does not run for the file that it changes");
        assert_eq!(reason(&["a", "b"]), "the hook runs for none of the 2 files that it changes");
        assert_eq!(reason(&[]), "it changes no file");
        assert!(wakes(&wake, &push("main")), "the files are not known");
        let tagged = Wake { tags: patterns("v*"), ..wake.clone() };
        assert_eq!(tagged.decide(&tag("v1"), &Changed::Paths([].into())), Decision::Wakes);
        assert_eq!(Wake::default().rests_by_paths(&Changed::Paths([].into())), None);
    }

    #[test]
    fn rules_of_an_older_version_are_read_and_each_word_is_read_back() {
        assert_eq!(serde_json::from_str::<Wake>("{}").unwrap(), Wake::default());
        let wake =
            Wake { tags: patterns("v*\n!*-rc"), drafts: Drafts::Rest, on: WakeOn::Tags, ..Wake::default() };
        let stored = serde_json::to_string(&wake).unwrap();
        assert_eq!(serde_json::from_str::<Wake>(&stored).unwrap(), wake);
        assert!(WakeOn::ALL.iter().all(|on| on.word().parse() == Ok(*on)) && "x".parse::<WakeOn>().is_err());
        assert!(
            Drafts::ALL.iter().all(|rule| rule.word().parse() == Ok(*rule)) && "x".parse::<Drafts>().is_err()
        );
    }
}
