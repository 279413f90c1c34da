//! Watches over a running attempt: somebody may cancel it, and it may take too long.

use crate::{
    Runner,
    order::Order,
    stop::{Step, Stop},
};
use anyhow::Result;
use kozmic_model::job::{Attempt, Outcome};
use std::{future::pending, time::Duration};
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

/// Tells that an attempt must stop, with the outcome.
pub struct Halt {
    runner: Runner,
    attempt: Attempt,
    why: watch::Receiver<Option<Outcome>>,
    _watching: AbortOnDropHandle<()>,
}

impl Halt {
    /// Watches over an attempt until dropped. The time in which its engine was `away` is added to its limit.
    pub fn watch(runner: &Runner, order: &Order, away: Duration) -> Self {
        let over = tokio::time::sleep_until(order.limits.deadline + away);
        Self::until(runner, order.attempt, over, order.limits.time)
    }

    /// Watches over an attempt whose engine is away: its time does not count, but it may be canceled.
    pub(crate) fn without_limit(runner: &Runner, order: &Order) -> Self {
        Self::until(runner, order.attempt, pending(), Duration::MAX)
    }

    fn until(
        runner: &Runner,
        attempt: Attempt,
        over: impl Future<Output = ()> + Send + 'static,
        limit: Duration,
    ) -> Self {
        let (tell, why) = watch::channel(None);
        let coordinator = runner.coordinator.clone();
        let watching = async move {
            let outcome = tokio::select! {
                outcome = coordinator.stopped(attempt) => outcome,
                () = over => Outcome::TimedOut(limit),
            };
            tell.send_replace(Some(outcome));
            pending::<()>().await;
        };
        let watching = AbortOnDropHandle::new(tokio::spawn(watching));
        Self { runner: runner.clone(), attempt, why, _watching: watching }
    }

    /// The outcome of an attempt that somebody canceled before this process looked. Its container was stopped for that
    /// reason, so its code is not the script's doing.
    ///
    /// # Errors
    /// The coordinator does not answer.
    pub(crate) async fn canceled_before(&self) -> Result<Option<Outcome>> {
        let standing = self.runner.coordinator.standing(self.attempt).await?;
        Ok(standing.and_then(|standing| standing.cancellation))
    }

    /// Runs a step, unless the attempt must stop in the meantime.
    ///
    /// # Errors
    /// The step failed, or the attempt was stopped during it.
    pub async fn unless_halted<T, E: Into<Stop>>(
        &mut self,
        step: impl Future<Output = Result<T, E>>,
    ) -> Step<T> {
        tokio::select! {
            done = step => done.map_err(Into::into),
            outcome = self.halted() => Err(Stop::End(outcome)),
        }
    }

    /// Waits until the attempt must stop, and returns the outcome.
    pub async fn halted(&mut self) -> Outcome {
        let outcome = self.why.wait_for(Option::is_some).await.ok().and_then(|why| why.clone());
        match outcome {
            Some(outcome) => outcome,
            // The watch ends only together with the attempt.
            None => pending().await,
        }
    }
}
