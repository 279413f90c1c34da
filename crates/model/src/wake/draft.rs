//! The rules of a hook as people type them into its form, and the sentence beside each wrong field.

use super::{Drafts, Wake, WakeOn};
use crate::{
    form::{FieldFaults, choice},
    pattern::Patterns,
};

/// The most words of one field.
const MOST_WORDS: usize = 10;

/// The longest word, in characters.
const LONGEST_WORD: usize = 100;

/// Signs that no name of a branch or tag has, but patterns of other programs do.
const NO_NAMES: &str = " ~^:\\[";

/// The rules as typed into the form, right or wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WakeDraft {
    /// The choice of events: a [`WakeOn::word`]; empty: its default.
    pub on: String,
    /// Patterns of branches, one a line.
    pub branches: String,
    /// Patterns of tags, one a line.
    pub tags: String,
    /// Patterns of target branches, one a line.
    pub targets: String,
    /// The rule for drafts: a [`Drafts::word`]; empty: its default.
    pub drafts: String,
    /// Patterns of paths, one a line.
    pub paths: String,
    /// Words that the message has to contain, one a line.
    pub words: String,
    /// Words that the message must not contain, one a line.
    pub skip_words: String,
}

impl WakeDraft {
    /// The rules that the draft describes. Each wrong field adds a fault, and counts as empty.
    pub fn check(&self, faults: &mut FieldFaults) -> Wake {
        let mut note = |field: &'static str, fault: String| {
            faults.insert(field, fault);
        };
        let on = choice(&self.on).unwrap_or_else(|fault| {
            note("wake_on", fault);
            WakeOn::default()
        });
        let drafts = choice(&self.drafts).unwrap_or_else(|fault| {
            note("wake_drafts", fault);
            Drafts::default()
        });
        let mut refs = |field, text: &str, before| {
            ref_patterns(text, before).unwrap_or_else(|fault| {
                note(field, fault);
                Patterns::default()
            })
        };
        let branches = refs("wake_branches", &self.branches, "refs/heads/");
        let tags = refs("wake_tags", &self.tags, "refs/tags/");
        let targets = refs("wake_targets", &self.targets, "refs/heads/");
        let paths = self.paths.parse::<Patterns>().unwrap_or_else(|fault| {
            note("wake_paths", fault.to_string());
            Patterns::default()
        });
        if on == WakeOn::Tags && self.tags.trim().is_empty() {
            note("wake_tags", "Name the tags that run the hook, such as v*: nothing else does.".to_owned());
        }
        let mut words = |field, text: &str| {
            words(text).unwrap_or_else(|fault| {
                note(field, fault);
                Vec::new()
            })
        };
        let (words, skip_words) =
            (words("wake_words", &self.words), words("wake_skip_words", &self.skip_words));
        Wake { on, branches, tags, targets, drafts, paths, words, skip_words }
    }
}

impl From<&Wake> for WakeDraft {
    fn from(wake: &Wake) -> Self {
        let Wake { on, branches, tags, targets, drafts, paths, words, skip_words } = wake;
        Self {
            on: on.word().to_owned(),
            branches: branches.lines(),
            tags: tags.lines(),
            targets: targets.lines(),
            drafts: drafts.word().to_owned(),
            paths: paths.lines(),
            words: words.join("\n"),
            skip_words: skip_words.join("\n"),
        }
    }
}

/// Patterns of refs, without the beginning that all of these refs have.
fn ref_patterns(text: &str, before: &str) -> Result<Patterns, String> {
    let patterns = text.parse::<Patterns>().map_err(|fault| fault.to_string())?;
    for pattern in patterns.texts() {
        let name = pattern.trim_start_matches('!').trim_start();
        let shown = name.chars().take(60).collect::<String>();
        if let Some(short) = name.strip_prefix(before) {
            let short = short.chars().take(60).collect::<String>();
            return Err(format!("Write {short} instead of {shown}."));
        }
        if let Some(sign) = name.chars().find(|sign| NO_NAMES.contains(*sign)) {
            return Err(match sign {
                ' ' => format!("{shown} has a blank in it: write one pattern a line."),
                sign => {
                    format!("{shown} has a {sign} in it, which no such name has. Wildcards are * ** and ?.")
                }
            });
        }
    }
    Ok(patterns)
}

fn words(text: &str) -> Result<Vec<String>, String> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let words = lines.map(str::to_lowercase).collect::<Vec<_>>();
    if words.len() > MOST_WORDS {
        return Err(format!("{} words are too many: write {MOST_WORDS} at most.", words.len()));
    }
    let is_wrong = |word: &&String| word.chars().count() > LONGEST_WORD || word.contains(char::is_control);
    match words.iter().find(is_wrong) {
        Some(_) => Err(format!("Keep each word to {LONGEST_WORD} characters, and to one line.")),
        None => Ok(words),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(draft: &WakeDraft) -> FieldFaults {
        let mut faults = FieldFaults::new();
        draft.check(&mut faults);
        faults
    }

    #[test]
    fn an_empty_draft_has_the_default_rules_and_rules_are_shown_as_they_were_typed() {
        let mut faults = FieldFaults::new();
        assert_eq!(WakeDraft::default().check(&mut faults), Wake::default());
        let draft = WakeDraft {
            on: "pulls".into(),
            branches: "main\nrelease/**".into(),
            tags: "v*\n!v0.*".into(),
            targets: "main".into(),
            drafts: "rest".into(),
            paths: "src/**\n[a] b/".into(),
            words: "deploy".into(),
            skip_words: "wip\n[skip tests]".into(),
        };
        let wake = draft.check(&mut faults);
        assert!(faults.is_empty() && wake.skip_words == ["wip", "[skip tests]"], "{faults:?}");
        assert_eq!(WakeDraft::from(&wake), draft);
        let upper = WakeDraft { words: " Deploy \r\n".into(), ..draft };
        assert_eq!(upper.check(&mut faults), wake, "upper case and white space do not count");
    }

    #[test]
    fn each_wrong_field_has_its_sentence() {
        let draft = WakeDraft {
            on: "x".into(),
            branches: "main\nrefs/heads/release/*".into(),
            tags: "v[0-9]".into(),
            targets: "main, develop".into(),
            drafts: "x".into(),
            paths: "./src".into(),
            words: "a\n".repeat(11),
            skip_words: "a".repeat(101),
        };
        let said = faults(&draft);
        for (field, words) in [
            ("wake_on", "Choose which events"),
            ("wake_branches", "Write release/* instead of refs/heads/release/*."),
            ("wake_tags", "v[0-9] has a [ in it"),
            ("wake_targets", "main, develop has a blank in it: write one pattern a line."),
            ("wake_drafts", "Choose what becomes of drafts."),
            ("wake_paths", "./src begins at no name"),
            ("wake_words", "11 words are too many: write 10 at most."),
            ("wake_skip_words", "Keep each word to 100 characters"),
        ] {
            assert!(said[field].contains(words), "{field}: {said:?}");
        }
        assert_eq!(said.len(), 8);
        let long = WakeDraft { branches: "a".repeat(300), ..WakeDraft::default() };
        assert!(faults(&long)["wake_branches"].contains("is longer than 200 bytes"));
    }

    #[test]
    fn a_hook_for_tags_alone_names_them() {
        let draft = WakeDraft { on: "tags".into(), ..WakeDraft::default() };
        assert!(faults(&draft)["wake_tags"].contains("nothing else does"));
        assert!(faults(&WakeDraft { tags: "v*".into(), ..draft }).is_empty());
    }
}
