//! Bytes become signs, and signs have a width.

use unicode_width::UnicodeWidthChar;

/// Signs from here on may be joined by U+200D: arrows, symbols, emoji. Letters are not.
const SYMBOLS: char = '\u{2190}';

const JOINER: char = '\u{200d}';

/// The signs in place of those from ` to ~ while lines and boxes are drawn.
const DRAWN: [char; 31] = [
    '◆', '▒', '␉', '␌', '␍', '␊', '°', '±', '␤', '␋', '┘', '┐', '┌', '└', '┼', '⎺', '⎻', '─', '⎼', '⎽', '├',
    '┤', '┴', '┬', '│', '≤', '≥', 'π', '≠', '£', '·',
];

/// Makes signs of UTF-8 that comes in pieces.
#[derive(Default)]
pub(super) struct Signs {
    /// The beginning of a character whose end has not come.
    torn: Vec<u8>,
}

impl Signs {
    /// Hands each sign of a piece on; what is no text at all is U+FFFD.
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

    /// The sign that is left when the bytes are over.
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

/// Whether the bytes begin a character that more bytes could end.
fn may_go_on(bytes: &[u8]) -> bool {
    !bytes.is_empty() && std::str::from_utf8(bytes).is_err_and(|fault| fault.error_len().is_none())
}

/// The columns that a sign takes: none, one or two.
pub fn width(sign: char) -> usize {
    if sign.is_ascii() { 1 } else { sign.width().unwrap_or(1) }
}

/// Whether a sign stands in the cell of the one before: one without a width of its own, a colour of skin, or one behind
/// U+200D. `first` and `last` are what is in that cell already.
pub(super) fn joins(sign: char, width: usize, first: char, last: char) -> bool {
    let is_skin = ('\u{1f3fb}'..='\u{1f3ff}').contains(&sign);
    let is_joined = last == JOINER && sign >= SYMBOLS;
    width == 0 || (first >= SYMBOLS && (is_skin || is_joined))
}

/// The sign in the set that draws lines.
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
