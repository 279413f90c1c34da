//! Phases: the parts of a job's time, so that people see how it was spent.

use crate::time::{Timestamp, spoken};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The work of a job during one part of its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PhaseKind {
    /// The image is pulled from its registry.
    Pull,
    /// The commit is checked out of the mirror.
    Checkout,
    /// The install script runs.
    Install,
    /// The script runs.
    Build,
    /// The container is committed as an image from which later builds start.
    Commit,
    /// The artifact is published.
    Publish,
    /// The configuration repository is read and checked.
    Check,
}

impl PhaseKind {
    /// The word in logs and on pages.
    pub fn word(self) -> &'static str {
        match self {
            Self::Pull => "pull",
            Self::Checkout => "checkout",
            Self::Install => "install",
            Self::Build => "build",
            Self::Commit => "commit",
            Self::Publish => "publish",
            Self::Check => "check",
        }
    }

    /// True if a script runs in the phase, or ran before it.
    pub fn has_a_script(self) -> bool {
        matches!(self, Self::Install | Self::Build) || self.follows_a_script()
    }

    /// True if the phase begins only after a script has ended well: it keeps or publishes the script's results.
    pub fn follows_a_script(self) -> bool {
        matches!(self, Self::Commit | Self::Publish)
    }
}

/// One part of a job's time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Phase {
    /// The work that was done.
    pub kind: PhaseKind,
    /// Time at which it began.
    pub started_at: Timestamp,
    /// Time at which it ended; none while it is running.
    pub finished_at: Option<Timestamp>,
}

impl Phase {
    /// A phase that begins now.
    pub fn begin(kind: PhaseKind, now: Timestamp) -> Self {
        Self { kind, started_at: now, finished_at: None }
    }

    /// The time that the phase took, or has taken until now.
    pub fn duration(&self, now: Timestamp) -> Duration {
        self.finished_at.unwrap_or(now).since(self.started_at)
    }
}

/// The line that Kozmic writes into a log at a phase. It is bold and violet, to be different from output.
pub fn mark(kind: PhaseKind, text: &str) -> String {
    format!("\u{1b}[1;38;5;141m{}  {text}\u{1b}[0m\n", kind.word())
}

/// The line of [`mark`] with the time that the phase took.
pub fn mark_done(kind: PhaseKind, text: &str, took: Duration) -> String {
    mark(kind, &format!("{text} · {}", spoken(took)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phase_is_marked_with_its_text_and_the_time_that_it_took() {
        let took = Duration::from_millis(518);
        let line = mark_done(PhaseKind::Checkout, "abc of main", took);
        assert_eq!(line, "\u{1b}[1;38;5;141mcheckout  abc of main · 518 ms\u{1b}[0m\n");
    }
}
