//! Makes strangers' text harmless for messages about news: it removes everything that controls terminals, breaks headers
//! or changes the direction of writing, and shortens the text.

use crate::terminal;

/// The longest name, title or headline in a message, in characters.
const NAME_LIMIT: usize = 200;

/// One line of output, as a terminal shows it at the end.
pub(crate) fn line(shown: &str, limit: usize) -> String {
    cut(seen(shown).trim_end(), limit)
}

/// A sentence about a job: one line, as a terminal would show it.
pub(crate) fn sentence(text: &str, limit: usize) -> String {
    let lines = terminal::lines(text.as_bytes());
    line(&lines.iter().map(terminal::Line::text).collect::<Vec<_>>().join(" "), limit)
}

/// A name, title or headline: one line, no longer than [`NAME_LIMIT`].
pub(crate) fn name(text: &str) -> String {
    let spaced = text.replace(['\r', '\n', '\t'], " ");
    let plain = seen(&terminal::stripped(&spaced));
    cut(plain.split_whitespace().collect::<Vec<_>>().join(" ").as_str(), NAME_LIMIT)
}

fn cut(text: &str, limit: usize) -> String {
    match text.char_indices().nth(limit) {
        None => text.to_owned(),
        Some(_) => text.chars().take(limit - 1).chain(['…']).collect(),
    }
}

/// The text without characters that change the direction of writing, and without characters of no width that are not
/// combining marks.
fn seen(text: &str) -> String {
    let steers = |sign: char| {
        matches!(
            sign,
            '\u{61c}' | '\u{200b}' | '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
                | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
        )
    };
    text.chars().filter(|sign| !steers(*sign)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_steers_terminals_is_gone() {
        for (output, shown) in [
            ("\u{1b}[1;31mred\u{1b}[0m", "red"),
            ("\u{1b}]8;;https://evil\u{1b}\\link\u{1b}]8;;\u{7}", "link"),
            ("\u{1b}]0;a title that never ends", ""),
            ("10 %\r50 %\r100 %\r\n", "100 %"),
            ("\u{1b}(Bplain\u{1b}7", "plain"),
            ("bell\u{7} nul\0 \u{9b}31mred", "bell nul red"),
            ("a\u{202e}b\u{2066}c\u{200b}d", "abcd"),
            ("two\nlines", "two lines"),
        ] {
            assert_eq!(sentence(output, 100), shown, "{output:?}");
        }
        assert_eq!(name("\u{1b}[31ma\u{9b}2Jb\u{8}c\u{1b}]0;title\u{7}\u{202e}d"), "abcd");
    }

    #[test]
    fn names_are_one_line_and_long_text_is_cut() {
        assert_eq!(name("a\r\nBcc: eve@example.com\n\n\tb"), "a Bcc: eve@example.com b");
        assert_eq!(name(&"ü".repeat(1_000)).chars().count(), NAME_LIMIT);
        assert_eq!(line("12345", 5), "12345");
        assert_eq!(line("123456", 5), "1234…");
    }
}
