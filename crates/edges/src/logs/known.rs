//! The part of a container's output that a log already has. It is left out when the output is read again from its
//! start.

use super::Source;
use bytes::{Buf, Bytes};

/// The length of U+FFFD, in bytes. It stands for each byte that is not UTF-8 when an output is read again.
pub(super) const SIGN: u64 = 3;

/// The part of a container's output that a log already has, while the output is read again.
#[derive(Debug)]
pub struct Known {
    pub(super) output: KnownStream,
    pub(super) error_output: KnownStream,
}

impl Known {
    /// The part of a piece that the log does not have. Pieces must come in their order within each source.
    pub fn leave_out(&mut self, source: Source, piece: Bytes) -> Bytes {
        match source {
            Source::Kozmic | Source::NextContainer => piece,
            Source::Output => self.output.leave_out(piece),
            Source::ErrorOutput => self.error_output.leave_out(piece),
        }
    }
}

/// The part of one stream that a log already has.
#[derive(Debug)]
pub(super) struct KnownStream {
    /// The number of bytes that must still be left out.
    bytes: u64,
    /// The beginning of a character at the end of the log. It was not yet known if it would become a character.
    open: Vec<u8>,
    /// The number of bytes of that beginning that came again.
    met: usize,
}

impl KnownStream {
    pub(super) fn new(bytes: u64, open: Vec<u8>) -> Self {
        Self { bytes, open, met: 0 }
    }

    pub(super) fn leave_out(&mut self, mut piece: Bytes) -> Bytes {
        loop {
            let cut = usize::try_from(self.bytes).unwrap_or(usize::MAX).min(piece.len());
            piece.advance(cut);
            self.bytes -= cut as u64;
            let (Some(byte), Some(open)) = (piece.first(), self.open.get(self.met)) else { return piece };
            if byte == open {
                piece.advance(1);
                self.met += 1;
            } else {
                // It did not become a character: a replacement character stands for each of its bytes.
                self.bytes = SIGN * self.open.len() as u64 - self.met as u64;
                self.open.clear();
            }
        }
    }
}
