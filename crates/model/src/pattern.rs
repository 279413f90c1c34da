//! Lists of patterns for names of branches, tags and files, as people write them: one a line, with wildcards and
//! exclusions.

mod glob;

use glob::{Glob, LONGEST};
use serde::{Deserialize, Serialize};
use std::str::FromStr;

/// The most patterns of one list.
const MOST: usize = 50;

/// The sign before a pattern that takes names out of the list.
const EXCLUSION: char = '!';

/// One line of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Pattern {
    /// The line as it was written.
    text: String,
    is_exclusion: bool,
    glob: Glob,
}

/// A list of patterns. The last pattern that stands for a name decides about it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<String>", into = "Vec<String>")]
pub struct Patterns(Vec<Pattern>);

/// The reason why a text is no list of patterns, in a sentence for its author.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotPatterns {
    /// A pattern is too long; it is given without its end.
    #[error("The pattern {0}… is longer than {LONGEST} bytes.")]
    Long(String),
    /// The list is too long.
    #[error("{0} patterns are too many: write {MOST} at most.")]
    Many(usize),
    /// A pattern names nothing.
    #[error("Write a pattern behind the {EXCLUSION}, such as !docs/**.")]
    Nothing,
    /// A pattern begins with a slash or a dot and a slash.
    #[error("{0} begins at no name: write it without / or ./ at its start.")]
    Rooted(String),
    /// A pattern has a control character.
    #[error("{0:?} is no pattern.")]
    Control(String),
}

impl Patterns {
    /// True if there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The patterns as they were written, one a line.
    pub fn lines(&self) -> String {
        self.texts().collect::<Vec<_>>().join("\n")
    }

    /// The patterns as they were written.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|pattern| pattern.text.as_str())
    }

    /// True if the list has the name. A list that begins with an exclusion has all names that no exclusion takes out.
    pub fn has(&self, name: &str) -> bool {
        let decides = self.0.iter().rev().find(|pattern| pattern.glob.matches(name));
        match decides {
            Some(pattern) => !pattern.is_exclusion,
            None => self.0.first().is_some_and(|first| first.is_exclusion),
        }
    }

    fn listed(lines: &[&str]) -> Result<Self, NotPatterns> {
        if lines.len() > MOST {
            return Err(NotPatterns::Many(lines.len()));
        }
        lines.iter().map(|line| line.parse()).collect::<Result<_, _>>().map(Self)
    }
}

impl FromStr for Pattern {
    type Err = NotPatterns;

    fn from_str(text: &str) -> Result<Self, NotPatterns> {
        let shown = || text.chars().take(60).collect();
        let (is_exclusion, glob) = match text.strip_prefix(EXCLUSION) {
            Some(rest) => (true, rest.trim_start()),
            None => (false, text),
        };
        if text.len() > LONGEST {
            return Err(NotPatterns::Long(shown()));
        }
        if glob.is_empty() {
            return Err(NotPatterns::Nothing);
        }
        if glob.starts_with('/') || glob.starts_with("./") {
            return Err(NotPatterns::Rooted(shown()));
        }
        if text.contains(char::is_control) {
            return Err(NotPatterns::Control(shown()));
        }
        Ok(Self { text: text.to_owned(), is_exclusion, glob: Glob::new(glob) })
    }
}

/// Reads patterns as a person wrote them, one a line.
impl FromStr for Patterns {
    type Err = NotPatterns;

    fn from_str(text: &str) -> Result<Self, NotPatterns> {
        Self::listed(&text.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>())
    }
}

impl TryFrom<Vec<String>> for Patterns {
    type Error = NotPatterns;

    fn try_from(texts: Vec<String>) -> Result<Self, NotPatterns> {
        Self::listed(&texts.iter().map(String::as_str).collect::<Vec<_>>())
    }
}

impl From<Patterns> for Vec<String> {
    fn from(patterns: Patterns) -> Self {
        patterns.0.into_iter().map(|pattern| pattern.text).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patterns(text: &str) -> Patterns {
        text.parse().unwrap()
    }

    #[test]
    fn the_last_pattern_that_fits_decides() {
        let list = patterns("release/**\n!release/**-alpha\nrelease/1-alpha");
        for (name, is_in) in
            [("release/1", true), ("release/2-alpha", false), ("release/1-alpha", true), ("main", false)]
        {
            assert_eq!(list.has(name), is_in, "{name}");
        }
        assert!(!patterns("").has("main"), "an empty list has nothing");
    }

    #[test]
    fn a_list_that_begins_with_an_exclusion_has_all_the_rest() {
        let list = patterns("!docs/**\n! *.md\ndocs/conf.py");
        for (name, is_in) in [
            ("src/a", true),
            ("docs/a", false),
            ("README.md", false),
            ("a/b.md", true),
            ("docs/conf.py", true),
        ] {
            assert_eq!(list.has(name), is_in, "{name}");
        }
    }

    #[test]
    fn a_list_is_shown_as_it_was_written_and_stored_as_a_list() {
        let list = patterns("  main\r\n\r\n!x/* \n");
        assert_eq!(list.lines(), "main\n!x/*");
        let stored = serde_json::to_string(&list).unwrap();
        assert_eq!(stored, r#"["main","!x/*"]"#);
        assert_eq!(serde_json::from_str::<Patterns>(&stored).unwrap(), list);
        assert!(serde_json::from_str::<Patterns>(r#"["/a"]"#).is_err());
    }

    #[test]
    fn each_bad_list_has_its_sentence() {
        let long = "a".repeat(LONGEST + 1);
        for (text, words) in [
            (long.as_str(), "aaa… is longer than 200 bytes."),
            (&"a\n".repeat(MOST + 1), "51 patterns are too many: write 50 at most."),
            ("main\n!", "Write a pattern behind the !"),
            ("! ", "Write a pattern behind the !"),
            ("/src/**", "/src/** begins at no name"),
            ("!./src", "!./src begins at no name"),
            ("a\u{1b}[0m", "is no pattern"),
        ] {
            let fault = text.parse::<Patterns>().unwrap_err().to_string();
            assert!(fault.contains(words), "{fault}");
        }
        assert!(
            "a\n".repeat(MOST).parse::<Patterns>().is_ok() && "a".repeat(LONGEST).parse::<Patterns>().is_ok()
        );
    }
}
