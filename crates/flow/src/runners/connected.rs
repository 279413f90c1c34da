//! The line of one runner on another machine, as the server keeps it.

use super::hung_up;
use crate::{
    Flow,
    dispatcher::{Arrival, Connection as Seat, Decision},
};
use async_trait::async_trait;
use kozmic_edges::{
    broker::{Bell, Topic},
    clock,
    store::RunnerReport,
};
use kozmic_model::{
    ids::ProjectId,
    runner::{Runner, RunnerFacts},
};
use kozmic_remote::{Connection, Push};
use kozmic_runner::coordinator::State;
use std::{collections::BTreeSet, time::Duration};
use tokio::sync::watch;

/// Pause before a runner's words are written again that the database did not take.
const AGAIN: Duration = Duration::from_secs(2);

/// A connected runner. When this is dropped, the runner is expected back for a while.
pub(super) struct Connected {
    flow: Flow,
    name: String,
    seat: Seat,
    /// The last decision that the runner was told.
    is_draining: bool,
    /// Rings when the runner may have surplus images.
    images: Bell,
    words: watch::Sender<Words>,
}

impl Connected {
    /// The connection of a runner's process. None if another process of it is connected.
    pub(super) fn new(
        flow: &Flow,
        runner: Runner,
        built: BTreeSet<ProjectId>,
        arrival: Arrival,
    ) -> Option<Self> {
        let name = runner.name.clone();
        let seat = flow.dispatcher.connect(&flow.edges.broker, runner, built, arrival)?;
        let (words, newest) = watch::channel(Words::default());
        flow.tasks.spawn(write(flow.clone(), name.clone(), newest));
        let (flow, images) = (flow.clone(), flow.edges.broker.bell(Topic::Images));
        Some(Self { flow, name, seat, is_draining: false, images, words })
    }
}

/// A runner's last words about itself.
#[derive(Clone, Default, PartialEq, Eq)]
struct Words {
    state: Option<State>,
    facts: Option<RunnerFacts>,
}

/// Writes a runner's newest words to the database, beside its line, until the line ends.
async fn write(flow: Flow, name: String, mut words: watch::Receiver<Words>) {
    while words.changed().await.is_ok() {
        let Words { state, facts } = words.borrow_and_update().clone();
        let Some(state) = state else { continue };
        let report = RunnerReport {
            name: &name,
            slots: i32::try_from(state.slots).unwrap_or(i32::MAX),
            busy: i32::try_from(state.busy).unwrap_or(i32::MAX),
            trouble: state.trouble.as_deref(),
            facts: facts.as_ref(),
            seen_at: clock::now(),
        };
        match flow.edges.store.runners().note_report(report).await {
            Ok(_) => flow.edges.broker.ring(Topic::Projects),
            Err(fault) => {
                tracing::warn!(error = format!("{fault:#}"), "a runner's state cannot be noted yet");
                if !flow.pause(AGAIN).await || words.has_changed().is_err() {
                    return;
                }
                words.mark_changed();
            }
        }
    }
}

#[async_trait]
impl Connection for Connected {
    async fn next(&mut self) -> Option<Push> {
        loop {
            match self.seat.decision() {
                Decision::Removed => return None,
                Decision::Draining(is_draining) if is_draining != self.is_draining => {
                    self.is_draining = is_draining;
                    return Some(Push::Drain(is_draining));
                }
                Decision::Draining(_) => {}
            }
            tokio::select! {
                () = self.seat.woken() => {}
                () = self.images.rung() => return Some(Push::Images),
            }
            if self.seat.decision() == Decision::Draining(self.is_draining) {
                return Some(Push::Wake);
            }
        }
    }

    fn report(&mut self, state: State) {
        self.seat.hear();
        let is_new = self.words.send_if_modified(|words| {
            let is_new = words.state.as_ref() != Some(&state);
            words.state = Some(state.clone());
            is_new
        });
        if is_new {
            self.seat.change(|runner| {
                runner.slots = i32::try_from(state.slots).unwrap_or(i32::MAX);
                runner.busy = i32::try_from(state.busy).unwrap_or(i32::MAX);
                runner.trouble = state.trouble;
            });
        }
    }

    fn note_facts(&mut self, facts: RunnerFacts) {
        self.seat.note_facts(&facts);
        self.words.send_modify(|words| words.facts = Some(facts));
    }
}

impl Drop for Connected {
    fn drop(&mut self) {
        // A newer line was heard of later.
        if let Some(heard) = self.seat.heard() {
            hung_up(&self.flow, self.name.clone(), heard, self.seat.number());
        }
    }
}
