//! Turns bytes into characters, and gives their widths.

use unicode_width::UnicodeWidthChar;

/// The first of the characters that U+200D may join: arrows, symbols, emoji. It does not join letters.
const SYMBOLS: char = '\u{2190}';

const JOINER: char = '\u{200d}';

/// The characters that replace ` to ~ while lines and boxes are drawn.
const DRAWN: [char; 31] = [
    '◆', '▒', '␉', '␌', '␍', '␊', '°', '±', '␤', '␋', '┘', '┐', '┌', '└', '┼', '⎺', '⎻', '─', '⎼', '⎽', '├',
    '┤', '┴', '┬', '│', '≤', '≥', 'π', '≠', '£', '·',
];

/// Decodes UTF-8 that arrives in pieces.
#[derive(Default)]
pub(super) struct Signs {
    /// The beginning of a character whose end has not arrived.
    torn: Vec<u8>,
}

impl Signs {
    /// Passes each character of a piece to `on`; bytes that are not UTF-8 become U+FFFD.
    pub(super) fn read(&mut self, piece: &[u8], mut on: impl FnMut(char)) {
        let mut rest = piece;
        while !self.torn.is_empty() && !rest.is_empty() {
            self.torn.push(rest[0]);
            rest = &rest[1..];
            let torn = std::mem::take(&mut self.torn);
            self.whole(&torn, &mut on);
        }
        self.whole(rest, &mut on);
    }

    /// The character that remains when the bytes are over.
    pub(super) fn rest(&mut self) -> Option<char> {
        (!std::mem::take(&mut self.torn).is_empty()).then_some(char::REPLACEMENT_CHARACTER)
    }

    fn whole(&mut self, bytes: &[u8], on: &mut impl FnMut(char)) {
        let mut left = bytes.len();
        for chunk in bytes.utf8_chunks() {
            chunk.valid().chars().for_each(&mut *on);
            let invalid = chunk.invalid();
            left -= chunk.valid().len() + invalid.len();
            if left == 0 && may_go_on(invalid) {
                self.torn = invalid.to_vec();
            } else if !invalid.is_empty() {
                on(char::REPLACEMENT_CHARACTER);
            }
        }
    }
}

/// True if the bytes begin a character that more bytes could complete.
fn may_go_on(bytes: &[u8]) -> bool {
    !bytes.is_empty() && std::str::from_utf8(bytes).is_err_and(|fault| fault.error_len().is_none())
}

/// The width of a character: 0, 1 or 2 columns.
pub fn width(sign: char) -> usize {
    if sign.is_ascii() { 1 } else { sign.width().unwrap_or(1) }
}

/// True if a character shares the cell of the one before: if it has no width of its own, is a skin colour, or follows
/// U+200D. `first` and `last` are the first and the last character in that cell.
pub(super) fn joins(sign: char, width: usize, first: char, last: char) -> bool {
    let is_skin = ('\u{1f3fb}'..='\u{1f3ff}').contains(&sign);
    let is_joined = last == JOINER && sign >= SYMBOLS;
    width == 0 || (first >= SYMBOLS && (is_skin || is_joined))
}

/// The character from the set that draws lines.
pub(super) fn drawn(sign: char) -> char {
    let place = u32::from(sign).checked_sub(0x60).and_then(|place| usize::try_from(place).ok());
    place.and_then(|place| DRAWN.get(place)).copied().unwrap_or(sign)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pieces: &[&[u8]]) -> String {
        let (mut signs, mut text) = (Signs::default(), String::new());
        pieces.iter().for_each(|piece| signs.read(piece, |sign| text.push(sign)));
        text.extend(signs.rest());
        text
    }

    #[test]
    fn what_is_no_text_is_the_same_however_it_is_cut() {
        for bytes in [
            &b"a\xffb\xe2\x28\n\xe2\x82"[..],
            b"\xe2\x82x\xe2\x82",
            b"\xf0\x9f\x98",
            b"\xed\xa0\x80\x80",
            b"\xf0\x9f\xf0\x9f\x98\x80",
        ] {
            let whole = String::from_utf8_lossy(bytes);
            for cut in 0..=bytes.len() {
                assert_eq!(read(&[&bytes[..cut], &bytes[cut..]]), whole, "{bytes:?} at {cut}");
            }
            let single = bytes.iter().map(std::slice::from_ref).collect::<Vec<_>>();
            assert_eq!(read(&single), whole, "{bytes:?}");
        }
    }

    #[test]
    fn signs_have_widths() {
        assert_eq!(['a', 'ü', '世', '😀', '\u{301}', '\u{200d}'].map(width), [1, 1, 2, 2, 0, 0]);
    }
}
