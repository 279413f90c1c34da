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

/// Tells when and why an attempt is to be stopped.
pub struct Halt {
    runner: Runner,
    attempt: Attempt,
    why: watch::Receiver<Option<Outcome>>,
    _watching: AbortOnDropHandle<()>,
}

impl Halt {
    /// Watches over an attempt until dropped. It has more time by so much as its engine was `away`.
    pub fn watch(runner: &Runner, order: &Order, away: Duration) -> Self {
        let over = tokio::time::sleep_until(order.limits.deadline + away);
        Self::until(runner, order.attempt, over, order.limits.time)
    }

    /// Watches over an attempt whose engine is away: it takes no time of its own, but may be canceled.
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

    /// The way in which an attempt ended whose container was stopped because somebody canceled it, before this process
    /// looked: what the container returned is not the script's doing then.
    ///
    /// # Errors
    /// The coordinator does not answer.
    pub(crate) async fn canceled_before(&self) -> Result<Option<Outcome>> {
        let standing = self.runner.coordinator.standing(self.attempt).await?;
        Ok(standing.and_then(|standing| standing.cancellation))
    }

    /// Does a step, unless the attempt is to be stopped meanwhile.
    ///
    /// # Errors
    /// The step failed, or the attempt was stopped in it.
    pub async fn unless_halted<T, E: Into<Stop>>(
        &mut self,
        step: impl Future<Output = Result<T, E>>,
    ) -> Step<T> {
        tokio::select! {
            done = step => done.map_err(Into::into),
            outcome = self.halted() => Err(Stop::End(outcome)),
        }
    }

    /// Waits until the attempt is to be stopped, and gives how it then ends.
    pub async fn halted(&mut self) -> Outcome {
        let outcome = self.why.wait_for(Option::is_some).await.ok().and_then(|why| why.clone());
        match outcome {
            Some(outcome) => outcome,
            // The watching ends only together with the attempt.
            None => pending().await,
        }
    }
}
