//! Claims jobs, and repeats a claim whose answer was lost.

use crate::{
    chance::up_to,
    desk::{BEAT, Desk, ENGINE_LOOK},
    order::Order,
    words::sentence,
};
use anyhow::{Error, Result};
use kozmic_model::runner::ClaimKey;
use std::time::Duration;
use tokio::time::Instant;

/// The time without a wake-up after which a runner looks for a job, beside a random part of at most the same length.
///
/// No job waits for this look as long as the coordinator keeps its promise that `woken` returns when there may be a job.
/// Each other event leads to a claim at once: the start, a free slot, a new connection, the end of draining, and an
/// engine or a disk that is well again. The dispatcher looks for waiting jobs every few seconds, once for all runners, and
/// wakes those that may have them. The server compares all connected runners for each claim, so a thousand runners that look
/// each minute would cost it more than all their beats.
const LOOK: Duration = Duration::from_secs(300);

/// The time after a lost answer in which the claim may still be under way at the coordinator. It may give this runner a
/// job of which the runner learns only by its next claim.
const DOUBT: Duration = Duration::from_secs(120);

/// A new key for a claim.
///
/// # Panics
/// Without randomness from the operating system, two claims may have the same key.
pub fn new_key() -> ClaimKey {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    ClaimKey::of(bytes)
}

/// The claims of a runner, one after another.
pub(crate) struct Claims {
    /// The key of the next claim. It stays until a claim gives an order.
    key: ClaimKey,
    /// The time at which an answer was last lost, unless a claim gave an order since.
    lost: Option<Instant>,
}

impl Claims {
    pub(crate) fn new() -> Self {
        Self { key: new_key(), lost: None }
    }

    /// The next job, if the engine answers, is prepared for jobs, and the disk has room. Otherwise no job is claimed.
    pub(crate) async fn next(&mut self, desk: &Desk) -> Result<Option<Order>> {
        ready(desk).await?;
        desk.say(None).await;
        let asked = Instant::now();
        let order = match desk.runner.coordinator.claim(&self.key).await {
            Ok(order) => order.map(|order| self.is_for(order)),
            Err(fault) => return self.repeat(desk, fault).await,
        };
        match order {
            // A claim may wait for the server for long.
            Some(order) if asked.elapsed() > BEAT => begin_or_give_back(desk, order).await.map(Some),
            order => Ok(order),
        }
    }

    /// The time after which the runner looks for a job without a wake-up.
    pub(crate) fn pause(&self) -> Duration {
        match self.lost {
            Some(lost) if lost.elapsed() < DOUBT => BEAT,
            _ => LOOK + up_to(LOOK),
        }
    }

    /// Repeats a claim whose answer was lost: the runner may hold a job that it does not know.
    async fn repeat(&mut self, desk: &Desk, mut fault: Error) -> Result<Option<Order>> {
        let coordinator = &desk.runner.coordinator;
        let claimed = loop {
            self.lost = Some(Instant::now());
            desk.say(Some(sentence(&fault))).await;
            if !desk.runner.pause(ENGINE_LOOK).await {
                return Ok(None);
            }
            match coordinator.claim(&self.key).await {
                Ok(claimed) => break claimed,
                Err(again) => fault = again,
            }
        };
        match claimed.map(|order| self.is_for(order)) {
            Some(order) => begin_or_give_back(desk, order).await.map(Some),
            None => Ok(None),
        }
    }

    /// Notes that the key was for this order.
    fn is_for(&mut self, order: Order) -> Order {
        (self.key, self.lost) = (new_key(), None);
        order
    }
}

/// The job, if it can still begin. Otherwise it is given back.
async fn begin_or_give_back(desk: &Desk, order: Order) -> Result<Order> {
    if let Err(trouble) = ready(desk).await {
        give_back(desk, &order).await;
        return Err(trouble);
    }
    desk.say(None).await;
    Ok(order)
}

/// Gives a job back. Repeats this until it succeeds, or until everything stops: the next start finds the job.
async fn give_back(desk: &Desk, order: &Order) {
    while let Err(fault) = desk.runner.coordinator.give_back(order).await {
        tracing::warn!(error = format!("{fault:#}"), "a job cannot be given back yet");
        if !desk.runner.pause(ENGINE_LOOK).await {
            return;
        }
    }
}

/// Checks that jobs can begin: the engine answers and is prepared, and the disk has room.
async fn ready(desk: &Desk) -> Result<()> {
    let tools = &desk.runner.tools;
    if let Some(trouble) = tools.room.trouble() {
        anyhow::bail!(trouble);
    }
    tokio::try_join!(tools.engine.ping(), tools.engine.prepare())?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_runner_looks_seldom_unless_it_may_hold_a_job_that_it_does_not_know() {
        let mut claims = Claims::new();
        assert!((LOOK..=LOOK * 2).contains(&claims.pause()));
        claims.lost = Some(Instant::now());
        assert_eq!(claims.pause(), BEAT);
        tokio::time::advance(DOUBT).await;
        assert!(claims.pause() >= LOOK);
    }
}
