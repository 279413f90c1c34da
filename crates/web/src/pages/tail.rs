//! The end of a log as plain text, for browsers without scripts.

use crate::{error::WebError, monitor::plain};
use kozmic_edges::logs::LogReader;

/// Number of lines that are shown.
const LINES: usize = 200;

/// Number of bytes at the end that are looked at.
const REACH: u64 = 64 * 1024;

/// The last lines of a log, without control sequences.
pub(crate) async fn of(log: &LogReader) -> Result<String, WebError> {
    let start = log.len().await?.saturating_sub(REACH);
    let bytes = log.read(start, usize::try_from(REACH).unwrap_or(usize::MAX)).await?;
    Ok(last_lines(&plain(&bytes), LINES).to_owned())
}

fn last_lines(text: &str, count: usize) -> &str {
    let text = text.trim_end_matches('\n');
    text.rmatch_indices('\n').nth(count - 1).map_or(text, |(at, _)| &text[at + 1..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_are_counted_from_the_end() {
        assert_eq!(last_lines("a\nb\nc\n", 2), "b\nc");
        assert_eq!(last_lines("a", 2), "a");
        assert_eq!(last_lines("", 2), "");
    }
}
