//! The end of a log as plain text, for browsers without scripts.

use crate::error::WebError;
use kozmic_edges::logs::LogReader;
use kozmic_model::terminal::{self, Line};

/// Number of lines that are shown.
const LINES: usize = 200;

/// Number of bytes at the end that are read.
const REACH: u64 = 64 * 1024;

/// The last lines of a log, without control sequences.
pub(crate) async fn of(log: &LogReader) -> Result<String, WebError> {
    let start = log.len().await?.saturating_sub(REACH);
    let bytes = log.read(start, usize::try_from(REACH).unwrap_or(usize::MAX)).await?;
    Ok(last_lines(&bytes, LINES))
}

fn last_lines(end: &[u8], count: usize) -> String {
    let mut lines = terminal::lines(end);
    while lines.pop_if(|line| line.runs.is_empty()).is_some() {}
    let from = lines.len().saturating_sub(count);
    lines[from..].iter().map(Line::text).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_are_counted_from_the_end() {
        assert_eq!(last_lines(b"a\nb\nc\n", 2), "b\nc");
        assert_eq!(last_lines(b"a", 2), "a");
        assert_eq!(last_lines(b"", 2), "");
    }

    #[test]
    fn lines_are_those_that_a_terminal_shows() {
        assert_eq!(last_lines(b"a\n10%\r20%\x1b[3Cok\n\x1b[2A\x1b[1mb", 9), "b\n20%   ok");
    }
}
