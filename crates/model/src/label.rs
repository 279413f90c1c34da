//! Labels: words by which a job asks for a kind of machine, and by which a runner says what it is.

use serde::{Deserialize, Serialize};
use std::{collections::BTreeSet, fmt, str::FromStr};

/// The longest label, in characters.
const LONGEST: usize = 40;

/// The most labels that people give to one runner, hook or recipe.
pub const MOST_LABELS: usize = 10;

/// One label, such as `gpu` or `arm64`: lower case letters, digits, and `.`, `_`, `-` after the first character.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Label(String);

/// A set of labels, in the order of the alphabet.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Labels(BTreeSet<Label>);

/// The reason why a text is not a label or a list of labels.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotALabel {
    /// The text has other characters, or none.
    #[error("{0:?} is no label: use letters, digits and . _ -, with a letter or digit first.")]
    Characters(String),
    /// The text is too long; it is given without its end.
    #[error("The label {0:?}… is longer than {LONGEST} characters.")]
    Long(String),
    /// The list is too long.
    #[error("{0} labels are too many: name {MOST_LABELS} at most.")]
    Many(usize),
}

impl Label {
    /// The label as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Label {
    type Err = NotALabel;

    fn from_str(text: &str) -> Result<Self, NotALabel> {
        if text.chars().nth(LONGEST).is_some() {
            return Err(NotALabel::Long(text.chars().take(LONGEST).collect()));
        }
        let is_inner = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        let is_label = text.bytes().all(is_inner)
            && text.bytes().next().is_some_and(|first| first.is_ascii_alphanumeric());
        match is_label {
            true => Ok(Self(text.to_ascii_lowercase())),
            false => Err(NotALabel::Characters(text.to_owned())),
        }
    }
}

impl TryFrom<String> for Label {
    type Error = NotALabel;

    fn try_from(text: String) -> Result<Self, NotALabel> {
        text.parse()
    }
}

impl From<Label> for String {
    fn from(label: Label) -> Self {
        label.0
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Labels {
    /// The labels that a person listed, each once.
    ///
    /// # Errors
    /// They are too many.
    pub fn listed(labels: impl IntoIterator<Item = Label>) -> Result<Self, NotALabel> {
        let labels = labels.into_iter().collect::<Self>();
        match labels.0.len() {
            many if many > MOST_LABELS => Err(NotALabel::Many(many)),
            _ => Ok(labels),
        }
    }

    /// True if there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The labels, in the order of the alphabet.
    pub fn iter(&self) -> impl Iterator<Item = &Label> {
        self.0.iter()
    }

    /// True if `other` has all of these.
    pub fn are_all_in(&self, other: &Self) -> bool {
        self.0.is_subset(&other.0)
    }

    /// These and those of `other`.
    #[must_use]
    pub fn with(&self, other: &Self) -> Self {
        Self(self.0.union(&other.0).cloned().collect())
    }

    /// The labels that `other` lacks.
    #[must_use]
    pub fn without(&self, other: &Self) -> Self {
        Self(self.0.difference(&other.0).cloned().collect())
    }

    /// The labels as part of a sentence: "gpu", "arm64 and gpu", "a, b and c".
    pub fn spoken(&self) -> String {
        let words = self.0.iter().map(Label::as_str).collect::<Vec<_>>();
        match words.split_last() {
            None => String::new(),
            Some((last, [])) => (*last).to_owned(),
            Some((last, first)) => format!("{} and {last}", first.join(", ")),
        }
    }
}

impl FromIterator<Label> for Labels {
    fn from_iter<T: IntoIterator<Item = Label>>(labels: T) -> Self {
        Self(labels.into_iter().collect())
    }
}

/// Reads labels that a person wrote, separated by commas or white space.
impl FromStr for Labels {
    type Err = NotALabel;

    fn from_str(text: &str) -> Result<Self, NotALabel> {
        let words = text.split(|c: char| c == ',' || c.is_whitespace()).filter(|word| !word.is_empty());
        Self::listed(words.map(str::parse).collect::<Result<Vec<_>, _>>()?)
    }
}

/// The form in the database and in fields: `arm64,gpu`.
impl fmt::Display for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, label) in self.0.iter().enumerate() {
            let comma = if place == 0 { "" } else { "," };
            write!(f, "{comma}{label}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_read_as_people_write_them() {
        let read = |text: &str| text.parse::<Labels>().map(|labels| labels.to_string());
        assert_eq!(read(" GPU, arm64\n gpu,"), Ok("arm64,gpu".to_owned()));
        assert_eq!(read(""), Ok(String::new()));
        assert_eq!(read("docker-20.10"), Ok("docker-20.10".to_owned()));
        for bad in ["-gpu", "a b!", "größe", ".."] {
            assert!(matches!(read(bad), Err(NotALabel::Characters(_))), "{bad}");
        }
        assert!(read(&"a".repeat(LONGEST)).is_ok());
        assert!(matches!(read(&"a".repeat(LONGEST + 1)), Err(NotALabel::Long(_))));
        let many = (0..=MOST_LABELS).map(|number| format!("l{number} ")).collect::<String>();
        assert_eq!(read(&many), Err(NotALabel::Many(MOST_LABELS + 1)));
        assert_eq!(read(&"gpu,".repeat(MOST_LABELS + 1)), Ok("gpu".to_owned()), "each counts once");
    }

    #[test]
    fn a_set_can_be_compared_and_spoken() {
        let labels = |text: &str| text.parse::<Labels>().unwrap();
        assert!(labels("gpu").are_all_in(&labels("gpu,arm64")) && Labels::default().are_all_in(&labels("")));
        assert_eq!(labels("gpu,arm64,big").without(&labels("arm64")).spoken(), "big and gpu");
        assert_eq!(labels("c b a").spoken(), "a, b and c");
        assert_eq!(labels("a").with(&labels("b")), labels("a b"));
        assert_eq!(serde_json::to_string(&labels("b a")).unwrap(), r#"["a","b"]"#);
        assert!(serde_json::from_str::<Labels>(r#"["a b"]"#).is_err());
    }
}
