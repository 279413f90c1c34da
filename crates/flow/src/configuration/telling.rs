//! Writes about a reading to its job's log, within the limit of jobs' logs: a configuration that is broken on purpose,
//! or very large, must not fill the disk.

use crate::Flow;
use anyhow::Result;
use kozmic_runner::work::Work;

/// Bytes that are kept free for the last lines.
const END: u64 = 1 << 10;

/// Writes lines about a reading, as long as the log may grow.
pub(super) struct Telling {
    flow: Flow,
    work: Work,
    left_out: usize,
}

impl Telling {
    pub(super) fn new(flow: &Flow, work: Work) -> Self {
        Self { flow: flow.clone(), work, left_out: 0 }
    }

    /// Writes a line, or counts it if there is no room for it.
    pub(super) async fn say(&mut self, line: &str) -> Result<()> {
        let length = self.work.log_length() + line.len() as u64 + END;
        if self.left_out > 0 || length > self.flow.settings.log_limit {
            self.left_out += 1;
            return Ok(());
        }
        if let Some(why) = self.flow.edges.room.is_used_up() {
            anyhow::bail!(why);
        }
        self.work.say(line).await
    }

    /// Writes how many lines were left out, and gives the attempt back.
    pub(super) async fn end(mut self) -> Result<Work> {
        if self.left_out > 0 {
            let (count, limit) = (self.left_out, self.flow.settings.log_limit >> 20);
            let words =
                format!("{count} lines are left out here: the log is as long as it may be, {limit} MiB.");
            self.work.say(&words).await?;
        }
        Ok(self.work)
    }
}
