//! Strangers' text made harmless for mails: nothing that steers terminals, breaks headers or turns the direction of
//! writing, and of a length that people read.

use std::{iter::Peekable, str::Chars};

/// One line of output as a terminal would show it in the end: what a carriage return goes back over is gone.
pub(super) fn line(text: &str, limit: usize) -> String {
    let line = text.trim_end_matches(['\r', '\n']);
    let shown = line.rsplit('\r').next().unwrap_or(line);
    cut(plain(shown).trim_end(), limit)
}

/// A name, title or headline: one line, no longer than [`super::NAME_LIMIT`].
pub(super) fn name(text: &str) -> String {
    let spaced = text.replace(['\r', '\n', '\t'], " ");
    cut(plain(&spaced).split_whitespace().collect::<Vec<_>>().join(" ").as_str(), super::NAME_LIMIT)
}

fn cut(text: &str, limit: usize) -> String {
    match text.char_indices().nth(limit) {
        None => text.to_owned(),
        Some(_) => text.chars().take(limit - 1).chain(['…']).collect(),
    }
}

/// Text without escape sequences and characters that nobody sees.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' => skip_escape(&mut chars),
            '\u{9b}' => skip_control_sequence(&mut chars),
            '\t' => plain.push(c),
            c if is_unseen(c) => {}
            c => plain.push(c),
        }
    }
    plain
}

/// Skips the part that follows an ESC (ECMA-48): a control sequence, a string, or a few signs.
fn skip_escape(chars: &mut Peekable<Chars<'_>>) {
    match chars.next() {
        Some('[') => skip_control_sequence(chars),
        Some(']' | 'P' | 'X' | '^' | '_') => skip_string(chars),
        Some(' '..='/') => {
            while chars.next_if(|c| (' '..='/').contains(c)).is_some() {}
            chars.next_if(|c| ('0'..='~').contains(c));
        }
        _ => {}
    }
}

/// Parameters, then one sign that ends them.
fn skip_control_sequence(chars: &mut Peekable<Chars<'_>>) {
    while chars.next_if(|c| (' '..='?').contains(c)).is_some() {}
    chars.next_if(|c| ('@'..='~').contains(c));
}

/// A title or a link's address, up to its end.
fn skip_string(chars: &mut Peekable<Chars<'_>>) {
    while let Some(c) = chars.next() {
        match c {
            '\u{7}' | '\u{9c}' => return,
            '\u{1b}' => {
                chars.next_if_eq(&'\\');
                return;
            }
            _ => {}
        }
    }
}

/// Controls, and what turns the direction of writing or has no width.
fn is_unseen(c: char) -> bool {
    let steers = matches!(
        c,
        '\u{61c}' | '\u{200b}' | '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
    );
    c.is_control() || steers
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
            ("bell\u{7} back\u{8} nul\0 \u{9b}2Jclear", "bell back nul clear"),
            ("a\u{202e}b\u{2066}c\u{200b}d", "abcd"),
            ("\ttabs stay\t", "\ttabs stay"),
        ] {
            assert_eq!(line(output, 100), shown, "{output:?}");
        }
    }

    #[test]
    fn names_are_one_line_and_long_text_is_cut() {
        assert_eq!(name("a\r\nBcc: eve@example.com\n\n\tb"), "a Bcc: eve@example.com b");
        assert_eq!(name(&"ü".repeat(1_000)).chars().count(), super::super::NAME_LIMIT);
        assert_eq!(line("12345", 5), "12345");
        assert_eq!(line("123456", 5), "1234…");
    }
}
