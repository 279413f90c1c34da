//! Attempts: a job that ended can get another attempt. The results of its earlier attempts stay readable.

use super::{
    Queue, jobs,
    refresh::refresh,
    waiting::{for_runner, waiting},
};
use crate::store::{database::Transaction, rows};
use anyhow::{Context, Result};
use kozmic_model::{
    audit::{Action, Deed},
    build::Build,
    ids::{BuildId, JobId},
    status::Status,
    time::Timestamp,
};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::{NotSet, Set, Unchanged},
    ColumnTrait, EntityTrait, QueryFilter,
};

impl Queue<'_> {
    /// Enqueues a finished job once more. None if the job has not ended; then nothing changed.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn restart_job(self, id: JobId, now: Timestamp) -> Result<Option<Build>> {
        self.db
            .change_in_parallel("a restart", move |tx| async move {
                let tx = &tx;
                let Some(row) = tx.lock_job(id.0).await? else { return Ok(None) };
                if !row.status.parse::<Status>()?.is_finished() {
                    return Ok(None);
                }
                let (build, title) = (row.build_id, jobs::title_of(&row));
                again(tx, row, now).await?;
                let build = refresh(tx, build, now).await?;
                let subject = format!("{title} of build #{}", build.number);
                tx.note(Deed::new(Action::JobRestarted, Some(build.project), &subject)).await?;
                Ok(Some(build))
            })
            .await
    }

    /// Enqueues all jobs of a build once more that did not end with success; gives these jobs.
    ///
    /// # Errors
    /// The database does not answer; then nothing changed.
    pub async fn restart_failed(self, build: BuildId, now: Timestamp) -> Result<Vec<JobId>> {
        self.db
            .change_in_parallel("a build's restart", move |tx| async move {
                let tx = &tx;
                tx.lock_build_and_project(build.0).await?;
                let bad = [Status::Failure, Status::Error, Status::Canceled].map(Status::word);
                let rows = rows::job::Entity::find()
                    .filter(rows::job::Column::BuildId.eq(build.0))
                    .filter(rows::job::Column::Status.is_in(bad));
                let mut jobs = Vec::new();
                for row in rows.all(tx).await.context("list a build's failed jobs")? {
                    jobs.push(JobId(row.id));
                    again(tx, row, now).await?;
                }
                let build = refresh(tx, build.0, now).await?;
                if !jobs.is_empty() {
                    let subject = format!("#{}", build.number);
                    tx.note(Deed::new(Action::BuildRestarted, Some(build.project), &subject)).await?;
                }
                Ok(jobs)
            })
            .await
    }
}

/// Enqueues a finished job once more. The job is held if nobody approved its commit.
pub(in crate::store) async fn again(tx: &Transaction, row: rows::job::Model, now: Timestamp) -> Result<()> {
    let build = rows::build::Entity::find_by_id(row.build_id).one(tx).await.context("find a job's build")?;
    let fresh = rows::job::ActiveModel {
        id: Unchanged(row.id),
        // A person asked for this attempt, so earlier interruptions do not count.
        interruptions: Set(0),
        ..waiting(tx, &build.context("a job has no build")?, now).await?
    };
    jobs::tell(tx, &row, now).await?;
    keep(tx, row).await?;
    fresh.update(tx).await.context("restart a job")?;
    Ok(())
}

/// Gives an interrupted job another attempt: the job waits, and keeps the reason of the interruption.
pub(in crate::store) async fn interrupted(
    tx: &Transaction,
    row: rows::job::Model,
    now: Timestamp,
) -> Result<()> {
    let waits = rows::job::ActiveModel {
        id: Unchanged(row.id),
        reason: Set(row.reason.clone()),
        interruptions: Set(row.interruptions + 1),
        ..for_runner(now)
    };
    keep(tx, row).await?;
    waits.update(tx).await.context("have an interrupted job run again")?;
    Ok(())
}

