//! Jobs that a runner gives back before a script of theirs began: they wait again, as if nobody had claimed them.

use super::{Lane, Queue, attempts::keep, jobs, progress::finish, refresh::refresh, waiting::for_runner};
use crate::store::{database::Transaction, read, rows};
use anyhow::{Context, Result};
use kozmic_model::{ids::JobId, job::Attempt, status::Status, time::Timestamp};
use sea_orm::{ActiveModelTrait, ActiveValue::Unchanged, ColumnTrait, QueryFilter, QueryOrder};

/// The reason of an attempt that was given back.
const WHY: &str = "Its runner gave it back before a script began.";

impl Queue<'_> {
    /// Lets a job wait again whose runner cannot begin it. This counts neither as an interruption nor as a failure. If
    /// somebody asked to cancel the job, it ends instead. False if a script of it may have begun, or if the attempt no
    /// longer holds the job; then nothing changed.
    ///
    /// The next attempt has another number, so that no late report of this one counts for it.
    ///
    /// # Errors
    /// The database does not answer; then nothing changed.
    pub async fn give_back(self, attempt: Attempt, now: Timestamp) -> Result<bool> {
        self.db
            .change_in_parallel("a job that is given back", move |tx| async move {
                let tx = &tx;
                let Some(row) = tx.lock_job(attempt.job.0).await? else { return Ok(false) };
                let job = read::job(row.clone())?;
                let is_held = job.attempt() == attempt && job.status == Status::Pending;
                if !is_held || job.may_have_begun() {
                    return Ok(false);
                }
                match job.cancellation() {
                    Some(canceled) => finish(tx, attempt, &canceled, now).await.map(drop)?,
                    None => wait_again(tx, row, now).await?,
                }
                Ok(true)
            })
            .await
    }

    /// Gives back all jobs of a runner of which no script has begun, because nothing is heard of the runner; gives the
    /// jobs.
    ///
    /// # Errors
    /// The database does not answer; then some of the jobs may be given back.
    pub async fn give_back_unbegun(self, runner: &str, now: Timestamp) -> Result<Vec<JobId>> {
        let held = Lane::Containers
            .jobs()
            .filter(rows::job::Column::Status.eq(Status::Pending.word()))
            .filter(rows::job::Column::Runner.eq(runner))
            .filter(rows::job::Column::Container.is_null())
            .order_by_asc(rows::job::Column::Id);
        let mut given_back = Vec::new();
        for row in held.all(&self.db.reader).await.context("list a runner's jobs")? {
            let job = JobId(row.id);
            if self.give_back(Attempt { job, number: row.attempt }, now).await? {
                given_back.push(job);
            }
        }
        Ok(given_back)
    }
}

async fn wait_again(tx: &Transaction, row: rows::job::Model, now: Timestamp) -> Result<()> {
    let waits = rows::job::ActiveModel { id: Unchanged(row.id), ..for_runner(now) };
    jobs::tell(tx, &row, now).await?;
    let build = row.build_id;
    keep(tx, given_back(row, now)).await?;
    waits.update(tx).await.context("let a job wait again")?;
    refresh(tx, build, now).await.map(drop)
}

