//! Finds and deletes old attempts at jobs.

use super::Builds;
use crate::store::rows;
use anyhow::{Context, Result};
use kozmic_model::{ids::JobId, job::Attempt, status::Status, time::Timestamp};
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

impl Builds<'_> {
    /// Attempts that ended before a time, the oldest first. The present attempts of jobs are left out.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn old_attempts(self, before: Timestamp, limit: u64) -> Result<Vec<Attempt>> {
        let old = rows::attempt::Entity::find()
            .filter(rows::attempt::Column::FinishedAt.lt(before.0))
            .order_by_asc(rows::attempt::Column::Id)
            .limit(limit);
        let old = old.all(&self.db.reader).await.context("list old attempts")?;
        Ok(old.into_iter().map(|row| Attempt { job: JobId(row.job_id), number: row.number }).collect())
    }

    /// Deletes attempts. The present attempts of jobs are left out.
    ///
    /// # Errors
    /// The database does not answer; then no attempt is deleted.
    pub async fn forget_attempts(self, attempts: &[Attempt]) -> Result<()> {
        if attempts.is_empty() {
            return Ok(());
        }
        let any = attempts.iter().fold(Condition::any(), |any, attempt| {
            let (job, number) = (rows::attempt::Column::JobId, rows::attempt::Column::Number);
            any.add(Condition::all().add(job.eq(attempt.job.0)).add(number.eq(attempt.number)))
        });
        let gone = rows::attempt::Entity::delete_many().filter(any);
        gone.exec(&self.db.writer).await.context("forget old attempts").map(drop)
    }

    /// True if an attempt ended before a time; false if the attempt is not known.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn ended_before(self, attempt: Attempt, before: Timestamp) -> Result<bool> {
        let Attempt { job, number } = attempt;
        let is_old = |ended: Option<i64>| ended.is_some_and(|at| at < before.0);
        let past = rows::attempt::Entity::find()
            .filter(rows::attempt::Column::JobId.eq(job.0))
            .filter(rows::attempt::Column::Number.eq(number));
        if let Some(past) = past.one(&self.db.reader).await.context("find a log's attempt")? {
            return Ok(is_old(past.finished_at));
        }
        let job =
            rows::job::Entity::find_by_id(job.0).one(&self.db.reader).await.context("find a log's job")?;
        let Some(job) = job.filter(|job| job.attempt == number) else { return Ok(false) };
        Ok(job.status.parse::<Status>()?.is_finished() && is_old(job.finished_at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::{NOW, Stage};
    use std::time::Duration;

    #[tokio::test]
    async fn attempts_that_ended_are_told_from_those_that_go_on_and_old_ones_are_forgotten() {
        let stage = Stage::new().await;
        let job = stage.push_at('a', Some(NOW)).await;
        let attempt = |number| Attempt { job, number };
        let (later, much_later) = (NOW.after(Duration::from_hours(1)), NOW.after(Duration::from_hours(9)));
        stage.run(0).await;
        assert!(stage.store.builds().ended_before(attempt(1), later).await.unwrap());
        assert!(!stage.store.builds().ended_before(attempt(1), NOW).await.unwrap());
        stage.store.queue().restart_job(job, later).await.unwrap().unwrap();
        assert!(
            stage.store.builds().ended_before(attempt(1), later).await.unwrap(),
            "as an earlier attempt, too"
        );
        assert!(!stage.store.builds().ended_before(attempt(2), much_later).await.unwrap(), "it waits");
        assert!(
            !stage
                .store
                .builds()
                .ended_before(Attempt { job: JobId(99), number: 1 }, much_later)
                .await
                .unwrap()
        );
        assert_eq!(stage.store.builds().old_attempts(NOW, 9).await.unwrap(), []);
        let old = stage.store.builds().old_attempts(later, 9).await.unwrap();
        assert_eq!(old, [attempt(1)]);
        stage.store.builds().forget_attempts(&old).await.unwrap();
        assert!(stage.store.builds().past_attempts(job).await.unwrap().is_empty());
        let present = stage.store.builds().job_by_id(job).await.unwrap().unwrap();
        assert_eq!((present.status, present.attempt), (Status::Enqueued, 1), "the present one stays");
    }
}
