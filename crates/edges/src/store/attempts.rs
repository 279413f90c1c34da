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
    let fresh = rows::job::ActiveModel { id: Unchanged(row.id), ..jobs::waiting() };
    jobs::tell(tx, &row, now).await?;
    keep(tx, row).await?;
    fresh.update(tx).await.context("restart a job")?;
    Ok(())
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
        started_at: row.started_at.map(Timestamp),
        finished_at: row.finished_at.map(Timestamp),
    })
}
