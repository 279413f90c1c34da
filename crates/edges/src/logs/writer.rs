//! Appends to a log, and finds its end after a crash.

use super::{
    Known, Source,
    files::{Files, Growth},
    index::{Piece, RECORD, pieces},
    replay::ReplayCount,
};
use anyhow::{Context, Result};
use bytes::Bytes;
use kozmic_model::time::Timestamp;
use std::{os::unix::fs::FileExt, path::Path, sync::Arc};
use tokio::task::spawn_blocking;

/// Appends to one attempt's log.
pub struct LogWriter {
    files: Arc<Files>,
    length: u64,
    index_length: u64,
    seen: Seen,
    /// True if new output is read from the engine's stored output.
    reads_again: bool,
}

#[derive(Clone, Copy, Default)]
struct Seen {
    output: ReplayCount,
    error_output: ReplayCount,
}

impl LogWriter {
    pub(super) fn open(path: &Path) -> Result<Self> {
        Self::recover(Files::open(path)?)
    }

    /// Cuts off bytes that the index does not know, and counts the known ones.
    fn recover(files: Files) -> Result<Self> {
        let there = files.data.metadata().context("measure a log")?.len();
        let mut index = vec![0; usize::try_from(files.index.metadata()?.len())?];
        files.index.read_exact_at(&mut index, 0).context("read a log's index")?;
        let (mut length, mut index_length, mut seen) = (0, 0, Seen::default());
        for piece in pieces(&index) {
            let end = length + u64::from(piece.length);
            if end > there {
                break;
            }
            let mut bytes = vec![0; piece.length as usize];
            files.data.read_exact_at(&mut bytes, length).context("read a log")?;
            seen.add(piece, &bytes);
            (length, index_length) = (end, index_length + RECORD as u64);
        }
        files.cut(length, index_length).context("cut a log's torn end")?;
        Ok(Self { files: Arc::new(files), length, index_length, seen, reads_again: false })
    }

    /// Appends a piece, and returns the log's new length. An appended piece is never lost.
    ///
    /// # Errors
    /// The disk cannot store it. Then no part of it is in the log.
    pub async fn append(&mut self, source: Source, bytes: Bytes, now: Timestamp) -> Result<u64> {
        let length = u32::try_from(bytes.len()).context("a piece of a log has less than 4 GiB")?;
        let piece = Piece { length, source, is_read_again: self.reads_again, at: now };
        let record = piece.to_record();
        let (files, end, index_end) = (Arc::clone(&self.files), self.length, self.index_length);
        let write = move || {
            let index = Growth { bytes: &record, end: index_end };
            files.append(Growth { bytes: &bytes, end }, index).map(|()| bytes)
        };
        let bytes = spawn_blocking(write).await.context("wait for the disk")?.context("write a log")?;
        self.seen.add(piece, &bytes);
        self.length += u64::from(length);
        self.index_length += RECORD as u64;
        Ok(self.length)
    }

    /// Marks that the following output comes from another container, of which nothing was read yet.
    ///
    /// # Errors
    /// The disk cannot store it.
    pub async fn begin_container(&mut self, now: Timestamp) -> Result<()> {
        self.reads_again = false;
        self.append(Source::NextContainer, Bytes::new(), now).await.map(drop)
    }

    /// Marks that the container's output is read again from its start, from the engine's stored output, and that the
    /// following pieces come from there. Returns the part that the log already has.
    pub fn read_again(&mut self) -> Known {
        self.reads_again = true;
        Known { output: self.seen.output.known(), error_output: self.seen.error_output.known() }
    }
}

impl Seen {
    fn add(&mut self, piece: Piece, bytes: &[u8]) {
        let stream = match piece.source {
            Source::Kozmic => return,
            Source::NextContainer => return *self = Self::default(),
            Source::Output => &mut self.output,
            Source::ErrorOutput => &mut self.error_output,
        };
        match piece.is_read_again {
            true => stream.add_read_again(bytes),
            false => stream.add(bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logs::Logs;
    use kozmic_model::{ids::JobId, job::Attempt};

    const ATTEMPT: Attempt = Attempt { job: JobId(1_234), number: 1 };

    #[tokio::test]
    async fn a_log_goes_on_where_it_stopped_without_its_torn_end() {
        let dir = tempfile::tempdir().unwrap();
        let logs = Logs::open(dir.path().into()).unwrap();
        let mut writer = logs.writer(ATTEMPT).await.unwrap();
        writer.append(Source::Kozmic, "checkout\n".into(), Timestamp(1)).await.unwrap();
        writer.append(Source::Output, "one\n".into(), Timestamp(2)).await.unwrap();
        drop(writer);
        let path = dir.path().join("1/1234-1.log");
        let torn = [std::fs::read(&path).unwrap(), b"not indexed".to_vec()].concat();
        std::fs::write(&path, torn).unwrap();

        let mut writer = logs.writer(ATTEMPT).await.unwrap();
        let mut known = writer.read_again();
        assert_eq!(known.leave_out(Source::Output, "one\nmore".into()), "more");
        assert_eq!(writer.append(Source::ErrorOutput, "two\n".into(), Timestamp(3)).await.unwrap(), 17);
        let reader = logs.reader(ATTEMPT);
        assert_eq!(reader.read(0, 100).await.unwrap(), "checkout\none\ntwo\n");
        assert_eq!(reader.read(9, 3).await.unwrap(), "one");
        assert_eq!(reader.read(17, 10).await.unwrap(), "");
        assert_eq!(reader.read(99, 10).await.unwrap(), "");
        assert_eq!(reader.len().await.unwrap(), 17);
    }

    #[tokio::test]
    async fn a_log_that_does_not_exist_is_empty() {
        let dir = tempfile::tempdir().unwrap();
        let reader = Logs::open(dir.path().into()).unwrap().reader(ATTEMPT);
        assert_eq!((reader.len().await.unwrap(), reader.read(0, 9).await.unwrap().len()), (0, 0));
    }
}
