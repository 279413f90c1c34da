//! Logs of jobs: one append-only file of bytes for each attempt, addressed by offset. An index beside it has the
//! length, source and time of each piece.
//!
//! A piece is written first and indexed after that. After a crash, the index decides: bytes at the end that it does not
//! know are cut off and read from the container again, so that no byte is missing or doubled.

mod copy;
mod files;
#[cfg(test)]
mod fuzz;
mod index;
mod known;
mod old;
mod piece_reader;
mod pieces;
mod replay;
#[cfg(test)]
mod tests;
mod writer;

pub use copy::{LogCopy, NotTaken};
pub use known::Known;
pub use piece_reader::PieceReader;
pub use pieces::{Pieces, Position};
pub use writer::LogWriter;

use crate::private_dir;
use anyhow::{Context, Result};
use bytes::Bytes;
use kozmic_model::job::Attempt;
use std::{
    io::ErrorKind,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};
use tokio::task::spawn_blocking;

/// The source of a piece of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// Kozmic itself.
    Kozmic,
    /// The container's standard output.
    Output,
    /// The container's standard error.
    ErrorOutput,
    /// A mark without bytes: the following output comes from another container.
    NextContainer,
}

/// The directory of all logs; cheap to clone.
#[derive(Clone)]
pub struct Logs {
    dir: Arc<Path>,
}

impl Logs {
    /// Keeps logs in `dir`, which is created if it is missing, for this user only.
    ///
    /// # Errors
    /// The directory cannot be made.
    pub fn open(dir: PathBuf) -> Result<Self> {
        private_dir::make(&dir).with_context(|| format!("make the directory {}", dir.display()))?;
        Ok(Self { dir: dir.into() })
    }

    /// Writes an attempt's log, from the end of the earlier writer's part. Only one writer at a time is allowed.
    ///
    /// # Errors
    /// The disk cannot store it.
    pub async fn writer(&self, attempt: Attempt) -> Result<LogWriter> {
        let path = self.path(attempt);
        spawn_blocking(move || LogWriter::open(&path)).await.context("wait for the disk")?
    }

    /// Reads an attempt's log. A log that does not exist yet is empty.
    pub fn reader(&self, attempt: Attempt) -> LogReader {
        LogReader { path: self.path(attempt).into() }
    }

    /// Opens an attempt's log as a copy of another log, from the end of the part that it has. Only one writer at a time
    /// is allowed.
    ///
    /// # Errors
    /// The disk does not answer.
    pub async fn copy(&self, attempt: Attempt) -> Result<LogCopy> {
        let path = self.path(attempt);
        spawn_blocking(move || LogCopy::open(&path)).await.context("wait for the disk")?
    }

    /// The end of an attempt's log, by its index. A log that does not exist yet is empty.
    ///
    /// # Errors
    /// The disk does not answer.
    pub async fn end(&self, attempt: Attempt) -> Result<Position> {
        self.pieces(attempt).end().await
    }

    /// Reads an attempt's log as frames for a copy. A log that does not exist yet is empty.
    pub fn pieces(&self, attempt: Attempt) -> PieceReader {
        PieceReader::new(self.path(attempt))
    }

    /// Removes an attempt's log. A missing log is fine.
    ///
    /// # Errors
    /// The disk fails.
    pub async fn remove(&self, attempt: Attempt) -> Result<()> {
        let path = self.path(attempt);
        for path in [path.with_extension("index"), path] {
            match tokio::fs::remove_file(&path).await {
                Err(fault) if fault.kind() != ErrorKind::NotFound => {
                    return Err(fault).with_context(|| format!("remove {}", path.display()));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// The attempts whose logs were last written before a moment.
    ///
    /// # Errors
    /// The disk does not answer.
    pub async fn written_before(&self, moment: SystemTime) -> Result<Vec<Attempt>> {
        self.written(move |at| at < moment).await
    }

    /// The attempts that have logs.
    ///
    /// # Errors
    /// The disk does not answer.
    pub async fn all(&self) -> Result<Vec<Attempt>> {
        self.written(|_| true).await
    }

    async fn written(&self, is_meant: impl Fn(SystemTime) -> bool + Send + 'static) -> Result<Vec<Attempt>> {
        let dir = Arc::clone(&self.dir);
        let listed = spawn_blocking(move || old::written(&dir, is_meant)).await;
        listed.context("wait for the disk")?.context("list logs")
    }

    /// The path of a log. Each directory has a thousand jobs.
    fn path(&self, attempt: Attempt) -> PathBuf {
        let Attempt { job, number } = attempt;
        self.dir.join(format!("{}/{job}-{number}.log", job.0 / 1_000))
    }
}

/// Reads one attempt's log while it grows.
#[derive(Clone)]
pub struct LogReader {
    path: Arc<Path>,
}

impl LogReader {
    /// The current length in bytes.
    ///
    /// # Errors
    /// The disk does not answer.
    pub async fn len(&self) -> Result<u64> {
        match tokio::fs::metadata(&self.path).await {
            Ok(metadata) => Ok(metadata.len()),
            Err(fault) if fault.kind() == ErrorKind::NotFound => Ok(0),
            Err(fault) => Err(fault).context("measure a log"),
        }
    }

    /// Up to `limit` bytes from `offset`; fewer at the end, none after it.
    ///
    /// # Errors
    /// The disk does not answer.
    pub async fn read(&self, offset: u64, limit: usize) -> Result<Bytes> {
        let path = Arc::clone(&self.path);
        let read =
            spawn_blocking(move || read_at(&path, offset, limit)).await.context("wait for the disk")?;
        read.context("read a log")
    }
}

fn read_at(path: &Path, offset: u64, limit: usize) -> std::io::Result<Bytes> {
    let file = match std::fs::File::open(path) {
        Err(fault) if fault.kind() == ErrorKind::NotFound => return Ok(Bytes::new()),
        opened => opened?,
    };
    let left = usize::try_from(file.metadata()?.len().saturating_sub(offset)).unwrap_or(usize::MAX);
    let mut bytes = vec![0; left.min(limit)];
    file.read_exact_at(&mut bytes, offset)?;
    Ok(bytes.into())
}
