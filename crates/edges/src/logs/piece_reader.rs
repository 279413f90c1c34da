//! Reads a log as frames of pieces, while the log grows.

use super::{
    files::Files,
    index::{Piece, RECORD, pieces},
    pieces::{HEAD, Position},
};
use anyhow::{Context, Result};
use bytes::Bytes;
use std::{
    io::ErrorKind,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::Arc,
};
use tokio::task::spawn_blocking;

/// The most of an index that is read at once, in bytes.
const INDEX_PART: usize = 64 * 1024;

/// Reads one attempt's log as frames. Bytes that the index does not know yet are left out.
pub struct PieceReader {
    path: PathBuf,
    files: Option<Arc<Files>>,
    cursor: Cursor,
}

/// A position, and the place of its record in the index.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cursor {
    pub(super) position: Position,
    pub(super) index: u64,
    /// The bytes of the record's piece that lie before the position.
    within: u32,
}

impl PieceReader {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, files: None, cursor: Cursor::default() }
    }

    /// The position of the next frame.
    pub fn position(&self) -> Position {
        self.cursor.position
    }

    /// Moves to a position. False if the log does not have it (yet); then nothing changes.
    ///
    /// # Errors
    /// The disk does not answer.
    pub async fn seek(&mut self, to: Position) -> Result<bool> {
        let Some(files) = self.open().await? else { return Ok(to == Position::default()) };
        let found = spawn_blocking(move || walk(&files, to)).await.context("wait for the disk")?;
        let cursor = found.context("read a log's index")?;
        let is_there = cursor.position == to;
        if is_there {
            self.cursor = cursor;
        }
        Ok(is_there)
    }

    /// The end of the log, by its index.
    pub(super) async fn end(&mut self) -> Result<Position> {
        let Some(files) = self.open().await? else { return Ok(Position::default()) };
        let found = spawn_blocking(move || end(&files)).await.context("wait for the disk")?;
        Ok(found.context("read a log's index")?.position)
    }

    /// The next frame, of at most `limit` bytes; none if there is nothing more now.
    ///
    /// # Errors
    /// The disk does not answer.
    pub async fn next(&mut self, limit: usize) -> Result<Option<Bytes>> {
        let Some(files) = self.open().await? else { return Ok(None) };
        let cursor = self.cursor;
        let read = spawn_blocking(move || frame(&files, cursor, limit)).await.context("wait for the disk")?;
        let (frame, cursor) = read.context("read a log")?;
        self.cursor = cursor;
        Ok(frame)
    }

    async fn open(&mut self) -> Result<Option<Arc<Files>>> {
        if self.files.is_none() {
            let path = self.path.clone();
            let opened = spawn_blocking(move || open(&path)).await.context("wait for the disk")?;
            self.files = opened.context("open a log")?.map(Arc::new);
        }
        Ok(self.files.clone())
    }
}

fn open(path: &Path) -> std::io::Result<Option<Files>> {
    match Files::open_to_read(path) {
        Err(fault) if fault.kind() == ErrorKind::NotFound => Ok(None),
        opened => opened.map(Some),
    }
}

/// The end of a log: behind the last piece whose bytes are all there.
pub(super) fn end(files: &Files) -> std::io::Result<Cursor> {
    walk(files, Position { bytes: files.data.metadata()?.len(), marks: u32::MAX })
}

/// The last position that is not behind `to`, by the index.
fn walk(files: &Files, to: Position) -> std::io::Result<Cursor> {
    let mut cursor = Cursor::default();
    let mut part = vec![0; INDEX_PART];
    loop {
        let length = read_up_to(files, &mut part, cursor.index)?;
        let mut count = 0;
        for piece in pieces(&part[..length]) {
            let Some(next) = piece.behind(cursor.position) else { return Ok(cursor) };
            if next > to {
                return Ok(into(cursor, piece, to));
            }
            (cursor.position, cursor.index) = (next, cursor.index + RECORD as u64);
            count += 1;
        }
        if length < INDEX_PART || count * RECORD < length {
            return Ok(cursor);
        }
    }
}

/// Moves into a piece, if the position lies there.
fn into(cursor: Cursor, piece: Piece, to: Position) -> Cursor {
    let within = u32::try_from(to.bytes - cursor.position.bytes).unwrap_or(u32::MAX);
    match within < piece.length && to.marks == cursor.position.marks {
        true => Cursor { position: to, within, ..cursor },
        false => cursor,
    }
}

/// The frame behind the cursor, and the cursor behind the frame.
fn frame(files: &Files, mut cursor: Cursor, limit: usize) -> std::io::Result<(Option<Bytes>, Cursor)> {
    let (start, mut left) = (cursor.position, limit.saturating_sub(HEAD));
    let mut index = vec![0; INDEX_PART.min(left / RECORD * RECORD)];
    let length = read_up_to(files, &mut index, cursor.index)?;
    let mut frame = Vec::with_capacity(HEAD + length);
    frame.extend_from_slice(&[0; HEAD]);
    let mut count = 0_u32;
    for piece in pieces(&index[..length]) {
        let Some(room) = left.checked_sub(RECORD) else { break };
        let rest = piece.length - cursor.within;
        let taken = rest.min(u32::try_from(room).unwrap_or(u32::MAX));
        let part = Piece { length: taken, ..piece };
        let Some(next) = part.behind(cursor.position).filter(|_| taken > 0 || rest == 0) else { break };
        frame.extend_from_slice(&part.to_record());
        (cursor.position, left, count) = (next, room - taken as usize, count + 1);
        if taken < rest {
            cursor.within += taken;
            break;
        }
        (cursor.index, cursor.within) = (cursor.index + RECORD as u64, 0);
    }
    if count == 0 {
        return Ok((None, cursor));
    }
    frame[..8].copy_from_slice(&start.bytes.to_le_bytes());
    frame[8..12].copy_from_slice(&start.marks.to_le_bytes());
    frame[12..HEAD].copy_from_slice(&count.to_le_bytes());
    let bytes = frame.len();
    frame.resize(bytes + usize::try_from(cursor.position.bytes - start.bytes).unwrap_or(usize::MAX), 0);
    files.data.read_exact_at(&mut frame[bytes..], start.bytes)?;
    Ok((Some(frame.into()), cursor))
}

/// Reads whole records of the index from an offset, as many as there are and fit. Returns their length.
fn read_up_to(files: &Files, part: &mut [u8], offset: u64) -> std::io::Result<usize> {
    let mut length = 0;
    while length < part.len() {
        match files.index.read_at(&mut part[length..], offset + length as u64) {
            Ok(0) => break,
            Ok(more) => length += more,
            Err(fault) if fault.kind() == ErrorKind::Interrupted => {}
            Err(fault) => return Err(fault),
        }
    }
    Ok(length / RECORD * RECORD)
}
