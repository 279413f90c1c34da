//! Faults of a file in the configuration repository, with their places.

use std::fmt;

/// The most faults of a file that are reported. A person with more begins with these.
const MOST: usize = 50;

/// The most characters of a text that are shown.
const LONGEST: usize = 120;

/// A fault of a file, with its place: `path:line:column: sentence`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RecipeFault {
    /// The file, below the configuration repository's root.
    pub path: String,
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1, in characters.
    pub column: usize,
    /// The fault, and the right way to write it; without characters that control a terminal.
    pub sentence: String,
}

impl fmt::Display for RecipeFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, line, column, sentence } = self;
        write!(f, "{}:{line}:{column}: {sentence}", harmless(path))
    }
}

/// A place in a file's text, both numbers from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct At {
    pub(super) line: usize,
    pub(super) column: usize,
}

impl At {
    /// The beginning of a file.
    pub(super) const START: Self = Self { line: 1, column: 1 };
}

/// Collects the faults of one file.
pub(super) struct Faults<'a> {
    path: &'a str,
    found: Vec<RecipeFault>,
    /// Number of words that were compared with known ones.
    compared: usize,
}

impl<'a> Faults<'a> {
    pub(super) fn of(path: &'a str) -> Self {
        Self { path, found: Vec::new(), compared: 0 }
    }

    pub(super) fn add(&mut self, at: At, sentence: impl AsRef<str>) {
        let At { line, column } = at;
        let sentence = harmless(sentence.as_ref());
        self.found.push(RecipeFault { path: self.path.to_owned(), line, column, sentence });
    }

    /// The known word that is most similar to an unknown one, if any is similar at all. A comparison goes letter by
    /// letter. So the number of comparisons per file and the length of words are limited.
    pub(super) fn nearest<'w>(
        &mut self,
        word: &str,
        known: impl IntoIterator<Item = &'w str>,
    ) -> Option<&'w str> {
        const LIKE: f64 = 0.5;
        self.compared += 1;
        if self.compared > MOST || word.len() > LONGEST {
            return None;
        }
        let known = known.into_iter().filter(|known| known.len() <= LONGEST).take(MOST);
        let likenesses = known.map(|known| (strsim::normalized_damerau_levenshtein(word, known), known));
        let best = likenesses.reduce(|best, next| if next.0 > best.0 { next } else { best });
        best.filter(|(likeness, _)| *likeness >= LIKE).map(|(_, known)| known)
    }

    /// The value, if the file has no faults; else the faults, in the order of lines.
    pub(super) fn unless_any<T>(mut self, read: T) -> Result<T, Vec<RecipeFault>> {
        if self.found.is_empty() {
            return Ok(read);
        }
        self.found.sort();
        // A value behind an anchor is read at each place that uses it.
        self.found.dedup();
        let more = self.found.len().saturating_sub(MOST);
        self.found.truncate(MOST);
        if let (1.., Some(RecipeFault { line, column, .. })) = (more, self.found.last()) {
            let at = At { line: *line, column: *column };
            self.add(at, format!("There are {more} more faults behind this one."));
        }
        Err(self.found)
    }
}

/// A text from a file, in quotes; shortened if it is long.
pub(super) fn quoted(text: &str) -> String {
    let cut = text.char_indices().nth(LONGEST);
    cut.map_or_else(|| format!("\"{text}\""), |(end, _)| format!("\"{}…\"", &text[..end]))
}

/// A key or script of a file, marked as code; shortened if it is long.
pub(super) fn marked(text: &str) -> String {
    let cut = text.char_indices().nth(LONGEST);
    cut.map_or_else(|| format!("`{text}`"), |(end, _)| format!("`{}…`", &text[..end]))
}

/// The text with escapes for characters that control a terminal or change the order of a line.
pub fn harmless(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter.is_control() || is_unseen(letter) {
            true => shown.extend(letter.escape_default()),
            false => shown.push(letter),
        }
    }
    shown
}

/// True if the character changes the order of a line or is not visible in it.
fn is_unseen(letter: char) -> bool {
    matches!(letter, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{feff}')
        || matches!(letter, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
        || matches!(letter, '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_that_reorder_a_line_or_are_not_seen_are_written_as_escapes() {
        for letter in
            ['\u{ad}', '\u{61c}', '\u{180e}', '\u{200e}', '\u{206a}', '\u{feff}', '\u{fff9}', '\u{e0041}']
        {
            assert_eq!(harmless(&format!("a{letter}b")), format!("a\\u{{{:x}}}b", u32::from(letter)));
        }
        assert_eq!(harmless("ü é 🚀"), "ü é 🚀");
    }

    #[test]
    fn what_a_terminal_would_obey_is_written_as_an_escape() {
        let path = "a\u{1b}[2J\u{202e}/ü".to_owned();
        let fault = RecipeFault { path, line: 1, column: 2, sentence: "No.".into() };
        assert_eq!(fault.to_string(), "a\\u{1b}[2J\\u{202e}/ü:1:2: No.");
        let mut faults = Faults::of("x");
        faults.add(At::START, "a\r\nb");
        assert_eq!(faults.unless_any(()).unwrap_err()[0].sentence, "a\\r\\nb");
    }

    #[test]
    fn faults_are_told_once_in_the_order_of_lines_and_not_without_end() {
        let mut faults = Faults::of("x");
        for line in (1..=70).rev().chain([3]) {
            faults.add(At { line, column: 1 }, "No.");
        }
        let told = faults.unless_any(()).unwrap_err();
        assert_eq!(told.len(), 51);
        assert!(told.is_sorted_by_key(|fault| fault.line));
        assert_eq!(told[50].to_string(), "x:50:1: There are 20 more faults behind this one.");
    }

    #[test]
    fn only_a_word_that_is_like_another_is_named() {
        let mut faults = Faults::of("x");
        assert_eq!(faults.nearest("artefact", ["archives", "artifact"]), Some("artifact"));
        assert_eq!(faults.nearest("memory", ["archives", "tag"]), None);
        assert_eq!(faults.nearest(&"a".repeat(500), ["a"]), None);
    }

    #[test]
    fn words_are_not_compared_without_end() {
        let mut faults = Faults::of("x");
        let found = (0..200).filter_map(|_| faults.nearest("artefact", ["artifact"])).count();
        assert_eq!(found, MOST);
    }

    #[test]
    fn long_texts_are_cut() {
        assert_eq!(quoted("ü"), "\"ü\"");
        assert_eq!(quoted(&"ü".repeat(121)), format!("\"{}…\"", "ü".repeat(120)));
        assert_eq!(marked(&"ü".repeat(121)), format!("`{}…`", "ü".repeat(120)));
    }
}
