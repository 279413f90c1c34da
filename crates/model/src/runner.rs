//! Runners as the rest of Kozmic sees them: their state, their rules, and the reason why a job still waits for one.

mod title;
mod facts;
mod key;
mod rules;
mod draft;
mod state;
mod start;
mod waiting;

pub use draft::RunnerDraft;
pub use facts::RunnerFacts;
pub use key::{ClaimKey, NotAKey};
pub use rules::{Forks, JobClass, NotAPattern, ProjectPatterns, Refusal, RunnerRules, UnknownForks};
pub use start::{StartLines, TOKEN_FILE};
pub use state::RunnerState;
pub use title::{NotATitle, RUNNER_TITLE_LIMIT, RunnerTitle};
pub use waiting::why_waiting;

use crate::{
    label::Labels,
    time::{Timestamp, spoken},
};
use std::time::Duration;

/// A runner in the server's own process counts as gone after this time without a report.
pub const RUNNER_SILENCE: Duration = Duration::from_secs(30);

/// A runner on another machine counts as silent after this time without a beat.
pub const REMOTE_SILENCE: Duration = Duration::from_secs(8);

/// A runner, as of its last report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Runner {
    /// The runner's name, which marks its containers. The name of the server's own runner is its installation's id.
    pub name: String,
    /// The name that people gave it.
    pub title: String,
    /// Number of jobs that it runs at once.
    pub slots: i32,
    /// Number of jobs that it runs now.
    pub busy: i32,
    /// The reason why it takes no jobs although it has free slots, in a sentence.
    pub trouble: Option<String>,
    /// Time of the last sign of life.
    pub seen_at: Timestamp,
    /// The jobs that it may get.
    pub rules: RunnerRules,
    /// The facts that it reports about its machine.
    pub facts: RunnerFacts,
    /// True if it gets no more jobs, because its operator is about to stop it.
    pub is_draining: bool,
    /// True if it has a token of its own; false for the server's own runner.
    pub is_remote: bool,
}

impl Runner {
    /// A runner of that name that has reported nothing yet.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            title: name.to_owned(),
            slots: 0,
            busy: 0,
            trouble: None,
            seen_at: Timestamp(0),
            rules: RunnerRules::default(),
            facts: RunnerFacts::default(),
            is_draining: false,
            is_remote: false,
        }
    }

    /// All labels: those that people gave it, and those that follow from its machine.
    pub fn labels(&self) -> Labels {
        self.rules.labels.with(&self.facts.labels())
    }

    /// True if nothing was heard of it for too long.
    pub fn is_silent(&self, now: Timestamp) -> bool {
        let longest = if self.is_remote { REMOTE_SILENCE } else { RUNNER_SILENCE };
        now.since(self.seen_at) >= longest
    }

    /// True if it is the server's own, and the settings give it no slots: all jobs are for other machines.
    pub fn is_off(&self) -> bool {
        self.slots == 0 && !self.is_remote
    }

    /// The reason why it may not have a job of a class; none if it may.
    pub fn refuses(&self, class: &JobClass) -> Option<Refusal> {
        self.rules.refuses(&self.labels(), class)
    }
}

/// The reason why no job can start on any of these runners, in a sentence; none if a job can start.
pub fn trouble(runners: &[Runner], now: Timestamp) -> Option<String> {
    let on = runners.iter().filter(|runner| !runner.is_off());
    let alive = on.filter(|runner| !runner.is_silent(now)).collect::<Vec<_>>();
    if alive.is_empty() {
        return Some("No runner is at work: jobs wait until one is.".to_owned());
    }
    let takes = alive.into_iter().filter(|runner| !runner.is_draining).collect::<Vec<_>>();
    if takes.is_empty() {
        return Some("All runners were told to take no more jobs: jobs wait until one may.".to_owned());
    }
    takes.into_iter().map(|runner| runner.trouble.clone()).collect::<Option<Vec<_>>>()?.into_iter().next()
}

/// The sentence about runners of which nothing was heard for too long.
fn silence<'a>(runners: impl Iterator<Item = &'a Runner>, wanted: &str, now: Timestamp) -> String {
    match runners.map(|runner| runner.seen_at).max() {
        Some(Timestamp(0)) | None => format!("Waits for {wanted}: none was started yet."),
        Some(last) => format!("Waits for {wanted}: none was heard of for {}.", spoken(now.since(last))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runner(trouble: Option<&str>, seen_at: i64) -> Runner {
        let trouble = trouble.map(str::to_owned);
        Runner { slots: 2, trouble, seen_at: Timestamp(seen_at), ..Runner::new("here") }
    }

    #[test]
    fn there_is_trouble_only_if_no_runner_can_work() {
        let now = Timestamp(100_000);
        assert!(trouble(&[], now).is_some());
        assert!(trouble(&[runner(None, 0)], now).is_some());
        assert_eq!(trouble(&[runner(Some("No engine."), 99_000)], now).unwrap(), "No engine.");
        assert_eq!(trouble(&[runner(Some("No engine."), 99_000), runner(None, 99_000)], now), None);
        let draining = Runner { is_draining: true, ..runner(None, 99_000) };
        let both = [draining, runner(Some("No engine."), 99_000)];
        assert!(trouble(&both[..1], now).unwrap().starts_with("All runners were told"));
        assert_eq!(trouble(&both, now).unwrap(), "No engine.");
    }

    #[test]
    fn the_servers_own_runner_without_slots_does_not_count() {
        let (now, off) = (Timestamp(100_000), Runner { slots: 0, ..runner(Some("No engine."), 99_000) });
        assert!(trouble(std::slice::from_ref(&off), now).unwrap().starts_with("No runner is at work"));
        let far = Runner { is_remote: true, ..runner(None, 99_000) };
        assert_eq!(trouble(&[off, far], now), None);
    }

    #[test]
    fn a_runner_on_another_machine_is_silent_sooner() {
        let (here, now) = (runner(None, 90_000), Timestamp(99_000));
        let there = Runner { is_remote: true, ..here.clone() };
        assert!(!here.is_silent(now) && there.is_silent(now) && !there.is_silent(Timestamp(97_000)));
    }
}