/// An attempt that was given back, in the form in which it stays readable.
fn given_back(row: rows::job::Model, now: Timestamp) -> rows::job::Model {
    rows::job::Model {
        status: Status::Canceled.word().to_owned(),
        reason: Some(WHY.to_owned()),
        finished_at: Some(now.0),
        ..row
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{
        Among, Lease,
        tests::{HERE, LATER, NOW, Stage},
    };
    use kozmic_model::{
        ending::Ending,
        job::Outcome,
        phase::{Phase, PhaseKind},
        runner::ClaimKey,
    };

    #[tokio::test]
    async fn a_job_that_is_given_back_waits_again_and_was_not_interrupted() {
        let stage = Stage::new().await;
        stage.push('a').await;
        let (queue, first) = (stage.store.queue(), stage.claim().await.job);
        let pulled = [Phase::begin(PhaseKind::Pull, NOW)];
        queue.note_phases(first.attempt(), &pulled).await.unwrap();
        assert!(queue.give_back(first.attempt(), LATER).await.unwrap());
        assert!(!queue.give_back(first.attempt(), LATER).await.unwrap(), "it waits already");
        let read = async || stage.store.builds().job_by_id(first.id).await.unwrap().unwrap();
        let waits = read().await;
        assert_eq!((waits.status, waits.interruptions, waits.reason), (Status::Enqueued, 0, None));
        assert!(waits.phases.is_empty() && waits.queued_at == Some(LATER));
        assert!(!queue.note_container(first.attempt(), "late", None, &pulled).await.unwrap());
        let second = stage.claim().await;
        assert_eq!((second.job.attempt, second.job.interruptions), (2, 0));
        let past = stage.store.builds().past_attempts(first.id).await.unwrap();
        assert_eq!((past.len(), past[0].number, past[0].status), (1, 1, Status::Canceled));
        let build = queue.finish_job(second.job.attempt(), &Outcome::Returned(0), LATER).await.unwrap();
        assert_eq!(build.unwrap().status, Status::Success);
    }

    #[tokio::test]
    async fn a_runner_whose_job_was_given_back_for_it_claims_others_with_its_key() {
        let stage = Stage::new().await;
        let (queue, key) = (stage.store.queue(), ClaimKey::of([7; 16]));
        let lease = Lease { key: Some(&key), ..HERE };
        let claim = async |among| queue.claim_job(Lane::Containers, lease, among, NOW).await.unwrap();
        stage.push_to("older", 'a').await;
        let second = stage.push_at('b', None).await;
        assert!(claim(Among::Job(second)).await.is_some(), "the answer is lost");
        assert_eq!(queue.give_back_unbegun("here", NOW).await.unwrap(), [second]);
        assert!(claim(Among::All).await.is_none(), "the runner no longer holds the job");
        let older = claim(Among::All).await.unwrap().job;
        assert_eq!((older.id.0 < second.0, older.attempt), (true, 1));
        assert_eq!(claim(Among::All).await.unwrap().job.id, older.id);
    }

    #[tokio::test]
    async fn a_job_whose_script_may_have_begun_is_not_given_back() {
        let stage = Stage::new().await;
        let (queue, builds) = (stage.store.queue(), stage.store.builds());
        for branch in ["begun", "installed", "pulled"] {
            stage.push_to(branch, 'a').await;
        }
        let [begun, installed, pulled] =
            [stage.claim().await.job, stage.claim().await.job, stage.claim().await.job];
        queue.note_container(begun.attempt(), "c", None, &[]).await.unwrap();
        let phases = [Phase::begin(PhaseKind::Install, NOW)];
        queue.note_container(installed.attempt(), "c", Some("key"), &phases).await.unwrap();
        queue.forget_container(installed.attempt()).await.unwrap();
        for job in [&begun, &installed] {
            assert!(!queue.give_back(job.attempt(), NOW).await.unwrap());
        }
        assert_eq!(queue.give_back_unbegun("elsewhere", NOW).await.unwrap(), []);
        assert_eq!(queue.give_back_unbegun("here", NOW).await.unwrap(), [pulled.id]);
        let statuses = [begun.id, installed.id, pulled.id];
        for (id, status) in statuses.into_iter().zip([Status::Pending, Status::Pending, Status::Enqueued]) {
            assert_eq!(builds.job_by_id(id).await.unwrap().unwrap().status, status);
        }
    }

    #[tokio::test]
    async fn a_job_that_is_canceled_ends_when_it_is_given_back() {
        let stage = Stage::new().await;
        stage.push('a').await;
        let (queue, job) = (stage.store.queue(), stage.claim().await.job);
        queue.request_cancel(job.id, "By anna.", None, NOW).await.unwrap();
        assert!(queue.give_back(job.attempt(), NOW).await.unwrap());
        let job = stage.store.builds().job_by_id(job.id).await.unwrap().unwrap();
        assert_eq!((job.status, job.ending, job.attempt), (Status::Canceled, Some(Ending::Canceled), 1));
        assert_eq!(job.reason.as_deref(), Some("By anna."));
        let lease = Lease { runner: "there", ..HERE };
        assert!(queue.claim_job(Lane::Containers, lease, Among::All, LATER).await.unwrap().is_none());
    }
}
