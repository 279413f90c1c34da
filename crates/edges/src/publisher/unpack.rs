//! Unpacks an artifact from the engine's tar stream onto the disk. A stranger's script decides the content, so
//! everything that could lead out of its place is refused.

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

/// The most pieces of the stream that wait for writing.
const WAITING: usize = 4;

/// The longest quotation from an archive, in characters.
const LONGEST_WORDS: usize = 200;

/// The expected kind of artifact in an archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// A file.
    File,
    /// A directory with its content.
    Directory,
}

/// The reason why nothing was unpacked.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    /// The archive contains something that is not allowed.
    #[error("{0}")]
    Odd(String),
    /// The artifact is not a file.
    #[error("{entry} is {kind}; the formats flist, binary and kernel need a file")]
    NotAFile {
        /// The artifact's name.
        entry: String,
        /// The artifact's kind, with an article.
        kind: &'static str,
    },
    /// The artifact is not a directory.
    #[error("{entry} is {kind}; the format directory needs a directory")]
    NotADirectory {
        /// The artifact's name.
        entry: String,
        /// The artifact's kind, with an article.
        kind: &'static str,
    },
    /// The stream ended before the archive did.
    #[error("the archive ends in its middle")]
    Cut,
    /// The stream broke.
    #[error("the archive could not be read to its end: {0}")]
    Stream(#[source] Fault),
    /// The disk failed.
    #[error("{what}: {cause}")]
    Io {
        /// The step, such as "write result.bin".
        what: String,
        /// The system's error.
        #[source]
        cause: io::Error,
    },
}

/// Unpacks the engine's archive of one path: its first entry is the file, or the directory above all others. The result
/// is at `into`. Existing content there is removed, and after an error nothing is there. Of the permissions of files,
/// only the execute permission is kept. Links are kept if they lead to somewhere inside. A file that does not leave
/// enough room is refused.
///
/// # Errors
/// The archive has not the expected kind, contains something that is not allowed, is cut off, or the disk refuses.
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
    // A broken stream explains an error in the archive, so it is reported instead.
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

/// An error of the reader. Its words may quote the archive, so they are escaped and shortened.
fn unreadable(fault: io::Error) -> UnpackError {
    let words = fault.to_string().escape_debug().take(LONGEST_WORDS).collect::<String>();
    UnpackError::Odd(format!("the archive is none that can be read: {words}"))
}
