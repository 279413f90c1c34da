//! The ends of logs: a limited number of bytes, read only if the log has grown since the last look.

use super::terminal::{self, LastLines};
use anyhow::Result;
use kozmic_edges::logs::Logs;
use kozmic_model::job::Attempt;
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

/// Number of lines that are shown.
const LINES: usize = 15;

/// Number of bytes at a log's end that are read.
const REACH: u64 = 16 * 1024;

/// The known ends of logs, with the length that each log had.
#[derive(Default)]
pub(super) struct Tails(HashMap<Attempt, (u64, Arc<LastLines>)>);

impl Tails {
    /// The last lines of an attempt's log.
    pub(super) async fn of(&mut self, logs: &Logs, attempt: Attempt) -> Result<Arc<LastLines>> {
        let log = logs.reader(attempt);
        let length = log.len().await?;
        if let Some((seen, lines)) = self.0.get(&attempt)
            && *seen == length
        {
            return Ok(Arc::clone(lines));
        }
        let start = length.saturating_sub(REACH);
        let bytes = log.read(start, usize::try_from(length - start)?).await?;
        let lines = Arc::new(terminal::last_lines(whole_lines(&bytes, start > 0), LINES));
        self.0.insert(attempt, (length, Arc::clone(&lines)));
        Ok(lines)
    }

    /// Forgets all ends but those of these attempts.
    pub(super) fn keep(&mut self, shown: &HashSet<Attempt>) {
        self.0.retain(|attempt, _| shown.contains(attempt));
    }
}

/// The bytes without an incomplete first line, unless there is no other line.
fn whole_lines(bytes: &[u8], is_cut: bool) -> &[u8] {
    let end_of_first = bytes.iter().position(|byte| *byte == b'\n').filter(|_| is_cut);
    match end_of_first.map(|at| &bytes[at + 1..]) {
        Some(rest) if !rest.is_empty() => rest,
        _ => bytes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kozmic_edges::logs::Source;
    use kozmic_model::{ids::JobId, time::Timestamp};

    const ATTEMPT: Attempt = Attempt { job: JobId(7), number: 1 };

    #[test]
    fn a_line_whose_beginning_is_missing_is_left_out() {
        assert_eq!(whole_lines(b"ne\ntwo\n", true), b"two\n");
        assert_eq!(whole_lines(b"one\ntwo\n", false), b"one\ntwo\n");
        assert_eq!(whole_lines(b"a very long one", true), b"a very long one");
        assert_eq!(whole_lines(b"a very long one\n", true), b"a very long one\n");
    }

    #[tokio::test]
    async fn a_tail_follows_its_log_and_is_bounded() {
        let dir = tempfile::tempdir().unwrap();
        let logs = Logs::open(dir.path().into()).unwrap();
        let mut tails = Tails::default();
        assert_eq!(tails.of(&logs, ATTEMPT).await.unwrap().text, "");
        let mut writer = logs.writer(ATTEMPT).await.unwrap();
        writer.append(Source::Output, "one\r\n".into(), Timestamp(1)).await.unwrap();
        let first = tails.of(&logs, ATTEMPT).await.unwrap();
        assert_eq!(first.text, "one");
        assert!(Arc::ptr_eq(&first, &tails.of(&logs, ATTEMPT).await.unwrap()), "read but once");
        let many = (0..5_000).map(|line| format!("line {line}\r\n")).collect::<String>();
        writer.append(Source::Output, many.into(), Timestamp(2)).await.unwrap();
        let last = tails.of(&logs, ATTEMPT).await.unwrap();
        assert_eq!(last.text.lines().count(), LINES);
        assert!(last.text.starts_with("line 4985\n") && last.text.ends_with("line 4999"));
        tails.keep(&HashSet::new());
        assert!(!Arc::ptr_eq(&last, &tails.of(&logs, ATTEMPT).await.unwrap()), "read anew");
    }
}
