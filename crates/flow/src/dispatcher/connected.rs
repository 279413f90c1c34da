//! A connected runner, as the dispatcher knows it.

use kozmic_model::{
    ids::ProjectId,
    placement::FreeRunner,
    runner::{REMOTE_SILENCE, Runner, RunnerFacts},
};
use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};
use tokio::{sync::Notify, time::Instant};

/// The time within which a woken runner claims. After that, its jobs are for others until it claims or reports.
pub(super) const PATIENCE: Duration = Duration::from_secs(1);

/// Time after which it is noted anew that a runner builds a project. Notes that are much older are forgotten.
const NOTED: Duration = Duration::from_hours(24);

/// A connected runner.
pub(super) struct Connected {
    /// The number of its connection. A newer connection of the same runner takes the place of an older one.
    pub(super) number: u64,
    /// The runner, as it last reported.
    pub(super) runner: Runner,
    /// The projects that it built.
    pub(super) built: BTreeSet<ProjectId>,
    /// The times at which it was noted that it built a project.
    pub(super) noted: HashMap<ProjectId, Instant>,
    /// Wakes it.
    pub(super) bell: Arc<Notify>,
    /// The time at which it was woken, if it has not claimed since.
    pub(super) woken: Option<Instant>,
    /// The time of its last sign of life.
    pub(super) heard: Instant,
    /// A random word of its process; empty: unknown.
    pub(super) process: String,
    /// The word of the process that was refused last.
    pub(super) refused: String,
}

impl Connected {
    pub(super) fn new(number: u64, runner: Runner, built: BTreeSet<ProjectId>, process: String) -> Self {
        Self {
            number,
            runner,
            built,
            noted: HashMap::new(),
            bell: Arc::default(),
            woken: None,
            heard: Instant::now(),
            process,
            refused: String::new(),
        }
    }

    /// True if this process is heard of and is not the given one. The log has that once, though the other one tries again
    /// and again.
    pub(super) fn refuses(&mut self, process: &str) -> bool {
        let is_other = !process.is_empty() && !self.process.is_empty() && self.process != process;
        let refuses = is_other && self.heard.elapsed() < REMOTE_SILENCE;
        if refuses && self.refused != process {
            process.clone_into(&mut self.refused);
            let runner = &self.runner.title;
            tracing::warn!(runner, "a second machine with the token of a connected runner is refused");
        }
        refuses
    }

    /// Changes the runner. If this makes a difference, it may have more jobs now.
    pub(super) fn change(&mut self, change: impl FnOnce(&mut Runner)) -> bool {
        let before = self.runner.clone();
        change(&mut self.runner);
        let has_changed = self.runner != before;
        if has_changed {
            self.woken = None;
        }
        has_changed
    }

    /// Notes facts about the runner's machine. True if its labels changed, so that it may have other jobs now.
    pub(super) fn note_facts(&mut self, facts: &RunnerFacts) -> bool {
        let before = self.runner.labels();
        self.runner.facts.clone_from(facts);
        let has_changed = self.runner.labels() != before;
        if has_changed {
            self.woken = None;
        }
        has_changed
    }

    pub(super) fn free(&self, asks: bool) -> Option<FreeRunner> {
        let runner = &self.runner;
        let left = usize::try_from(runner.slots - runner.busy).unwrap_or_default();
        let sleeps = self.woken.is_some_and(|woken| woken.elapsed() >= PATIENCE);
        let slots = if asks { left.max(1) } else { left };
        let is_ready = asks || (runner.trouble.is_none() && !sleeps);
        (slots > 0 && !runner.is_draining && is_ready).then(|| FreeRunner {
            name: runner.name.clone(),
            slots,
            rules: runner.rules.clone(),
            labels: runner.labels(),
            projects: self.built.clone(),
        })
    }

    /// Notes that the runner builds a project now; true if that is to be stored.
    pub(super) fn note_built(&mut self, project: ProjectId) -> bool {
        self.built.insert(project);
        let is_due = self.noted.get(&project).is_none_or(|noted| noted.elapsed() >= NOTED);
        if is_due {
            self.noted.insert(project, Instant::now());
        }
        is_due
    }
}
