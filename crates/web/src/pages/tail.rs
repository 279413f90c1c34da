//! The end of a log as plain text, for browsers without scripts.

use crate::error::WebError;
use kozmic_edges::logs::LogReader;

/// How many lines are shown.
const LINES: usize = 200;

/// How much of the end is looked at, in bytes.
const REACH: u64 = 64 * 1024;

/// The last lines of a log, without control sequences.
pub(crate) async fn of(log: &LogReader) -> Result<String, WebError> {
    let start = log.len().await?.saturating_sub(REACH);
    let bytes = log.read(start, usize::try_from(REACH).unwrap_or(usize::MAX)).await?;
    Ok(last_lines(&plain(&String::from_utf8_lossy(&bytes)), LINES).to_owned())
}

/// The text without control sequences; of a line that overwrote itself, what stood there last.
fn plain(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    for line in text.split('\n') {
        let line = line.trim_end_matches('\r');
        let last = line.rsplit('\r').next().unwrap_or(line);
        keep_visible(last, &mut kept);
        kept.push('\n');
    }
    kept.pop();
    kept
}

fn keep_visible(line: &str, kept: &mut String) {
    let mut signs = line.chars();
    while let Some(sign) = signs.next() {
        match sign {
            '\u{1b}' => skip_sequence(&mut signs),
            '\t' => kept.push(sign),
            _ if sign.is_control() => {}
            _ => kept.push(sign),
        }
    }
}

/// Skips what follows an escape: a control sequence, a string such as a title, or one sign.
fn skip_sequence(signs: &mut std::str::Chars<'_>) {
    match signs.next() {
        Some('[') => while signs.next().is_some_and(|sign| !('@'..='~').contains(&sign)) {},
        Some(']' | 'P' | 'X' | '^' | '_') => {
            while let Some(sign) = signs.next() {
                match sign {
                    '\u{7}' => return,
                    '\u{1b}' => {
                        signs.next();
                        return;
                    }
                    _ => {}
                }
            }
        }
        _ => {}
    }
}

fn last_lines(text: &str, count: usize) -> &str {
    let text = text.trim_end_matches('\n');
    text.rmatch_indices('\n').nth(count - 1).map_or(text, |(at, _)| &text[at + 1..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_sequences_leave_no_trace() {
        assert_eq!(plain("\u{1b}[1;31mred\u{1b}[0m <b>\n\u{1b}]0;title\u{7}x\ty"), "red <b>\nx\ty");
        assert_eq!(plain("\u{1b}]8;;http://x\u{1b}\\link"), "link");
        assert_eq!(plain("10 %\r20 %\r\nend\u{1b}["), "20 %\nend");
    }

    #[test]
    fn the_last_lines_are_counted_from_the_end() {
        assert_eq!(last_lines("a\nb\nc\n", 2), "b\nc");
        assert_eq!(last_lines("a", 2), "a");
        assert_eq!(last_lines("", 2), "");
    }
}
