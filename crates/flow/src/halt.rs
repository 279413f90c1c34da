//! Watches over a running attempt: somebody may cancel it, and it may take too long.

use crate::Flow;
use kozmic_edges::{broker::Topic, clock};
use kozmic_model::job::{Attempt, Job, Outcome};
use std::{future::pending, time::Duration};
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

/// How often to look for a cancel request without being woken.
const LOOK: Duration = Duration::from_secs(5);

/// Tells when and why an attempt is to be stopped.
pub(crate) struct Halt {
    why: watch::Receiver<Option<Outcome>>,
    _watching: AbortOnDropHandle<()>,
}

impl Halt {
    /// Watches over a job's attempt until dropped.
    pub(crate) fn watch(flow: &Flow, job: &Job) -> Self {
        let (tell, why) = watch::channel(None);
        let limit = flow.settings.time_limit(&job.spec.origin);
        let spent = job.started_at.map(|start| clock::now().since(start)).unwrap_or_default();
        let (flow, attempt) = (flow.clone(), job.attempt());
        let watching = async move {
            let outcome = tokio::select! {
                why = canceled(&flow, attempt) => Outcome::Canceled(why),
                () = tokio::time::sleep(limit.saturating_sub(spent)) => Outcome::TimedOut(limit),
            };
            tell.send_replace(Some(outcome));
            pending::<()>().await;
        };
        Self { why, _watching: AbortOnDropHandle::new(tokio::spawn(watching)) }
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

async fn canceled(flow: &Flow, attempt: Attempt) -> String {
    let mut bell = flow.edges.broker.bell(Topic::Job(attempt.job));
    loop {
        match flow.edges.store.job_by_id(attempt.job).await {
            Ok(None) => return "The job was deleted.".to_owned(),
            Ok(Some(job)) if job.attempt != attempt.number => {
                return "Another runner took the job over.".to_owned();
            }
            Ok(Some(job)) if job.cancel_requested => {
                return job.reason.unwrap_or_else(|| "Canceled.".to_owned());
            }
            Ok(_) => {}
            Err(fault) => tracing::warn!(error = format!("{fault:#}"), "cannot look for a cancel request"),
        }
        tokio::select! {
            () = bell.rung() => {}
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}
