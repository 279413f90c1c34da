//! The line of one runner on another machine, as the server keeps it.

use super::hung_up;
use crate::{
    Flow,
    dispatcher::{Connection as Seat, Decision},
};
use async_trait::async_trait;
use kozmic_edges::{clock, store::RunnerReport};
use kozmic_model::{ids::ProjectId, runner::Runner};
use kozmic_remote::{Connection, Push};
use kozmic_runner::coordinator::State;
use std::collections::BTreeSet;
use tokio::time::Instant;

/// A connected runner. When this is dropped, the runner is expected back for a while.
pub(super) struct Connected {
    flow: Flow,
    name: String,
    seat: Seat,
    /// The last decision that the runner was told.
    is_draining: bool,
    state: Option<State>,
    /// The time of its last sign of life.
    heard: Instant,
}

impl Connected {
    pub(super) fn new(flow: &Flow, runner: Runner, built: BTreeSet<ProjectId>) -> Self {
        let name = runner.name.clone();
        let seat = flow.dispatcher.connect(&flow.edges.broker, runner, built);
        Self { flow: flow.clone(), name, seat, is_draining: false, state: None, heard: Instant::now() }
    }

    /// Writes a changed state to the database, beside the line.
    fn note(&self, state: State) {
        let (flow, name) = (self.flow.clone(), self.name.clone());
        flow.tasks.clone().spawn(async move {
            let report = RunnerReport {
                name: &name,
                slots: i32::try_from(state.slots).unwrap_or(i32::MAX),
                busy: i32::try_from(state.busy).unwrap_or(i32::MAX),
                trouble: state.trouble.as_deref(),
                facts: None,
                seen_at: clock::now(),
            };
            match flow.edges.store.runners().note_report(report).await {
                Ok(true) => flow.edges.broker.ring(kozmic_edges::broker::Topic::Projects),
                Ok(false) => {}
                Err(fault) => {
                    tracing::warn!(error = format!("{fault:#}"), "a runner's state cannot be noted")
                }
            }
        });
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
            self.seat.woken().await;
            if self.seat.decision() == Decision::Draining(self.is_draining) {
                return Some(Push::Wake);
            }
        }
    }

    fn report(&mut self, state: State) {
        self.heard = Instant::now();
        self.flow.dispatcher.hear(&self.name);
        if self.state.as_ref() == Some(&state) {
            return;
        }
        self.flow.dispatcher.change(&self.flow.edges.broker, &self.name, |runner| {
            runner.slots = i32::try_from(state.slots).unwrap_or(i32::MAX);
            runner.busy = i32::try_from(state.busy).unwrap_or(i32::MAX);
            runner.trouble.clone_from(&state.trouble);
        });
        self.state = Some(state.clone());
        self.note(state);
    }
}

impl Drop for Connected {
    fn drop(&mut self) {
        hung_up(&self.flow, self.name.clone(), self.heard);
    }
}
