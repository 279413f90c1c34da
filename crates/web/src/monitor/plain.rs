//! A log as plain text while it streams: control sequences are gone, and a line that overwrote itself has its last
//! text. Pieces may be cut anywhere.

use std::mem::take;

/// The longest line that is held back until it ends, in bytes; what is longer goes out in parts.
const LONGEST: usize = 64 * 1024;

/// Takes a log's bytes piece by piece, and gives its text.
#[derive(Default)]
pub(super) struct PlainText {
    /// The beginning of a character whose end has not come.
    torn: Vec<u8>,
    inside: Inside,
    line: String,
    /// Whether the next sign of the line stands at its start again.
    has_returned: bool,
}

/// The text of a whole piece of a log.
pub(crate) fn plain(bytes: &[u8]) -> String {
    let mut plain = PlainText::default();
    let mut text = plain.after(bytes);
    text.push_str(&plain.rest());
    text
}

/// The part that the next sign belongs to.
#[derive(Clone, Copy, Default)]
enum Inside {
    #[default]
    Text,
    /// The sign behind an escape.
    Escape,
    /// A control sequence.
    Control,
    /// A string, such as a title.
    String,
    /// The sign behind an escape in a string.
    StringEscape,
}

impl PlainText {
    /// The text that is certain after this piece.
    pub(super) fn after(&mut self, piece: &[u8]) -> String {
        let mut bytes = take(&mut self.torn);
        bytes.extend_from_slice(piece);
        let mut text = String::with_capacity(bytes.len());
        let mut left = bytes.len();
        for chunk in bytes.utf8_chunks() {
            chunk.valid().chars().for_each(|sign| self.take(sign, &mut text));
            let invalid = chunk.invalid();
            left -= chunk.valid().len() + invalid.len();
            if left == 0 && may_go_on(invalid) {
                self.torn = invalid.to_vec();
            } else if !invalid.is_empty() {
                self.take('\u{FFFD}', &mut text);
            }
        }
        text
    }

    /// The text that is left when the log is over, or ends here for now.
    pub(super) fn rest(&mut self) -> String {
        if !take(&mut self.torn).is_empty() {
            self.line.push('\u{FFFD}');
        }
        take(&mut self.line)
    }

    fn take(&mut self, sign: char, text: &mut String) {
        self.inside = match (self.inside, sign) {
            // A sequence that never ends hides no more than its line.
            (_, '\n') => {
                self.end_line(text);
                Inside::Text
            }
            (Inside::Text | Inside::Control, '\u{1b}') => Inside::Escape,
            (Inside::Text, _) => {
                self.show(sign, text);
                Inside::Text
            }
            (Inside::Escape, '[') => Inside::Control,
            (Inside::Escape, ']' | 'P' | 'X' | '^' | '_') => Inside::String,
            (Inside::Escape, ' '..='/') => Inside::Escape,
            (Inside::Control, ' '..='?') => Inside::Control,
            (Inside::String | Inside::StringEscape, '\u{1b}') => Inside::StringEscape,
            (Inside::String, '\u{7}' | '\u{9c}') => Inside::Text,
            (Inside::String, _) => Inside::String,
            (Inside::Escape | Inside::Control | Inside::StringEscape, _) => Inside::Text,
        };
    }

    fn show(&mut self, sign: char, text: &mut String) {
        match sign {
            '\r' => self.has_returned = true,
            _ if sign.is_control() && sign != '\t' => {}
            _ => {
                if take(&mut self.has_returned) {
                    self.line.clear();
                }
                self.line.push(sign);
                if self.line.len() > LONGEST {
                    text.push_str(&take(&mut self.line));
                }
            }
        }
    }

    fn end_line(&mut self, text: &mut String) {
        self.has_returned = false;
        text.push_str(&self.line);
        self.line.clear();
        text.push('\n');
    }
}

/// Whether the bytes begin a character that more bytes could end.
fn may_go_on(bytes: &[u8]) -> bool {
    !bytes.is_empty() && std::str::from_utf8(bytes).is_err_and(|fault| fault.error_len().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_pieces(text: &[u8], size: usize) -> String {
        let mut plain = PlainText::default();
        let mut shown = text.chunks(size).map(|piece| plain.after(piece)).collect::<String>();
        shown.push_str(&plain.rest());
        shown
    }

    #[test]
    fn the_text_is_the_same_however_it_is_cut() {
        let log = "\u{1b}[1;31mred\u{1b}[0m <b>\r\n\u{1b}]0;title\u{7}x\ty\n10 %\r20 %\r\nü€🚀\u{1b}(B\u{1b}]8;;http://x\u{1b}\\link\nend\u{1b}[";
        let whole = "red <b>\nx\ty\n20 %\nü€🚀link\nend";
        for size in [1, 2, 3, 7, 1_000] {
            assert_eq!(in_pieces(log.as_bytes(), size), whole, "{size}");
        }
        assert_eq!(plain(log.as_bytes()), whole);
    }

    #[test]
    fn what_is_no_text_is_shown_as_such() {
        for size in [1, 2, 100] {
            assert_eq!(
                in_pieces(b"a\xffb\xe2\x28\n\xe2\x82", size),
                "a\u{FFFD}b\u{FFFD}(\n\u{FFFD}",
                "{size}"
            );
            assert_eq!(in_pieces(b"\xe2\x82x\xe2\x82", size), "\u{FFFD}x\u{FFFD}", "{size}");
        }
    }

    #[test]
    fn an_open_sequence_hides_no_more_than_its_line() {
        assert_eq!(in_pieces(b"a\x1b]0;open\nb\x1b[3\nc", 1), "a\nb\nc");
    }

    #[test]
    fn a_line_without_end_is_not_held_back() {
        let mut text = PlainText::default();
        assert!(text.after(&[b'x'; LONGEST + 1]).len() > LONGEST);
        assert_eq!(text.rest(), "");
    }
}
