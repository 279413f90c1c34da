//! The part of a hook's form about the events that run it.

use super::HookPage;
use kozmic_model::wake::{Drafts, WakeDraft, WakeOn};
use serde::Deserialize;

/// The fields of this part as typed.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct TypedWake {
    #[serde(rename = "wake_on")]
    on: String,
    #[serde(rename = "wake_branches")]
    branches: String,
    #[serde(rename = "wake_tags")]
    tags: String,
    #[serde(rename = "wake_targets")]
    targets: String,
    #[serde(rename = "wake_drafts")]
    drafts: String,
    #[serde(rename = "wake_paths")]
    paths: String,
    #[serde(rename = "wake_words")]
    words: String,
    #[serde(rename = "wake_skip_words")]
    skip_words: String,
}

impl From<TypedWake> for WakeDraft {
    fn from(typed: TypedWake) -> Self {
        let TypedWake { on, branches, tags, targets, drafts, paths, words, skip_words } = typed;
        // Browsers send CR LF.
        let [branches, tags, targets, paths, words, skip_words] =
            [branches, tags, targets, paths, words, skip_words].map(|text| text.replace("\r\n", "\n"));
        Self { on, branches, tags, targets, drafts, paths, words, skip_words }
    }
}

impl HookPage {
    /// True if these events are chosen.
    pub(super) fn wakes_on(&self, choice: WakeOn) -> bool {
        self.draft.wake.on.parse::<WakeOn>().unwrap_or_default() == choice
    }

    /// True if this rule for drafts is chosen.
    pub(super) fn treats_drafts(&self, choice: Drafts) -> bool {
        self.draft.wake.drafts.parse::<Drafts>().unwrap_or_default() == choice
    }

    /// True if this part has content.
    pub(super) fn has_rules(&self) -> bool {
        let WakeDraft { on: _, branches, tags, targets, drafts: _, paths, words, skip_words } =
            &self.draft.wake;
        let is_filled =
            [branches, tags, targets, paths, words, skip_words].into_iter().any(|text| !text.is_empty());
        let is_chosen = !self.wakes_on(WakeOn::default()) || !self.treats_drafts(Drafts::default());
        is_filled || is_chosen || self.faults.keys().any(|field| field.starts_with("wake_"))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::{super::Typed, *};
    use kozmic_model::hook::HookDraft;

    /// A draft in which each field is wrong.
    pub(in crate::pages::hooks) fn wrong() -> WakeDraft {
        WakeDraft {
            on: "x".into(),
            branches: "/main".into(),
            tags: "v[0-9]".into(),
            targets: "a b".into(),
            drafts: "x".into(),
            paths: "!".into(),
            words: "x".repeat(101),
            skip_words: "x\n".repeat(11),
        }
    }

    #[test]
    fn the_fields_of_the_form_become_a_draft() {
        let form = serde_json::json!({ "title": "Tests", "wake_on": "pulls", "wake_branches": "main\r\nx" });
        let draft = HookDraft::from(serde_json::from_value::<Typed>(form).unwrap());
        let wake = WakeDraft { on: "pulls".into(), branches: "main\nx".into(), ..WakeDraft::default() };
        assert_eq!((draft.title.as_str(), draft.wake), ("Tests", wake));
    }
}
