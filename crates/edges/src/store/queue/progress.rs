//! Progress of attempts: container, phases, end. A note from an attempt that no longer holds its job changes nothing.

use super::{Queue, attempts::interrupted, jobs, refresh::refresh, superseded::resume_ended};
use crate::store::{database::Transaction, read, rows};
use anyhow::{Context, Result};
use kozmic_model::{
    build::Build,
    job::{Attempt, Outcome},
    phase::Phase,
    sequel::Sequel,
    status::Status,
    time::Timestamp,
};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, UpdateMany, sea_query::Expr};

impl Queue<'_> {
    /// Notes an attempt's container before its script may start, with its phases so far. For an install script, also
    /// notes the key of the cached image that it makes. False if the attempt no longer holds the job.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn note_container(
        self,
        attempt: Attempt,
        container: &str,
        cache_key: Option<&str>,
        phases: &[Phase],
    ) -> Result<bool> {
        let update = of_attempt(attempt)
            .col_expr(rows::job::Column::Container, Expr::value(container))
            .col_expr(rows::job::Column::CacheKey, Expr::value(cache_key))
            .col_expr(rows::job::Column::Phases, Expr::value(serde_json::to_string(phases)?));
        Ok(update.exec(&self.db.writer).await.context("note a job's container")?.rows_affected > 0)
    }

    /// Forgets the container of an attempt whose script never began.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn forget_container(self, attempt: Attempt) -> Result<()> {
        let update = of_attempt(attempt)
            .col_expr(rows::job::Column::Container, Expr::value(None::<String>))
            .col_expr(rows::job::Column::CacheKey, Expr::value(None::<String>));
        update.exec(&self.db.writer).await.context("forget a job's container")?;
        Ok(())
    }

    /// Notes the phases of an attempt.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn note_phases(self, attempt: Attempt, phases: &[Phase]) -> Result<()> {
        let phases = serde_json::to_string(phases)?;
        let update = of_attempt(attempt).col_expr(rows::job::Column::Phases, Expr::value(phases));
        update.exec(&self.db.writer).await.context("note a job's phases")?;
        Ok(())
    }

    /// Ends an attempt, and its job with it. An interrupted job may get another attempt instead. None if the attempt no
    /// longer holds the job; then nothing changed.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn finish_job(
        self,
        attempt: Attempt,
        outcome: &Outcome,
        now: Timestamp,
    ) -> Result<Option<Build>> {
        self.db
            .change_in_parallel(
                "a job's end",
                move |tx| async move { finish(&tx, attempt, outcome, now).await },
            )
            .await
    }
}

/// Ends an attempt, and its job with it; gives its build. None if the attempt no longer holds the job.
pub(super) async fn finish(
    tx: &Transaction,
    attempt: Attempt,
    outcome: &Outcome,
    now: Timestamp,
) -> Result<Option<Build>> {
    let Some(held) = tx.lock_job(attempt.job.0).await? else { return Ok(None) };
    let mut phases = serde_json::from_str::<Vec<Phase>>(&held.phases).context("read the job's phases")?;
    phases.iter_mut().for_each(|phase| phase.finished_at = phase.finished_at.or(Some(now)));
    let sequel = Sequel::of(&read::job(held.clone())?, outcome);
    let update = of_attempt(attempt)
        .col_expr(rows::job::Column::Phases, Expr::value(serde_json::to_string(&phases)?))
        .col_expr(rows::job::Column::Status, Expr::value(sequel.outcome().status().word()))
        .col_expr(rows::job::Column::Ending, Expr::value(sequel.outcome().ending().word()))
        .col_expr(rows::job::Column::Reason, Expr::value(sequel.reason(attempt.number)))
        .col_expr(rows::job::Column::ReturnCode, Expr::value(sequel.outcome().return_code()))
        .col_expr(rows::job::Column::FinishedAt, Expr::value(now.0));
    if update.exec(tx).await.context("finish a job")?.rows_affected == 0 {
        return Ok(None);
    }
    if let Sequel::Again(_) = sequel {
        let ended = rows::job::Entity::find_by_id(held.id).one(tx).await.context("find a job again")?;
        interrupted(tx, ended.context("the job is gone")?, now).await?;
    }
    jobs::tell(tx, &held, now).await?;
    resume_ended(tx, &held, now).await?;
    refresh(tx, held.build_id, now).await.map(Some)
}

fn of_attempt(attempt: Attempt) -> UpdateMany<rows::job::Entity> {
    rows::job::Entity::update_many()
        .filter(rows::job::Column::Id.eq(attempt.job.0))
        .filter(rows::job::Column::Attempt.eq(attempt.number))
        .filter(rows::job::Column::Status.eq(Status::Pending.word()))
}
