//! Unpacking of an artifact out of the engine's tar stream onto the disk. A stranger's script decides what is in it, so
//! whatever could lead out of its place is refused.

mod entries;
#[cfg(test)]
mod fuzz;
mod pieces;
#[cfg(test)]
mod tests;

use super::unfinished::remove;
use crate::room::Room;
use bytes::Bytes;
use entries::Entries;
use futures_util::{Stream, StreamExt};
use pieces::{End, Fault, Pieces};
use std::{error::Error, io, path::Path};
use tokio::sync::mpsc;

/// The most pieces of the stream that wait to be written.
const WAITING: usize = 4;

/// The most characters of what an archive is quoted with.
const LONGEST_WORDS: usize = 200;

/// The kind of artifact that is to come out of an archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// A file.
    File,
    /// A directory with all that is in it.
    Directory,
}

/// The reason why nothing was unpacked.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    /// Something is in it that may not be there.
    #[error("{0}")]
    Odd(String),
    /// It is something else than a file.
    #[error("{entry} is {kind}; the formats flist, binary and kernel need a file")]
    NotAFile {
        /// Its name.
        entry: String,
        /// Its kind, with an article.
        kind: &'static str,
    },
    /// It is something else than a directory.
    #[error("{entry} is {kind}; the format directory needs a directory")]
    NotADirectory {
        /// Its name.
        entry: String,
        /// Its kind, with an article.
        kind: &'static str,
    },
    /// The stream ended before the archive did.
    #[error("the archive ends in its middle")]
    Cut,
    /// The stream broke.
    #[error("the archive could not be read to its end: {0}")]
    Stream(#[source] Fault),
    /// The disk.
    #[error("{what}: {cause}")]
    Io {
        /// The step, as "write result.bin".
        what: String,
        /// The system's error.
        #[source]
        cause: io::Error,
    },
}

/// Unpacks the archive of one path, as the engine gives it: its first entry is the file, or the directory above all
/// others. It becomes `into`; what is there before goes, and after an error nothing is there. Files keep of their
/// permissions that they may be run; links stay if they lead to somewhere inside. A file that does not leave enough
/// room is not taken.
///
/// # Errors
/// It is not what was expected, holds what it may not, is cut off, or the disk does not take it.
pub async fn unpack<E: Error + Send + Sync + 'static>(
    archive: impl Stream<Item = Result<Bytes, E>> + Send + Unpin + 'static,
    into: &Path,
    room: &Room,
    expected: Expected,
) -> Result<(), UnpackError> {
    let (sender, receiver) = mpsc::channel(WAITING);
    let (into, room) = (into.to_owned(), room.clone());
    let unpacking = tokio::task::spawn_blocking(move || write(Pieces::new(receiver), &into, &room, expected));
    feed(archive, sender).await;
    let failed = |fault| Err(UnpackError::Io { what: "unpack".to_owned(), cause: io::Error::other(fault) });
    unpacking.await.unwrap_or_else(failed)
}

/// Passes the stream on until it ends or nobody reads any more.
async fn feed<E: Error + Send + Sync + 'static>(
    mut archive: impl Stream<Item = Result<Bytes, E>> + Unpin,
    sender: mpsc::Sender<Result<Bytes, Fault>>,
) {
    loop {
        let piece = tokio::select! {
            piece = archive.next() => piece,
            () = sender.closed() => None,
        };
        let Some(piece) = piece else { return };
        let is_last = piece.is_err();
        if sender.send(piece.map_err(Fault::from)).await.is_err() || is_last {
            return;
        }
    }
}

fn write(pieces: Pieces, into: &Path, room: &Room, expected: Expected) -> Result<(), UnpackError> {
    let mut archive = tar::Archive::new(pieces);
    let written = write_entries(&mut archive, into, room, expected);
    // The stream's end explains what was found in it.
    let outcome = match archive.into_inner().into_end() {
        End::Open => written,
        End::Reached => Err(UnpackError::Cut),
        End::Broken(fault) => Err(UnpackError::Stream(fault)),
    };
    if outcome.is_err()
        && let Err(fault) = remove(into)
    {
        tracing::warn!(path = %into.display(), %fault, "what was unpacked in vain could not be removed");
    }
    outcome
}

fn write_entries(
    archive: &mut tar::Archive<Pieces>,
    into: &Path,
    room: &Room,
    expected: Expected,
) -> Result<(), UnpackError> {
    let clear = |cause| UnpackError::Io { what: format!("clear {}", into.display()), cause };
    remove(into).map_err(clear)?;
    let mut entries = Entries::new(into, room, expected);
    for entry in archive.entries().map_err(unreadable)? {
        entries.add(entry.map_err(unreadable)?)?;
    }
    entries.finish()
}

/// The reader's words may quote the archive.
fn unreadable(fault: io::Error) -> UnpackError {
    let words = fault.to_string().escape_debug().take(LONGEST_WORDS).collect::<String>();
    UnpackError::Odd(format!("the archive is none that can be read: {words}"))
}
