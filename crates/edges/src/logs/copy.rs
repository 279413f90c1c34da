//! A log that is a copy of another one. It grows by frames, with the records of the pieces as they were written first.

use super::{
    files::{Files, Growth},
    piece_reader::end,
    pieces::{Pieces, Position},
};
use anyhow::{Context, Result};
use bytes::Bytes;
use std::{os::unix::fs::FileExt, path::Path, sync::Arc};
use tokio::task::spawn_blocking;

/// The copy of one attempt's log. Nobody else may write to it meanwhile.
pub struct LogCopy {
    files: Arc<Files>,
    end: Position,
    index_end: u64,
}

/// The reason why a copy did not take pieces.
#[derive(Debug, thiserror::Error)]
pub enum NotTaken {
    /// They begin behind the copy's end.
    #[error("the pieces leave a gap behind the end of the log")]
    Gap,
    /// They are not the continuation of the copy: both have other bytes at the same place.
    #[error("the pieces differ from the log")]
    Differs,
    /// The disk failed. Then the copy has no part of them.
    #[error("{0:#}")]
    Disk(#[from] anyhow::Error),
}

impl LogCopy {
    /// Opens a copy, and cuts off a torn end.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let files = Files::open(path)?;
        let end = end(&files).context("read a log's index")?;
        files.cut(end.position.bytes, end.index).context("cut a log's torn end")?;
        Ok(Self { files: Arc::new(files), end: end.position, index_end: end.index })
    }

    /// The end of the copy.
    pub fn end(&self) -> Position {
        self.end
    }

    /// Appends the part of some pieces that the copy does not have. The part that it has must be the same. Returns
    /// true if the copy grew.
    ///
    /// # Errors
    /// They are not the copy's continuation, or the disk cannot store them.
    pub async fn append(&mut self, pieces: Pieces) -> Result<bool, NotTaken> {
        if pieces.start > self.end {
            return Err(NotTaken::Gap);
        }
        if pieces.start < self.end {
            self.compare(&pieces).await?;
        }
        if pieces.end <= self.end {
            return Ok(false);
        }
        let new = pieces.behind(self.end).ok_or(NotTaken::Differs)?;
        let (end, grown) = (new.end, new.records.len() as u64);
        self.write(new).await?;
        (self.end, self.index_end) = (end, self.index_end + grown);
        Ok(true)
    }

    /// Compares the bytes that both have.
    async fn compare(&self, pieces: &Pieces) -> Result<(), NotTaken> {
        let known = pieces.end.min(self.end).bytes - pieces.start.bytes;
        let known =
            pieces.bytes.slice(..usize::try_from(known).unwrap_or(usize::MAX).min(pieces.bytes.len()));
        let (files, offset) = (Arc::clone(&self.files), pieces.start.bytes);
        let is_same = spawn_blocking(move || is_at(&files, &known, offset)).await;
        match is_same.context("wait for the disk")?.context("read a log")? {
            true => Ok(()),
            false => Err(NotTaken::Differs),
        }
    }

    async fn write(&self, new: Pieces) -> Result<()> {
        let (files, end, index_end) = (Arc::clone(&self.files), self.end.bytes, self.index_end);
        let write = move || {
            let index = Growth { bytes: &new.records, end: index_end };
            files.append(Growth { bytes: &new.bytes, end }, index)
        };
        spawn_blocking(write).await.context("wait for the disk")?.context("write a log")
    }
}

