//! Watches over a running attempt: somebody may cancel it, and it may take too long.

use crate::Flow;
use anyhow::Result;
use kozmic_edges::{broker::Topic, clock};
use kozmic_model::{
    job::{Attempt, Job, Outcome},
    phase::Phase,
    time::Timestamp,
};
use std::{future::pending, time::Duration};
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

/// Longest pause between two looks for a cancel request.
const LOOK: Duration = Duration::from_secs(5);

/// Tells when and why an attempt is to be stopped.
pub(crate) struct Halt {
    attempt: Attempt,
    why: watch::Receiver<Option<Outcome>>,
    _watching: AbortOnDropHandle<()>,
}

impl Halt {
    /// Watches over a job's attempt until dropped. It has more time by so much as its engine was `away`. One that is taken up with its script at its end has its time anew for
    /// what is left: while nobody was there, nothing could be published.
    pub(crate) fn watch(flow: &Flow, job: &Job, away: Duration) -> Self {
        let limit = flow.settings.time_limit(&job.spec.origin);
        let left = left(limit, (job.started_at, &job.phases), clock::now()).saturating_add(away);
        Self::until(flow, job, tokio::time::sleep(left), limit)
    }

    /// Watches over a job whose engine is away: it takes no time of its own, but may be canceled.
    pub(crate) fn without_limit(flow: &Flow, job: &Job) -> Self {
        Self::until(flow, job, pending(), Duration::MAX)
    }

    fn until(
        flow: &Flow,
        job: &Job,
        over: impl Future<Output = ()> + Send + 'static,
        limit: Duration,
    ) -> Self {
        let (tell, why) = watch::channel(None);
        let (flow, attempt) = (flow.clone(), job.attempt());
        let watching = async move {
            let outcome = tokio::select! {
                outcome = canceled(&flow, attempt) => outcome,
                () = over => Outcome::TimedOut(limit),
            };
            tell.send_replace(Some(outcome));
            pending::<()>().await;
        };
        Self { attempt, why, _watching: AbortOnDropHandle::new(tokio::spawn(watching)) }
    }

    /// The way in which an attempt ended whose container was stopped because somebody canceled it, before this process
    /// looked: what the container returned is not the script's doing then.
    ///
    /// # Errors
    /// The database does not answer.
    pub(crate) async fn canceled_before(&self, flow: &Flow) -> Result<Option<Outcome>> {
        let job = flow.edges.store.job_by_id(self.attempt.job).await?;
        Ok(job.filter(|job| job.attempt == self.attempt.number).and_then(|job| job.cancellation()))
    }

    /// Waits until the attempt is to be stopped, and gives how it then ends.
    pub(crate) async fn halted(&mut self) -> Outcome {
        let outcome = self.why.wait_for(Option::is_some).await.ok().and_then(|why| why.clone());
        match outcome {
            Some(outcome) => outcome,
            // The watching ends only together with the attempt.
            None => pending().await,
        }
    }
}

/// Time that an attempt may yet take.
fn left(limit: Duration, (started_at, phases): (Option<Timestamp>, &[Phase]), now: Timestamp) -> Duration {
    let spent = match phases.last() {
        Some(phase) if phase.kind.follows_a_script() => Duration::ZERO,
        _ => started_at.map(|start| now.since(start)).unwrap_or_default(),
    };
    limit.saturating_sub(spent)
}

async fn canceled(flow: &Flow, attempt: Attempt) -> Outcome {
    let mut bell = flow.edges.broker.bell(Topic::Job(attempt.job));
    loop {
        match flow.edges.store.job_by_id(attempt.job).await {
            Ok(None) => return Outcome::Canceled("The job was deleted.".to_owned()),
            Ok(Some(job)) if job.attempt != attempt.number => {
                return Outcome::Canceled("Another runner took the job over.".to_owned());
            }
            Ok(Some(job)) => {
                if let Some(canceled) = job.cancellation() {
                    return canceled;
                }
            }
            Err(fault) => tracing::warn!(error = format!("{fault:#}"), "cannot look for a cancel request"),
        }
        tokio::select! {
            () = bell.rung() => {}
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kozmic_model::phase::PhaseKind;

    #[test]
    fn an_outage_costs_a_script_its_time_and_an_artifact_none() {
        let (limit, start) = (Duration::from_secs(60), Timestamp(0));
        let left_at = |kind, seconds| {
            let phases = [Phase::begin(PhaseKind::Checkout, start), Phase::begin(kind, start)];
            left(limit, (Some(start), &phases), start.after(Duration::from_secs(seconds))).as_secs()
        };
        assert_eq!([0, 20, 3600].map(|seconds| left_at(PhaseKind::Build, seconds)), [60, 40, 0]);
        assert_eq!([20, 3600].map(|seconds| left_at(PhaseKind::Publish, seconds)), [60, 60]);
        assert_eq!(left(limit, (None, &[]), start), limit);
    }
}