/// Keeps the result of a job's present attempt, before another attempt takes its place.
pub(super) async fn keep(tx: &Transaction, row: rows::job::Model) -> Result<()> {
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
        ending: Set(row.ending),
    };
    past.insert(tx).await.context("keep an attempt")?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{
        Among, Lane,
        tests::{HERE, NOW, Stage},
    };
    use kozmic_model::{
        ending::Ending,
        job::{Job, Outcome},
        spent::Spent,
    };
    use std::time::Duration;

    impl Stage {
        /// Begins an attempt at the next job and interrupts it; gives the job as it is then, and its build.
        async fn interrupt(&self) -> (Job, Build) {
            let job = self
                .store
                .queue()
                .claim_job(Lane::Containers, HERE, Among::All, NOW)
                .await
                .unwrap()
                .unwrap()
                .job;
            let outcome = Outcome::Interrupted("Gone.".into());
            let build = self.store.queue().finish_job(job.attempt(), &outcome, NOW).await.unwrap().unwrap();
            (self.store.builds().job_by_id(job.id).await.unwrap().unwrap(), build)
        }
    }

    #[tokio::test]
    async fn each_attempt_knows_since_when_it_waited() {
        let stage = Stage::new().await;
        let job = stage.push_at('a', Some(NOW)).await;
        let read = async || stage.store.builds().job_by_id(job).await.unwrap().unwrap();
        let pushed_at = NOW.before(Duration::from_secs(1));
        assert_eq!(read().await.queued_at, Some(read().await.created_at));
        assert_eq!(read().await.asked_at(pushed_at), Some(pushed_at));
        stage.run(0).await;
        let first = read().await;
        let later = NOW.after(Duration::from_secs(26 * 60));
        stage.store.queue().restart_job(job, later).await.unwrap().unwrap();
        assert_eq!((read().await.queued_at, read().await.started_at), (Some(later), None));
        assert_eq!(read().await.asked_at(pushed_at), Some(later));
        let past = stage.store.builds().past_attempts(job).await.unwrap();
        assert_eq!(past[0].queued_at, first.queued_at);
        let build = stage.store.builds().build_by_id(first.build).await.unwrap().unwrap();
        let spans = stage.store.builds().spans_of(&[build]).await.unwrap().remove(&first.build).unwrap();
        let spent = Spent::of(&spans, Timestamp(later.0 + 5_000));
        assert_eq!((spent.ran, spent.waited.map(|waited| waited.so_far.as_secs())), (None, Some(5)));
    }

    #[tokio::test]
    async fn an_interrupted_job_waits_again_and_its_attempts_tell_why_they_ended() {
        let stage = Stage::new().await;
        stage.push('a').await;
        for number in 1..=2 {
            let (job, build) = stage.interrupt().await;
            assert_eq!((job.status, build.status), (Status::Enqueued, Status::Enqueued));
            assert_eq!((job.attempt, job.interruptions), (number, number));
            assert!(job.reason.unwrap().ends_with(&format!("as attempt {}.", number + 1)));
        }
        let (job, build) = stage.interrupt().await;
        assert_eq!((job.status, job.ending), (Status::Error, Some(Ending::Interrupted)));
        assert_eq!((build.status, build.finished_at), (Status::Error, Some(NOW)));
        let past = stage.store.builds().past_attempts(job.id).await.unwrap();
        let why = past.into_iter().map(|past| (past.number, past.status, past.ending)).collect::<Vec<_>>();
        assert_eq!(why, [1, 2].map(|number| (number, Status::Error, Some(Ending::Interrupted))));
        stage.store.queue().restart_job(job.id, NOW).await.unwrap().unwrap();
        let (job, _) = stage.interrupt().await;
        assert_eq!((job.status, job.attempt, job.interruptions), (Status::Enqueued, 4, 1));
    }

    #[tokio::test]
    async fn a_cancel_is_heard_though_the_job_was_interrupted() {
        let stage = Stage::new().await;
        stage.push('a').await;
        let job = stage
            .store
            .queue()
            .claim_job(Lane::Containers, HERE, Among::All, NOW)
            .await
            .unwrap()
            .unwrap()
            .job;
        stage.store.queue().request_cancel(job.id, "By anna.", None, NOW).await.unwrap();
        let outcome = Outcome::Interrupted("Gone.".into());
        stage.store.queue().finish_job(job.attempt(), &outcome, NOW).await.unwrap().unwrap();
        let job = stage.store.builds().job_by_id(job.id).await.unwrap().unwrap();
        assert_eq!((job.status, job.ending), (Status::Canceled, Some(Ending::Canceled)));
        assert_eq!(job.reason.as_deref(), Some("By anna."));
    }
}
