//! The labels of a script in a recipe: a list, or a text with commas or blanks between them.

use super::{
    fault::Faults,
    yaml::{Node, Value},
};
use crate::label::{Label, Labels};

/// The key of the labels in a script's definition.
pub(super) const KEY: &str = "labels";

/// The labels in a definition; none if they have a fault.
pub(super) fn labels(entries: &[(Node, Node)], faults: &mut Faults<'_>) -> Option<Labels> {
    let Some((_, value)) = entries.iter().find(|(key, _)| key.text() == Some(KEY)) else {
        return Some(Labels::default());
    };
    let labels = match &value.value {
        Value::Text(text) => text.parse::<Labels>(),
        Value::List(items) => Labels::listed(all(items, faults)?),
        // A key without a value was reported with the other keys.
        Value::Nothing => return None,
        Value::Map(_) => {
            let kind = value.kind();
            faults.add(value.at, format!("`{KEY}` is {kind}, and needs to be a text or a list of texts."));
            return None;
        }
    };
    labels.map_err(|fault| faults.add(value.at, fault.to_string())).ok()
}

/// The items of a list as labels; none if one of them has a fault. Each fault is reported.
fn all(items: &[Node], faults: &mut Faults<'_>) -> Option<Vec<Label>> {
    let labels = items.iter().map(|item| label(item, faults)).collect::<Vec<_>>();
    labels.into_iter().collect()
}

fn label(item: &Node, faults: &mut Faults<'_>) -> Option<Label> {
    let Some(text) = item.text() else {
        faults.add(item.at, format!("A label in `{KEY}` is a text, and this is {}.", item.kind()));
        return None;
    };
    text.parse::<Label>().map_err(|fault| faults.add(item.at, fault.to_string())).ok()
}

#[cfg(test)]
mod tests {
    use super::super::{BuildScript, Recipe, RecipeDefaults, recipe};
    use crate::git::{GitRef, RefAt};
    use std::collections::BTreeSet;

    /// The labels of a script with this text behind `labels:`, or the faults.
    fn read(written: &str) -> Result<String, Vec<String>> {
        let text =
            format!("buildscripts: [a.sh]\na.sh:\n  archives: /x\n  artifact: a.tgz\n  labels:{written}\n");
        let defaults = RecipeDefaults { archives: None, image: "ubuntu:16.04".parse().unwrap() };
        let path = "zero-os/0-core/main.yaml";
        let read = recipe(path, text.as_bytes(), &defaults);
        let without_path = |fault: String| fault.replace(&format!("{path}:"), "");
        read.map(|recipe| recipe.scripts[0].labels.to_string())
            .map_err(|faults| faults.iter().map(|fault| without_path(fault.to_string())).collect())
    }

    #[test]
    fn labels_are_a_list_or_a_text() {
        for (written, labels) in [
            (" [gpu, ARM64]", "arm64,gpu"),
            ("\n  - gpu\n  - arm64\n  - gpu", "arm64,gpu"),
            (" gpu", "gpu"),
            (" gpu, arm64", "arm64,gpu"),
            (" >-\n    gpu\n    arm64", "arm64,gpu"),
            (" 386", "386"),
            (" [1.0, no, 0x1F]", "0x1f,1.0,no"),
            (" []", ""),
            (" ''", ""),
        ] {
            assert_eq!(read(written), Ok(labels.to_owned()), "{written}");
        }
    }

    #[test]
    fn the_job_of_a_script_asks_for_its_labels_and_older_configurations_have_none() {
        let text = "buildscripts: [a.sh]\na.sh: {archives: /x, artifact: a.tgz, labels: gpu}\n";
        let defaults = RecipeDefaults { archives: None, image: "ubuntu:16.04".parse().unwrap() };
        let Recipe { scripts } = recipe("o/r/main.yaml", text.as_bytes(), &defaults).unwrap();
        let git_ref = GitRef::Branch("main".into());
        let at = RefAt { git_ref: &git_ref, sha: &"a".repeat(40).parse().unwrap() };
        assert_eq!(scripts[0].job("o/r", at, &BTreeSet::new()).labels.to_string(), "gpu");
        let stored = serde_json::to_value(&scripts[0]).unwrap();
        assert_eq!(serde_json::from_value::<BuildScript>(stored.clone()).unwrap(), scripts[0]);
        let mut older = stored;
        older.as_object_mut().unwrap().remove("labels");
        assert!(serde_json::from_value::<BuildScript>(older).unwrap().labels.is_empty());
    }

    #[test]
    fn each_label_that_is_none_is_told_at_its_place() {
        let faults = |written: &str| read(written).unwrap_err();
        let no_label = |text: &str| {
            format!("\"{text}\" is no label: use letters, digits and . _ -, with a letter or digit first.")
        };
        assert_eq!(
            faults(" [gpu, -x, 'a b', '', é]"),
            [("17", "-x"), ("21", "a b"), ("28", ""), ("32", "é")]
                .map(|(column, text)| format!("5:{column}: {}", no_label(text)))
        );
        assert_eq!(faults(" gpu; arm64"), [format!("5:11: {}", no_label("gpu;"))]);
        assert_eq!(faults(" -1e999"), [format!("5:11: {}", no_label("-1e999"))]);
        assert_eq!(faults(" \"a\\u001b[2J\""), [format!("5:11: {}", no_label("a\\u{1b}[2J"))]);
        let long = "a".repeat(41);
        assert_eq!(
            faults(&format!(" [{long}]")),
            [format!("5:12: The label \"{}\"… is longer than 40 characters.", &long[1..])]
        );
    }

    #[test]
    fn more_than_ten_labels_are_too_many_in_both_ways() {
        let many = (0..11).map(|number| format!("l{number}")).collect::<Vec<_>>().join(", ");
        let fault = ["5:11: 11 labels are too many: name 10 at most."];
        assert_eq!(read(&format!(" [{many}]")).unwrap_err(), fault);
        assert_eq!(read(&format!(" {many}")).unwrap_err(), fault);
    }

    #[test]
    fn other_kinds_of_values_are_refused() {
        for nothing in ["", " ~", " null"] {
            let fault = "5:3: `labels` says nothing: write a value behind it, or take it out.";
            assert_eq!(read(nothing).unwrap_err(), [fault]);
        }
        assert_eq!(
            read(" {gpu: yes}").unwrap_err(),
            ["5:11: `labels` is a mapping, and needs to be a text or a list of texts."]
        );
        assert_eq!(
            read(" [gpu, ~, [arm64], {a: b}]").unwrap_err(),
            [
                "5:17: A label in `labels` is a text, and this is empty.",
                "5:20: A label in `labels` is a text, and this is a list.",
                "5:29: A label in `labels` is a text, and this is a mapping.",
            ]
        );
        let twice = " gpu\n  labels: arm64";
        assert_eq!(read(twice).unwrap_err(), ["6:3: The key `labels` stands here a second time."]);
    }
}
