//! Attempts: a job that ended may run again; what the earlier runs came to stays readable.

use super::{Store, builds, jobs, rows};
use anyhow::{Context, Result};
use kozmic_model::{
    build::Build,
    ids::{BuildId, JobId},
    job::PastAttempt,
    status::Status,
    time::Timestamp,
};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::{NotSet, Set, Unchanged},
    ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder,
};

impl Store {
    /// Enqueues a job that ended once more. None if it has not ended; then nothing changed.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn restart_job(&self, id: JobId, now: Timestamp) -> Result<Option<Build>> {
        let tx = self.write().await?;
        let row = rows::job::Entity::find_by_id(id.0).one(&tx).await.context("find a job to restart")?;
        let Some(row) = row else { return Ok(None) };
        if !row.status.parse::<Status>()?.is_finished() {
            return Ok(None);
        }
        let build = row.build_id;
        again(&tx, row, now).await?;
        let build = builds::refresh(&tx, build, now).await?;
        tx.commit().await.context("commit a restart")?;
        Ok(Some(build))
    }

    /// Enqueues once more all jobs of a build that ended other than well; gives which.
    ///
    /// # Errors
    /// The database does not answer; then nothing changed.
    pub async fn restart_failed(&self, build: BuildId, now: Timestamp) -> Result<Vec<JobId>> {
        let tx = self.write().await?;
        let bad = [Status::Failure, Status::Error, Status::Canceled].map(Status::word);
        let rows = rows::job::Entity::find()
            .filter(rows::job::Column::BuildId.eq(build.0))
            .filter(rows::job::Column::Status.is_in(bad));
        let mut jobs = Vec::new();
        for row in rows.all(&tx).await.context("list a build's failed jobs")? {
            jobs.push(JobId(row.id));
            again(&tx, row, now).await?;
        }
        builds::refresh(&tx, build.0, now).await?;
        tx.commit().await.context("commit a build's restart")?;
        Ok(jobs)
    }

    /// A job's runs before the present one, the oldest first.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn past_attempts(&self, job: JobId) -> Result<Vec<PastAttempt>> {
        let rows = rows::attempt::Entity::find()
            .filter(rows::attempt::Column::JobId.eq(job.0))
            .order_by_asc(rows::attempt::Column::Number);
        let rows = rows.all(&self.db).await.context("list a job's attempts")?;
        rows.into_iter().map(past_attempt).collect()
    }
}

/// Enqueues a job that ended once more.
pub(super) async fn again(tx: &DatabaseTransaction, row: rows::job::Model, now: Timestamp) -> Result<()> {
    let fresh = rows::job::ActiveModel { id: Unchanged(row.id), ..waiting(now) };
    jobs::tell(tx, &row, now).await?;
    keep(tx, row).await?;
    fresh.update(tx).await.context("restart a job")?;
    Ok(())
}

/// What stands in the row of a job that waits for a runner, be it for the first time or once more.
pub(super) fn waiting(since: Timestamp) -> rows::job::ActiveModel {
    rows::job::ActiveModel {
        status: Set(Status::Enqueued.word().to_owned()),
        reason: Set(None),
        return_code: Set(None),
        cancel_requested: Set(false),
        canceled_by: Set(None),
        runner: Set(None),
        lease_until: Set(None),
        container: Set(None),
        phases: Set("[]".to_owned()),
        queued_at: Set(Some(since.0)),
        started_at: Set(None),
        finished_at: Set(None),
        ..Default::default()
    }
}

/// Keeps what a job's present attempt came to, before another one takes its place.
pub(super) async fn keep(tx: &DatabaseTransaction, row: rows::job::Model) -> Result<()> {
    let past = rows::attempt::ActiveModel {
        id: NotSet,
        job_id: Set(row.id),
        number: Set(row.attempt),
        status: Set(row.status),
        reason: Set(row.reason),
        return_code: Set(row.return_code),
        phases: Set(row.phases),
        queued_at: Set(row.queued_at),
        started_at: Set(row.started_at),
        finished_at: Set(row.finished_at),
    };
    past.insert(tx).await.context("keep an attempt")?;
    Ok(())
}

fn past_attempt(row: rows::attempt::Model) -> Result<PastAttempt> {
    Ok(PastAttempt {
        number: row.number,
        status: row.status.parse()?,
        reason: row.reason,
        return_code: row.return_code,
        phases: serde_json::from_str(&row.phases).context("read an attempt's phases")?,
        queued_at: row.queued_at.map(Timestamp),
        started_at: row.started_at.map(Timestamp),
        finished_at: row.finished_at.map(Timestamp),
    })
}

#[cfg(test)]
mod tests {
    use crate::store::tests::{NOW, Stage};
    use kozmic_model::{spent::Spent, time::Timestamp};
    use std::time::Duration;

    #[tokio::test]
    async fn each_attempt_knows_since_when_it_waited() {
        let stage = Stage::new().await;
        let job = stage.push_at('a', Some(NOW)).await;
        let read = async || stage.store.job_by_id(job).await.unwrap().unwrap();
        assert_eq!(read().await.queued_at, Some(read().await.created_at));
        stage.run(0).await;
        let first = read().await;
        let later = NOW.after(Duration::from_secs(26 * 60));
        stage.store.restart_job(job, later).await.unwrap().unwrap();
        assert_eq!((read().await.queued_at, read().await.started_at), (Some(later), None));
        let past = stage.store.past_attempts(job).await.unwrap();
        assert_eq!(past[0].queued_at, first.queued_at);
        let build = stage.store.build_by_id(first.build).await.unwrap().unwrap();
        let spans = stage.store.spans_of(&[build]).await.unwrap().remove(&first.build).unwrap();
        let spent = Spent::of(&spans, Timestamp(later.0 + 5_000));
        assert_eq!((spent.ran, spent.waited.map(|waited| waited.so_far.as_secs())), (None, Some(5)));
    }
}
