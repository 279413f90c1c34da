//! The name that people give a runner: one word, so that commands, pages and messages show it as it is.

use std::{fmt, str::FromStr};

/// The longest title, in characters.
pub const RUNNER_TITLE_LIMIT: usize = 40;

/// A runner's name for people: letters, digits and `.`, `_`, `-` after the first character.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunnerTitle(String);

/// The reason why a text is not a runner's name for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotATitle {
    /// There is none.
    #[error("Give the runner a name, such as big-1.")]
    Missing,
    /// The name has other characters.
    #[error("A runner's name has letters, digits and . _ -, with a letter or digit first.")]
    Characters,
    /// The name is too long.
    #[error("A runner's name has {RUNNER_TITLE_LIMIT} characters at most.")]
    Long,
}

impl RunnerTitle {
    /// The title as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for RunnerTitle {
    type Err = NotATitle;

    fn from_str(text: &str) -> Result<Self, NotATitle> {
        let is_inner = |letter: char| letter.is_ascii_alphanumeric() || "._-".contains(letter);
        match text.chars().next() {
            None => Err(NotATitle::Missing),
            Some(first) if !first.is_ascii_alphanumeric() => Err(NotATitle::Characters),
            Some(_) if !text.chars().all(is_inner) => Err(NotATitle::Characters),
            Some(_) if text.len() > RUNNER_TITLE_LIMIT => Err(NotATitle::Long),
            Some(_) => Ok(Self(text.to_owned())),
        }
    }
}

impl fmt::Display for RunnerTitle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_is_one_word() {
        let read = |text: &str| text.parse::<RunnerTitle>().map(|title| title.to_string());
        assert_eq!(read("Big-1.example_org"), Ok("Big-1.example_org".to_owned()));
        assert_eq!(read(""), Err(NotATitle::Missing));
        for bad in ["-big", "a b", "<b>", "größe", "a\n", ".."] {
            assert_eq!(read(bad), Err(NotATitle::Characters), "{bad}");
        }
        assert!(read(&"a".repeat(RUNNER_TITLE_LIMIT)).is_ok());
        assert_eq!(read(&"a".repeat(RUNNER_TITLE_LIMIT + 1)), Err(NotATitle::Long));
    }
}
