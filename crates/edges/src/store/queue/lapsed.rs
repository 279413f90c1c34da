//! Attempts of runners that were lost: they end, and their jobs wait once more or end, as their hooks say.

use super::{Queue, progress::finish};
use crate::store::rows;
use anyhow::{Context, Result};
use kozmic_model::{
    ids::JobId,
    job::{Attempt, Outcome},
    status::Status,
    time::Timestamp,
};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use std::collections::HashSet;

impl Queue<'_> {
    /// Ends the attempts whose runners let their leases end, except those of runners that are `present`. Each job waits
    /// once more, or ends, as its hook says. Returns these jobs.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn end_lapsed(self, present: &HashSet<String>, now: Timestamp) -> Result<Vec<JobId>> {
        let lapsed = rows::job::Entity::find()
            .filter(rows::job::Column::Status.eq(Status::Pending.word()))
            .filter(rows::job::Column::LeaseUntil.lt(now.0));
        let lapsed = lapsed.all(&self.db.reader).await.context("list jobs of lost runners")?;
        let mut ended = Vec::new();
        for row in lapsed.into_iter().filter(|row| is_of_lost(row, present)) {
            let lost = &row;
            let build = self.db.change_in_parallel("the end of a lost attempt", move |tx| async move {
                let is_lost = |row: &rows::job::Model| {
                    row.status == Status::Pending.word()
                        && (row.attempt, &row.runner, row.lease_until)
                            == (lost.attempt, &lost.runner, lost.lease_until)
                };
                if tx.lock_job(lost.id).await?.filter(is_lost).is_none() {
                    return Ok(None);
                }
                let attempt = Attempt { job: JobId(lost.id), number: lost.attempt };
                let outcome = Outcome::Interrupted("The runner was lost.".to_owned());
                finish(&tx, attempt, &outcome, now).await
            });
            if build.await?.is_some() {
                ended.push(JobId(row.id));
            }
        }
        Ok(ended)
    }
}

/// True if the runner that holds the job is not present. Mostly no lease has ended, so the statement names no runners.
fn is_of_lost(row: &rows::job::Model, present: &HashSet<String>) -> bool {
    row.runner.as_ref().is_some_and(|runner| !present.contains(runner))
}

#[cfg(test)]
mod tests {
    use crate::store::{
        Among, Lane, Lease,
        tests::{HERE, LATER, NOW, Stage},
    };
    use kozmic_model::status::Status;
    use std::collections::HashSet;

    #[tokio::test]
    async fn the_attempt_of_a_lost_runner_ends_and_its_job_waits_again() {
        let stage = Stage::new().await;
        let store = &stage.store;
        let lost = stage.push_at('a', Some(NOW)).await;
        let lease = Lease { until: NOW, ..HERE };
        store.queue().claim_job(Lane::Containers, lease, Among::Job(lost), NOW).await.unwrap().unwrap();
        let end = async |present: &[&str], now| {
            let present = present.iter().map(|name| (*name).to_owned()).collect();
            store.queue().end_lapsed(&present, now).await.unwrap()
        };
        assert_eq!(end(&[], NOW).await, []);
        assert_eq!(end(&["other", HERE.runner], LATER).await, []);
        assert_eq!(end(&["other"], LATER).await, [lost]);
        assert_eq!(end(&[], LATER).await, []);
        let job = store.builds().job_by_id(lost).await.unwrap().unwrap();
        assert_eq!((job.status, job.interruptions), (Status::Enqueued, 1));
        assert!(job.reason.unwrap().starts_with("The runner was lost. The job runs again"));
    }

    #[tokio::test]
    async fn a_lost_job_that_somebody_canceled_is_canceled() {
        let stage = Stage::new().await;
        let store = &stage.store;
        let lost = stage.push_at('a', Some(NOW)).await;
        let lease = Lease { until: NOW, ..HERE };
        store.queue().claim_job(Lane::Containers, lease, Among::Job(lost), NOW).await.unwrap().unwrap();
        store.queue().request_cancel(lost, "By anna.", None, NOW).await.unwrap();
        assert_eq!(store.queue().end_lapsed(&HashSet::new(), LATER).await.unwrap(), [lost]);
        let job = store.builds().job_by_id(lost).await.unwrap().unwrap();
        assert_eq!(job.status, Status::Canceled);
    }
}
