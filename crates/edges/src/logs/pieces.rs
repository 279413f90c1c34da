//! A part of a log on its way to a copy of the log: bytes with the records of their pieces, in one buffer.
//!
//! A piece may be cut in two. The records of both parts count as much as the record of the whole piece when output is
//! read again.

use super::{
    Source,
    index::{Piece, RECORD, pieces},
};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// A position in a log. Positions of one log are in order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Position {
    /// The number of bytes before it.
    pub bytes: u64,
    /// The number of marks before it that another container begins. A mark has no bytes.
    pub marks: u32,
}

/// The length of a frame's head: the position (8 bytes and 4) and the number of records (4), little-endian.
pub(super) const HEAD: usize = 16;

/// Pieces of a log that follow one another, from a position on.
#[derive(Clone, Debug)]
pub struct Pieces {
    pub(super) start: Position,
    pub(super) end: Position,
    pub(super) records: Bytes,
    pub(super) bytes: Bytes,
}

impl Pieces {
    /// The pieces in a frame: head, records and bytes. None if it is no frame, or has records that this version does
    /// not know.
    pub fn from_frame(frame: &Bytes) -> Option<Self> {
        let start = Position {
            bytes: u64::from_le_bytes(frame.get(..8)?.try_into().ok()?),
            marks: u32::from_le_bytes(frame.get(8..12)?.try_into().ok()?),
        };
        let count = u32::from_le_bytes(frame.get(12..HEAD)?.try_into().ok()?);
        let behind = usize::try_from(count).ok()?.checked_mul(RECORD)?.checked_add(HEAD)?;
        frame.get(HEAD..behind)?;
        let (records, bytes) = (frame.slice(HEAD..behind), frame.slice(behind..));
        let (mut end, mut known) = (start, 0);
        for piece in pieces(&records) {
            let next = piece.behind(end)?;
            // A record of nothing would only make the index grow.
            (next != end).then_some(())?;
            (end, known) = (next, known + 1);
        }
        let length = end.bytes - start.bytes;
        (known == count && length == bytes.len() as u64).then_some(Self { start, end, records, bytes })
    }

    /// The position before them.
    pub fn start(&self) -> Position {
        self.start
    }

    /// The position behind them.
    pub fn end(&self) -> Position {
        self.end
    }

    /// The part behind a position that lies within them; none if it does not.
    pub(super) fn behind(&self, position: Position) -> Option<Self> {
        let (mut at, mut records) = (self.start, self.records.clone());
        while at != position {
            let piece = pieces(&records).next()?;
            let next = piece.behind(at)?;
            if next <= position {
                (at, records) = (next, records.slice(RECORD..));
                continue;
            }
            let left = u32::try_from(next.bytes.checked_sub(position.bytes)?).ok()?;
            if left >= piece.length || at.marks != position.marks {
                return None;
            }
            let rest = Piece { length: left, ..piece }.to_record();
            records = [&rest, &records[RECORD..]].concat().into();
            at = position;
        }
        let known = usize::try_from(position.bytes - self.start.bytes).ok()?;
        Some(Self { start: position, end: self.end, records, bytes: self.bytes.slice(known..) })
    }
}

impl Piece {
    /// The position behind the piece. None if there is none: a mark has no bytes.
    pub(super) fn behind(self, start: Position) -> Option<Position> {
        let bytes = start.bytes.checked_add(u64::from(self.length))?;
        match self.source {
            Source::NextContainer if self.length > 0 => None,
            Source::NextContainer => Some(Position { bytes, marks: start.marks.checked_add(1)? }),
            Source::Kozmic | Source::Output | Source::ErrorOutput => Some(Position { bytes, ..start }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kozmic_model::time::Timestamp;

    fn record(length: u32, source: Source) -> Vec<u8> {
        Piece { length, source, is_read_again: false, at: Timestamp(1) }.to_record().to_vec()
    }

    fn frame(start: (u64, u32), records: &[Vec<u8>], bytes: &[u8]) -> Bytes {
        let count = u32::try_from(records.len()).unwrap().to_le_bytes();
        let head = [&start.0.to_le_bytes()[..], &start.1.to_le_bytes(), &count].concat();
        [head, records.concat(), bytes.to_vec()].concat().into()
    }

    fn at(bytes: u64, marks: u32) -> Position {
        Position { bytes, marks }
    }

    #[test]
    fn a_frame_is_read_only_if_its_records_tell_of_all_its_bytes() {
        let records =
            [record(2, Source::Output), record(0, Source::NextContainer), record(3, Source::Kozmic)];
        let whole = frame((7, 1), &records, b"abcde");
        let read = Pieces::from_frame(&whole).unwrap();
        assert_eq!((read.start(), read.end(), &read.bytes[..]), (at(7, 1), at(12, 2), &b"abcde"[..]));
        for length in 0..whole.len() {
            assert!(Pieces::from_frame(&whole.slice(..length)).is_none(), "{length}");
        }
        for wrong in [
            frame((7, 1), &records, b"abcdef"),
            frame((7, 1), &[vec![9; RECORD]], &[9; 9]),
            frame((7, 1), &[record(1, Source::NextContainer)], b"a"),
            frame((7, 1), &[record(0, Source::Output)], b""),
            frame((u64::MAX, 1), &records, b"abcde"),
            frame((7, u32::MAX), &records, b"abcde"),
            Bytes::from([&[0; 12][..], &[255; 4], b"abc"].concat()),
        ] {
            assert!(Pieces::from_frame(&wrong).is_none(), "{wrong:?}");
        }
    }

    #[test]
    fn the_part_behind_a_position_begins_there_and_nowhere_else() {
        let records =
            [record(2, Source::Output), record(0, Source::NextContainer), record(3, Source::Kozmic)];
        let read = Pieces::from_frame(&frame((7, 1), &records, b"abcde")).unwrap();
        for (position, count, bytes) in [
            (at(7, 1), 3, "abcde"),
            (at(8, 1), 3, "bcde"),
            (at(9, 1), 2, "cde"),
            (at(9, 2), 1, "cde"),
            (at(11, 2), 1, "e"),
            (at(12, 2), 0, ""),
        ] {
            let rest = read.behind(position).unwrap();
            assert_eq!((rest.records.len() / RECORD, &rest.bytes[..]), (count, bytes.as_bytes()));
            let (known, all) = (pieces(&rest.records), rest.bytes.len() as u64);
            assert_eq!(known.map(|piece| u64::from(piece.length)).sum::<u64>(), all);
        }
        for elsewhere in [at(6, 1), at(8, 2), at(7, 0), at(7, 2), at(10, 1), at(12, 1), at(12, 3), at(13, 2)]
        {
            assert!(read.behind(elsewhere).is_none(), "{elsewhere:?}");
        }
    }
}
