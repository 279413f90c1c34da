//! The index beside a log: 16 bytes for each piece.

use super::Source;
use kozmic_model::time::Timestamp;

/// The length of a piece's record, in bytes.
pub(super) const RECORD: usize = 16;

/// One piece of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    /// The length in bytes.
    pub(super) length: u32,
    pub(super) source: Source,
    /// True if it was read from the engine's stored output, so that its length is already the engine's.
    pub(super) is_read_again: bool,
    pub(super) at: Timestamp,
}

impl Piece {
    /// The record: length (4 bytes), source (1), 1 if it was read again (1), unused (2), time (8), little-endian.
    pub(super) fn to_record(self) -> [u8; RECORD] {
        let mut record = [0; RECORD];
        record[..4].copy_from_slice(&self.length.to_le_bytes());
        record[4] = match self.source {
            Source::Kozmic => 0,
            Source::Output => 1,
            Source::ErrorOutput => 2,
            Source::NextContainer => 3,
        };
        record[5] = u8::from(self.is_read_again);
        record[8..].copy_from_slice(&self.at.0.to_le_bytes());
        record
    }

    /// Reads a record. None for bytes that no writer of this version wrote.
    pub(super) fn from_record(record: [u8; RECORD]) -> Option<Self> {
        let [a, b, c, d, source, is_read_again, _, _, time @ ..] = record;
        let source = match source {
            0 => Source::Kozmic,
            1 => Source::Output,
            2 => Source::ErrorOutput,
            3 => Source::NextContainer,
            _ => return None,
        };
        Some(Self {
            length: u32::from_le_bytes([a, b, c, d]),
            source,
            // Earlier writers, which did not distinguish the two, wrote 0.
            is_read_again: is_read_again != 0,
            at: Timestamp(i64::from_le_bytes(time)),
        })
    }
}

/// The pieces of an index, up to the first record that is cut short or unknown.
pub(super) fn pieces(index: &[u8]) -> impl Iterator<Item = Piece> + '_ {
    let (records, _) = index.as_chunks::<RECORD>();
    records.iter().map_while(|record| Piece::from_record(*record))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PIECE: Piece = Piece {
        length: 70_000,
        source: Source::ErrorOutput,
        is_read_again: true,
        at: Timestamp(1_700_000_000_123),
    };

    #[test]
    fn a_record_is_read_back_and_a_torn_one_ends_the_index() {
        let mut index = PIECE.to_record().to_vec();
        index.extend_from_slice(&PIECE.to_record()[..9]);
        assert_eq!(pieces(&index).collect::<Vec<_>>(), [PIECE]);
    }

    #[test]
    fn a_record_without_the_mark_tells_of_what_came_first_hand() {
        let mut record = PIECE.to_record();
        record[5..8].fill(0);
        assert_eq!(Piece::from_record(record), Some(Piece { is_read_again: false, ..PIECE }));
    }
}
