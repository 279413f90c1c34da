//! An attempt that is under way: what it is about, its log, and where its time went so far.

use crate::{Flow, job_log::JobLog, report};
use anyhow::{Context, Result};
use kozmic_edges::{clock, git::Wanted, store::ClaimedJob};
use kozmic_model::{
    job::Attempt,
    phase::{Phase, PhaseKind, mark, mark_done},
    time::Timestamp,
};
use std::time::Instant;

/// State that all steps of an attempt have in common.
pub(crate) struct Work {
    pub(crate) flow: Flow,
    pub(crate) claimed: ClaimedJob,
    pub(crate) log: JobLog,
    /// Time at which this process began with it.
    pub(crate) begun: Instant,
    /// Its commit, once that was fetched.
    pub(crate) wanted: Option<Wanted>,
    phases: Vec<Phase>,
}

impl Work {
    /// Begins an attempt that a runner has just claimed.
    pub(crate) async fn begin_attempt(flow: &Flow, claimed: &ClaimedJob) -> Result<Self> {
        let log = JobLog::open(&flow.edges, &claimed.job).await?;
        Ok(Self {
            flow: flow.clone(),
            claimed: claimed.clone(),
            log,
            begun: Instant::now(),
            wanted: None,
            phases: claimed.job.phases.clone(),
        })
    }

    /// Takes up an attempt, where an earlier go at it stopped.
    pub(crate) async fn take_up(flow: &Flow, claimed: &ClaimedJob) -> Result<Self> {
        let job = flow.edges.store.job_by_id(claimed.job.id).await?.context("the job is gone")?;
        Ok(Self { phases: job.phases, ..Self::begin_attempt(flow, claimed).await? })
    }

    pub(crate) fn attempt(&self) -> Attempt {
        self.claimed.job.attempt()
    }

    /// Whether its script has ended well, with all of its output in the log: what it left is being brought in.
    pub(crate) fn is_past_its_script(&self) -> bool {
        self.phases.last().is_some_and(|phase| phase.kind.follows_a_script())
    }

    /// Kozmic's own words in the log.
    pub(crate) async fn say(&mut self, text: &str) -> Result<()> {
        self.log.say(text).await
    }

    /// Begins a phase, with a line in the log that says so.
    pub(crate) async fn begin(&mut self, kind: PhaseKind, text: &str) -> Result<()> {
        self.enter(kind, clock::now());
        self.note_phases().await?;
        self.log.say(&mark(kind, text)).await
    }

    /// Ends the phase that is under way, with a line in the log that says how long it took.
    pub(crate) async fn end(&mut self, text: &str) -> Result<()> {
        let now = clock::now();
        let Some(phase) = self.phases.last_mut() else { return Ok(()) };
        phase.finished_at = Some(now);
        let line = mark_done(phase.kind, text, phase.duration(now));
        self.note_phases().await?;
        self.log.say(&line).await
    }

    /// Notes a container and that its script's phase begins, before the script may start: from then on the container
    /// is what tells where the attempt stands; for an install script, the key of what it makes as well. The checkout went on since `begun`.
    pub(crate) async fn begin_script(
        &mut self,
        (kind, container, cache_key): (PhaseKind, &str, Option<&str>),
        (begun, checkout): (Timestamp, &str),
        text: &str,
    ) -> Result<()> {
        let now = clock::now();
        self.enter(PhaseKind::Checkout, begun);
        self.enter(kind, now);
        let checkout = mark_done(PhaseKind::Checkout, checkout, now.since(begun));
        self.log.say(&format!("{checkout}{}", mark(kind, text))).await?;
        self.log.begin_container().await?;
        let store = &self.flow.edges.store;
        let is_ours = store.note_container(self.attempt(), (container, cache_key), &self.phases).await?;
        anyhow::ensure!(is_ours, "another runner took the job over");
        Ok(())
    }

    /// A phase begins where the one before ends; one that a crash left open ends now.
    fn enter(&mut self, kind: PhaseKind, at: Timestamp) {
        let open = self.phases.iter_mut().filter(|phase| phase.finished_at.is_none());
        open.for_each(|phase| phase.finished_at = Some(at));
        self.phases.push(Phase::begin(kind, at));
    }

    async fn note_phases(&self) -> Result<()> {
        let Self { flow, claimed, phases, .. } = self;
        flow.edges.store.note_phases(claimed.job.attempt(), phases).await?;
        report::change(&flow.edges, claimed.project.id, claimed.job.id);
        Ok(())
    }
}
