//! Measures the part of a container's output that is already in the log, in the engine's own form of it.
//!
//! Docker's `json-file` driver stores output as text: each byte that is not UTF-8 becomes U+FFFD, three bytes long.
//! Before that, the driver cuts a line every 16 KiB, newline not counted, which breaks a character at the cut (seen
//! with Docker 20.10). A reader that reads a container's output again skips as many bytes as the known part would have
//! in this form. A part that was itself read again already has this form, and counts by its bytes.

use super::known::{KnownStream, SIGN};

/// The bytes of a line that Docker keeps together: the buffer of its `Copier`.
const CUT: usize = 16 * 1024;

/// Counts the bytes of one stream as a second reading would give them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct ReplayCount {
    bytes: u64,
    /// The bytes since the line's start or its last cut.
    since_cut: usize,
    /// The beginning of a character whose end has not arrived.
    open: [u8; 4],
    open_length: usize,
}

impl ReplayCount {
    pub(super) fn add(&mut self, piece: &[u8]) {
        match self.open_length == 0 && piece.is_ascii() {
            true => self.add_ascii(piece),
            false => self.add_any(piece),
        }
    }

    /// Adds ASCII, which is nearly all output. It comes back unchanged, because no cut breaks a character.
    fn add_ascii(&mut self, piece: &[u8]) {
        self.bytes += piece.len() as u64;
        let before = piece.iter().rposition(|byte| *byte == b'\n');
        self.since_cut = match before {
            Some(newline) => (piece.len() - newline - 1) % CUT,
            None => (self.since_cut + piece.len()) % CUT,
        };
    }

    fn add_any(&mut self, piece: &[u8]) {
        let mut rest = piece;
        while !rest.is_empty() {
            let reach = &rest[..rest.len().min(CUT - self.since_cut)];
            let newline = reach.iter().position(|byte| *byte == b'\n');
            let (part, behind) = rest.split_at(newline.map_or(reach.len(), |at| at + 1));
            self.since_cut += part.len();
            let is_cut = newline.is_some() || self.since_cut == CUT;
            self.since_cut = if is_cut { 0 } else { self.since_cut };
            self.add_part(part);
            rest = behind;
        }
    }

    /// Adds a piece that came after the known part when the stream was read again.
    pub(super) fn add_read_again(&mut self, piece: &[u8]) {
        let Some(first) = piece.first() else { return };
        // The piece begins with the rest of the open character, or with the text after the replacement characters for
        // its bytes.
        let is_rest = (0x80..0xc0).contains(first);
        let width = if is_rest { 1 } else { SIGN };
        self.bytes += width * self.open_length as u64 + piece.len() as u64;
        self.open_length = 0;
    }

    /// The part to leave out when the stream is read again.
    pub(super) fn known(&self) -> KnownStream {
        KnownStream::new(self.bytes, self.open[..self.open_length].to_vec())
    }

    /// Adds a part of a line, up to its end, the next cut or the end of the piece.
    fn add_part(&mut self, part: &[u8]) {
        if self.open_length == 0 {
            self.add_text(part);
            return;
        }
        let mut joined = self.open[..self.open_length].to_vec();
        joined.extend_from_slice(part);
        self.open_length = 0;
        self.add_text(&joined);
    }

    fn add_text(&mut self, text: &[u8]) {
        let mut chunks = text.utf8_chunks().peekable();
        while let Some(chunk) = chunks.next() {
            self.bytes += chunk.valid().len() as u64;
            let invalid = chunk.invalid();
            let is_last = chunks.peek().is_none();
            if is_last && may_go_on(invalid) && self.has_room_for(missing(invalid)) {
                self.open[..invalid.len()].copy_from_slice(invalid);
                self.open_length = invalid.len();
            } else {
                self.bytes += SIGN * invalid.len() as u64;
            }
        }
    }

    /// True if this number of bytes fits before the next cut. Directly after a cut, no character continues.
    fn has_room_for(&self, missing: usize) -> bool {
        self.since_cut > 0 && self.since_cut + missing <= CUT
    }
}

/// True if the bytes begin a character that more bytes could complete.
fn may_go_on(bytes: &[u8]) -> bool {
    !bytes.is_empty() && std::str::from_utf8(bytes).is_err_and(|fault| fault.error_len().is_none())
}

/// The number of bytes that are missing in the character with this beginning.
fn missing(beginning: &[u8]) -> usize {
    let length = beginning.first().map_or(0, |first| first.leading_ones() as usize);
    length.saturating_sub(beginning.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn total(pieces: &[&[u8]]) -> u64 {
        let mut count = ReplayCount::default();
        pieces.iter().for_each(|piece| count.add(piece));
        count.bytes + count.open_length as u64
    }

    #[test]
    fn text_counts_by_its_bytes_however_it_is_cut() {
        assert_eq!(total(&["grün\n".as_bytes()]), 6);
        assert_eq!(total(&[b"gr\xc3", b"\xbcn\n"]), 6);
        assert_eq!(total(&[b"gr\xc3"]), 3);
    }

    #[test]
    fn each_byte_that_is_no_text_counts_as_the_sign_in_its_place() {
        assert_eq!(total(&[b"a\xff\xfeb"]), 8);
        assert_eq!(total(&[b"\xc3", b"x"]), 4);
    }

    #[test]
    fn a_character_across_a_cut_of_a_long_line_counts_by_the_signs_for_its_bytes() {
        // Each length is that of the output of `docker logs` of Docker 20.10.
        let line = |start: &str, times: usize, sign: &str| [start, &sign.repeat(times), "\n"].concat();
        for (line, there) in [
            (line("", 30_000, "ü"), 60_001),
            (line("x", 30_000, "ü"), 60_002 + 3 * 4),
            (line("", 20_000, "€"), 60_001 + 2 * 6),
            (line("x", 20_000, "😀"), 80_002 + 4 * 8),
            (line(&"a".repeat(16_384), 0, "") + &line("x", 8_200, "ü"), 16_385 + 16_402 + 4),
            (line(&"a".repeat(16_383), 0, "") + &line("x", 8_200, "ü"), 16_384 + 16_402 + 4),
            (line(&"a".repeat(16_383), 1, "ü") + &line("x", 8_191, "ü"), 16_386 + 16_384 + 4),
        ] {
            assert_eq!(total(&[line.as_bytes()]), there);
            for size in [1, 7, 4_096, 16_383] {
                assert_eq!(total(&line.as_bytes().chunks(size).collect::<Vec<_>>()), there, "{size}");
            }
        }
    }

    #[test]
    fn a_beginning_that_the_next_cut_breaks_counts_as_broken_at_once() {
        let line = "a".repeat(16_382);
        assert_eq!(total(&[line.as_bytes(), b"\xe2"]), 16_382 + 3);
        assert_eq!(total(&[&line.as_bytes()[1..], b"\xe2"]), 16_381 + 1);
        assert_eq!(total(&[line.as_bytes(), b"\xe2", b"\x82", b"\xac"]), 16_382 + 9);
    }
}
