//! A stream's pieces as something that is read, and how the stream ended.

use bytes::{Buf, Bytes};
use std::{
    error::Error,
    io::{self, Read},
};
use tokio::sync::mpsc;

/// The reason why a stream broke.
pub(super) type Fault = Box<dyn Error + Send + Sync>;

/// The point up to which a stream was read. A whole archive says itself where it ends, so its reader does not reach the
/// stream's end.
pub(super) enum End {
    /// Not to its end.
    Open,
    /// To its end.
    Reached,
    /// Up to the point where it broke.
    Broken(Fault),
}

/// The pieces, in a thread of their own: reading blocks.
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
