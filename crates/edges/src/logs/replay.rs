//! How much of a container's output is in the log already, in the engine's own measure.
//!
//! Docker's `json-file` driver keeps output as text: each byte that is not UTF-8 comes back as U+FFFD, three bytes
//! long. Who reads a container's output anew skips as many bytes as what is there would have come back as.

/// Counts the bytes of one stream as they would be read again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct ReplayCount {
    bytes: u64,
    /// The beginning of a character whose end has not come.
    open: [u8; 4],
    open_length: usize,
}

impl ReplayCount {
    pub(super) fn add(&mut self, piece: &[u8]) {
        if self.open_length == 0 {
            self.add_text(piece);
            return;
        }
        let mut joined = self.open[..self.open_length].to_vec();
        joined.extend_from_slice(piece);
        self.open_length = 0;
        self.add_text(&joined);
    }

    /// An unfinished character counts by its bytes: that much of it is in the log.
    pub(super) fn total(&self) -> u64 {
        self.bytes + self.open_length as u64
    }

    fn add_text(&mut self, text: &[u8]) {
        let mut chunks = text.utf8_chunks().peekable();
        while let Some(chunk) = chunks.next() {
            self.bytes += chunk.valid().len() as u64;
            let invalid = chunk.invalid();
            let is_last = chunks.peek().is_none();
            if is_last && may_go_on(invalid) {
                self.open[..invalid.len()].copy_from_slice(invalid);
                self.open_length = invalid.len();
            } else {
                self.bytes += 3 * invalid.len() as u64;
            }
        }
    }
}

/// Whether the bytes begin a character that more bytes could end.
fn may_go_on(bytes: &[u8]) -> bool {
    !bytes.is_empty() && std::str::from_utf8(bytes).is_err_and(|fault| fault.error_len().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn total(pieces: &[&[u8]]) -> u64 {
        let mut count = ReplayCount::default();
        pieces.iter().for_each(|piece| count.add(piece));
        count.total()
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
}