fn is_at(files: &Files, bytes: &Bytes, offset: u64) -> std::io::Result<bool> {
    let mut own = vec![0; bytes.len()];
    files.data.read_exact_at(&mut own, offset)?;
    Ok(own == *bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logs::{Logs, PieceReader, Source};
    use kozmic_model::{ids::JobId, job::Attempt, time::Timestamp};

    const ATTEMPT: Attempt = Attempt { job: JobId(7), number: 1 };

    /// A log with output of two containers, of which the second was read again; and an empty directory for its copy.
    async fn stage() -> (tempfile::TempDir, Logs, Logs) {
        let dir = tempfile::tempdir().unwrap();
        let logs = ["first", "copy"].map(|name| Logs::open(dir.path().join(name)).unwrap());
        let mut writer = logs[0].writer(ATTEMPT).await.unwrap();
        writer.append(Source::Kozmic, "checkout\n".into(), Timestamp(1)).await.unwrap();
        writer.append(Source::Output, "of the first\n".into(), Timestamp(2)).await.unwrap();
        writer.begin_container(Timestamp(3)).await.unwrap();
        writer.append(Source::Output, b"gr\xc3"[..].into(), Timestamp(4)).await.unwrap();
        writer.append(Source::ErrorOutput, "no\n".into(), Timestamp(4)).await.unwrap();
        writer.read_again();
        writer.append(Source::Output, b"\xbcn\xff".repeat(9).into(), Timestamp(5)).await.unwrap();
        let [first, copy] = logs;
        (dir, first, copy)
    }

    async fn next(reader: &mut PieceReader, limit: usize) -> Option<Pieces> {
        Some(Pieces::from_frame(&reader.next(limit).await.unwrap()?).unwrap())
    }

    async fn text(logs: &Logs) -> Bytes {
        logs.reader(ATTEMPT).read(0, 1_000).await.unwrap()
    }

    /// The part that a second reading of the output leaves out.
    async fn known(logs: &Logs) -> String {
        format!("{:?}", logs.writer(ATTEMPT).await.unwrap().read_again())
    }

    #[tokio::test]
    async fn a_copy_in_frames_of_any_size_has_the_bytes_and_knows_as_much() {
        for limit in [33, 34, 40, 64, 100, 1_000] {
            let (_dir, first, copy) = stage().await;
            let mut reader = first.pieces(ATTEMPT);
            while let Some(frame) = reader.next(limit).await.unwrap() {
                assert!(frame.len() <= limit);
                // Each connection opens the copy again, and goes on where it ends.
                let mut log = copy.copy(ATTEMPT).await.unwrap();
                assert!(log.append(Pieces::from_frame(&frame).unwrap()).await.unwrap());
                assert_eq!(log.end(), reader.position());
                assert!(reader.seek(log.end()).await.unwrap());
            }
            assert_eq!((text(&copy).await, known(&copy).await), (text(&first).await, known(&first).await));
        }
    }

    #[tokio::test]
    async fn the_part_that_a_copy_has_is_taken_once() {
        let (_dir, first, copy) = stage().await;
        let mut log = copy.copy(ATTEMPT).await.unwrap();
        let pieces = next(&mut first.pieces(ATTEMPT), 70).await.unwrap();
        assert!(log.append(pieces.clone()).await.unwrap());
        assert!(!log.append(pieces).await.unwrap());
        let mut all = first.pieces(ATTEMPT);
        assert!(log.append(next(&mut all, 1_000).await.unwrap()).await.unwrap());
        assert_eq!(log.end(), all.position());
        assert_eq!((text(&copy).await, known(&copy).await), (text(&first).await, known(&first).await));
    }

    #[tokio::test]
    async fn gaps_and_other_bytes_are_refused() {
        let (_dir, first, copy) = stage().await;
        let mut reader = first.pieces(ATTEMPT);
        let (one, two) = (next(&mut reader, 40).await.unwrap(), next(&mut reader, 40).await.unwrap());
        let mut log = copy.copy(ATTEMPT).await.unwrap();
        assert!(matches!(log.append(two).await, Err(NotTaken::Gap)));
        let mut other = one.clone();
        other.bytes = Bytes::from(vec![b'x'; one.bytes.len()]);
        log.append(other).await.unwrap();
        assert!(matches!(log.append(one).await, Err(NotTaken::Differs)));
    }

    #[tokio::test]
    async fn a_torn_end_of_a_copy_comes_again() {
        let (dir, first, copy) = stage().await;
        let mut log = copy.copy(ATTEMPT).await.unwrap();
        log.append(next(&mut first.pieces(ATTEMPT), 1_000).await.unwrap()).await.unwrap();
        let path = dir.path().join("copy/0/7-1.log");
        let whole = std::fs::read(&path).unwrap();
        for length in 0..whole.len() {
            std::fs::write(&path, &whole[..length]).unwrap();
            let mut log = copy.copy(ATTEMPT).await.unwrap();
            let mut reader = first.pieces(ATTEMPT);
            assert!(reader.seek(log.end()).await.unwrap(), "{length}");
            log.append(next(&mut reader, 1_000).await.unwrap()).await.unwrap();
            assert_eq!((text(&copy).await, known(&copy).await), (text(&first).await, known(&first).await));
        }
    }

    #[tokio::test]
    async fn a_position_that_a_log_does_not_have_is_not_found() {
        let (_dir, first, copy) = stage().await;
        let mut reader = first.pieces(ATTEMPT);
        for (bytes, marks) in [(22, 2), (23, 0), (9, 1), (99, 1)] {
            assert!(!reader.seek(Position { bytes, marks }).await.unwrap(), "{bytes} {marks}");
        }
        let mut none = copy.pieces(ATTEMPT);
        assert!(none.seek(Position::default()).await.unwrap());
        assert!(!none.seek(Position { bytes: 1, marks: 0 }).await.unwrap());
        assert!(none.next(1_000).await.unwrap().is_none());
    }
}
