//! A stream's pieces as a reader, with the way in which the stream ended.

use bytes::{Buf, Bytes};
use std::{
    error::Error,
    io::{self, Read},
};
use tokio::sync::mpsc;

/// The reason why a stream broke.
pub(super) type Fault = Box<dyn Error + Send + Sync>;

/// The point up to which a stream was read. A complete archive has its own end marker, so its reader does not reach the
/// end of the stream.
pub(super) enum End {
    /// Before its end.
    Open,
    /// Its end.
    Reached,
    /// The point at which it broke.
    Broken(Fault),
}

/// The pieces, for a thread that may block.
pub(super) struct Pieces {
    receiver: mpsc::Receiver<Result<Bytes, Fault>>,
    piece: Bytes,
    end: End,
}

impl Pieces {
    pub(super) fn new(receiver: mpsc::Receiver<Result<Bytes, Fault>>) -> Self {
        Self { receiver, piece: Bytes::new(), end: End::Open }
    }

    pub(super) fn into_end(self) -> End {
        self.end
    }
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() && matches!(self.end, End::Open) {
            match self.receiver.blocking_recv() {
                Some(Ok(piece)) => self.piece = piece,
                Some(Err(fault)) => self.end = End::Broken(fault),
                None => self.end = End::Reached,
            }
        }
        if matches!(self.end, End::Broken(_)) {
            return Err(io::Error::other("the stream broke"));
        }
        let length = self.piece.len().min(buffer.len());
        self.piece.copy_to_slice(&mut buffer[..length]);
        Ok(length)
    }
}
