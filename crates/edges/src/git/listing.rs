//! Git's lists, whose entries end with NUL: reads them one by one, and keeps only a limited part of each.

use std::io;
use tokio::io::{AsyncBufRead, AsyncBufReadExt};

/// Reads up to the next NUL, and keeps the first bytes of the entry, `longest` at most. Returns the whole length of the
/// entry; none after the last one.
pub(super) async fn next(
    list: &mut (impl AsyncBufRead + Unpin),
    entry: &mut Vec<u8>,
    longest: usize,
) -> io::Result<Option<u64>> {
    entry.clear();
    let mut length = 0;
    loop {
        let there = list.fill_buf().await?;
        if there.is_empty() {
            return Ok(None);
        }
        let end = there.iter().position(|byte| *byte == 0);
        let part = &there[..end.unwrap_or(there.len())];
        let room = longest - entry.len();
        length += part.len() as u64;
        entry.extend_from_slice(&part[..part.len().min(room)]);
        let used = part.len() + usize::from(end.is_some());
        list.consume(used);
        if end.is_some() {
            return Ok(Some(length));
        }
    }
}
