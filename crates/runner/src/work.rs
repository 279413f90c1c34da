//! A running attempt: its order, its log and its phases so far.

use crate::{Runner, coordinator::Beginning, job_log::JobLog, order::Order};
use anyhow::{Context, Result};
use kozmic_edges::{clock, git::Wanted};
use kozmic_model::{
    phase::{Phase, PhaseKind, mark, mark_done},
    time::Timestamp,
};
use std::{sync::Arc, time::Instant};
use tokio::sync::mpsc;

/// The state that all steps of an attempt share.
pub struct Work {
    pub(crate) runner: Runner,
    pub(crate) order: Arc<Order>,
    pub(crate) log: JobLog,
    /// The time at which this process began with the attempt.
    pub(crate) begun: Instant,
    /// The attempt's commit, once it is fetched.
    pub(crate) wanted: Option<Wanted>,
    phases: Vec<Phase>,
}

/// A script that is about to begin in its container, with the checkout before it.
pub(crate) struct Opening<'a> {
    pub(crate) kind: PhaseKind,
    /// The engine's id of the container.
    pub(crate) container: &'a str,
    /// The key of the image that an install script makes; none for other scripts.
    pub(crate) cache_key: Option<&'a str>,
    /// Time at which the checkout began.
    pub(crate) begun: Timestamp,
    /// The checkout, in a few words.
    pub(crate) checkout: &'a str,
    /// The script, in a few words.
    pub(crate) text: &'a str,
}

impl Work {
    /// Begins an attempt that was just claimed.
    pub(crate) async fn begin_attempt(runner: &Runner, order: &Arc<Order>) -> Result<Self> {
        let log = JobLog::open(runner, order).await?;
        let (runner, order, phases) = (runner.clone(), Arc::clone(order), order.phases.clone());
        Ok(Self { runner, order, log, begun: Instant::now(), wanted: None, phases })
    }

    /// Takes up an attempt at the place where an earlier pass stopped.
    ///
    /// # Errors
    /// The coordinator or the disk does not answer, or another runner has the job.
    pub async fn take_up(runner: &Runner, order: &Arc<Order>) -> Result<Self> {
        let standing = runner.coordinator.standing(order.attempt).await?;
        let standing = standing.context("the job is gone, or another runner's")?;
        Ok(Self { phases: standing.phases, ..Self::begin_attempt(runner, order).await? })
    }

    /// True if the script has ended well and all of its output is in the log: its results are being brought in.
    pub(crate) fn is_past_its_script(&self) -> bool {
        self.phases.last().is_some_and(|phase| phase.kind.follows_a_script())
    }

    /// The length of the log, in bytes.
    pub fn log_length(&self) -> u64 {
        self.log.length()
    }

    /// Writes Kozmic's own text into the log.
    ///
    /// # Errors
    /// The disk cannot store it.
    pub async fn say(&mut self, text: &str) -> Result<()> {
        self.log.say(text).await
    }

    /// Writes all lines that arrive, until there are no more.
    pub(crate) async fn tell(&mut self, mut lines: mpsc::Receiver<String>) -> Result<()> {
        while let Some(line) = lines.recv().await {
            self.log.say(&line).await?;
        }
        Ok(())
    }

    /// Begins a phase, with a line in the log.
    ///
    /// # Errors
    /// The coordinator or the disk does not answer.
    pub async fn begin(&mut self, kind: PhaseKind, text: &str) -> Result<()> {
        self.enter(kind, clock::now());
        self.note_phases().await?;
        self.log.say(&mark(kind, text)).await
    }

    /// Ends the current phase, with a line in the log that has its duration.
    ///
    /// # Errors
    /// The coordinator or the disk does not answer.
    pub async fn end(&mut self, text: &str) -> Result<()> {
        let now = clock::now();
        let Some(phase) = self.phases.last_mut() else { return Ok(()) };
        phase.finished_at = Some(now);
        let line = mark_done(phase.kind, text, phase.duration(now));
        self.note_phases().await?;
        self.log.say(&line).await
    }

    /// Stores the container and the begin of its script's phase, before the script may start. From then on, the
    /// container's state is the attempt's state.
    pub(crate) async fn begin_script(&mut self, opening: Opening<'_>) -> Result<()> {
        let now = clock::now();
        let Opening { kind, container, cache_key, begun, .. } = opening;
        self.enter(PhaseKind::Checkout, begun);
        self.enter(kind, now);
        let checkout = mark_done(PhaseKind::Checkout, opening.checkout, now.since(begun));
        self.log.say(&format!("{checkout}{}", mark(kind, opening.text))).await?;
        self.log.begin_container().await?;
        let beginning = Beginning { container, cache_key, phases: &self.phases };
        let is_ours = self.runner.coordinator.begin_script(&self.order, &beginning).await?;
        anyhow::ensure!(is_ours, "another runner took the job over");
        Ok(())
    }

    /// Begins a phase and ends the one before at the same time. A phase that a crash left open ends here too.
    fn enter(&mut self, kind: PhaseKind, at: Timestamp) {
        let open = self.phases.iter_mut().filter(|phase| phase.finished_at.is_none());
        open.for_each(|phase| phase.finished_at = Some(at));
        self.phases.push(Phase::begin(kind, at));
    }

    async fn note_phases(&self) -> Result<()> {
        self.runner.coordinator.note_phases(&self.order, &self.phases).await
    }
}
