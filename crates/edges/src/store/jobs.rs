//! The queue: a table with leases. Results are accepted only from the attempt that holds the job.

use super::{Store, builds, projects, read, rows};
use anyhow::{Context, Result};
use kozmic_model::{
    build::Build,
    ids::{BuildId, JobId, ProjectId},
    job::{Attempt, Job, Outcome},
    phase::Phase,
    project::Project,
    status::Status,
    time::Timestamp,
};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::{Set, Unchanged},
    ColumnTrait, Condition, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder, UpdateMany,
    sea_query::Expr,
};

/// A job that a runner holds, with all that it needs to know.
#[derive(Clone, Debug)]
pub struct ClaimedJob {
    /// The job.
    pub job: Job,
    /// Its build.
    pub build: Build,
    /// Its project.
    pub project: Project,
}

impl Store {
    /// Gives the oldest waiting job to a runner, until the lease ends. A job whose runner let its lease end is
    /// given to another, as a new attempt.
    ///
    /// # Errors
    /// The database does not answer; then no job was given.
    pub async fn claim_job(
        &self,
        runner: &str,
        lease_until: Timestamp,
        now: Timestamp,
    ) -> Result<Option<ClaimedJob>> {
        if waiting(runner, now).one(&self.db).await.context("look for a waiting job")?.is_none() {
            return Ok(None);
        }
        let tx = self.write().await?;
        let Some(row) = waiting(runner, now).one(&tx).await.context("find a waiting job")? else {
            return Ok(None);
        };
        let claimed = rows::job::ActiveModel {
            id: Unchanged(row.id),
            status: Set(Status::Pending.word().to_owned()),
            attempt: Set(row.attempt + 1),
            reason: Set(None),
            runner: Set(Some(runner.to_owned())),
            lease_until: Set(Some(lease_until.0)),
            container: Set(None),
            cancel_requested: Set(false),
            phases: Set("[]".to_owned()),
            started_at: Set(Some(now.0)),
            ..Default::default()
        };
        let row = claimed.update(&tx).await.context("claim a job")?;
        let claimed = with_surroundings(&tx, read::job(row)?, now).await?;
        tx.commit().await.context("commit a claim")?;
        Ok(Some(claimed))
    }

    /// The jobs that a runner held when it stopped, the oldest first.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn held_jobs(&self, runner: &str, now: Timestamp) -> Result<Vec<ClaimedJob>> {
        let tx = self.write().await?;
        let rows = rows::job::Entity::find()
            .filter(rows::job::Column::Status.eq(Status::Pending.word()))
            .filter(rows::job::Column::Runner.eq(runner))
            .order_by_asc(rows::job::Column::Id);
        let mut held = Vec::new();
        for row in rows.all(&tx).await.context("list held jobs")? {
            held.push(with_surroundings(&tx, read::job(row)?, now).await?);
        }
        tx.commit().await.context("commit held jobs")?;
        Ok(held)
    }

    /// Keeps all jobs of a runner for longer.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn renew_leases(&self, runner: &str, lease_until: Timestamp) -> Result<()> {
        rows::job::Entity::update_many()
            .col_expr(rows::job::Column::LeaseUntil, Expr::value(lease_until.0))
            .filter(rows::job::Column::Runner.eq(runner))
            .filter(rows::job::Column::Status.eq(Status::Pending.word()))
            .exec(&self.writer)
            .await
            .context("renew leases")?;
        Ok(())
    }

    /// Notes an attempt's container and where its time went, before its script may start. False if the attempt no
    /// longer holds the job.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn note_container(&self, attempt: Attempt, container: &str, phases: &[Phase]) -> Result<bool> {
        let update = of_attempt(attempt)
            .col_expr(rows::job::Column::Container, Expr::value(container))
            .col_expr(rows::job::Column::Phases, Expr::value(serde_json::to_string(phases)?));
        Ok(update.exec(&self.writer).await.context("note a job's container")?.rows_affected > 0)
    }

    /// Notes where an attempt's time goes.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn note_phases(&self, attempt: Attempt, phases: &[Phase]) -> Result<()> {
        let phases = serde_json::to_string(phases)?;
        let update = of_attempt(attempt).col_expr(rows::job::Column::Phases, Expr::value(phases));
        update.exec(&self.writer).await.context("note a job's phases")?;
        Ok(())
    }

    /// Ends a job. None if the attempt no longer holds it; then nothing changed.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn finish_job(
        &self,
        attempt: Attempt,
        outcome: &Outcome,
        now: Timestamp,
    ) -> Result<Option<Build>> {
        let tx = self.write().await?;
        let held =
            rows::job::Entity::find_by_id(attempt.job.0).one(&tx).await.context("find the job to finish")?;
        let Some(held) = held else { return Ok(None) };
        let mut phases = serde_json::from_str::<Vec<Phase>>(&held.phases).context("read the job's phases")?;
        phases.iter_mut().for_each(|phase| phase.finished_at = phase.finished_at.or(Some(now)));
        let update = of_attempt(attempt)
            .col_expr(rows::job::Column::Phases, Expr::value(serde_json::to_string(&phases)?))
            .col_expr(rows::job::Column::Status, Expr::value(outcome.status().word()))
            .col_expr(rows::job::Column::Reason, Expr::value(outcome.reason()))
            .col_expr(rows::job::Column::ReturnCode, Expr::value(outcome.return_code()))
            .col_expr(rows::job::Column::FinishedAt, Expr::value(now.0));
        if update.exec(&tx).await.context("finish a job")?.rows_affected == 0 {
            return Ok(None);
        }
        let row =
            rows::job::Entity::find_by_id(attempt.job.0).one(&tx).await.context("find the finished job")?;
        let build = builds::refresh(&tx, row.context("the finished job is there")?.build_id, now).await?;
        tx.commit().await.context("commit a job's end")?;
        Ok(Some(build))
    }

    /// Asks to stop a job: one that waits ends at once, one that runs is marked for its runner.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn request_cancel(&self, id: JobId, why: &str, now: Timestamp) -> Result<()> {
        let tx = self.write().await?;
        let row = rows::job::Entity::find_by_id(id.0).one(&tx).await.context("find a job to cancel")?;
        let Some(row) = row else { return Ok(()) };
        let mut change = rows::job::ActiveModel { id: Unchanged(id.0), ..Default::default() };
        match row.status.parse()? {
            Status::Enqueued => {
                change.status = Set(Status::Canceled.word().to_owned());
                change.reason = Set(Some(why.to_owned()));
                change.finished_at = Set(Some(now.0));
            }
            Status::Pending => {
                change.reason = Set(Some(why.to_owned()));
                change.cancel_requested = Set(true);
            }
            Status::Success | Status::Failure | Status::Error | Status::Canceled => return Ok(()),
        }
        change.update(&tx).await.context("cancel a job")?;
        builds::refresh(&tx, row.build_id, now).await?;
        tx.commit().await.context("commit a cancel")
    }

    /// One job of a project.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn job(&self, project: ProjectId, id: JobId) -> Result<Option<Job>> {
        Ok(self.job_by_id(id).await?.filter(|job| job.project == project))
    }

    /// One job.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn job_by_id(&self, id: JobId) -> Result<Option<Job>> {
        let row = rows::job::Entity::find_by_id(id.0).one(&self.db).await.context("find a job")?;
        row.map(read::job).transpose()
    }

    /// Whether an attempt still holds its job: its container must not be swept away.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn holds(&self, attempt: Attempt) -> Result<bool> {
        let job = self.job_by_id(attempt.job).await?;
        Ok(job.is_some_and(|job| job.attempt == attempt.number && job.status == Status::Pending))
    }

    /// A build by its id alone, for who comes from the outbox.
    ///
    /// # Errors
    /// The database does not answer, or there is no such build.
    pub async fn build_of_job(&self, build: BuildId) -> Result<Build> {
        let row = rows::build::Entity::find_by_id(build.0).one(&self.db).await.context("find a build")?;
        read::build(row.with_context(|| format!("there is no build {build}"))?)
    }
}

/// What a runner may take: what waits, and what another runner let go. Its own jobs it has in hand, however old the
/// lease.
fn waiting(runner: &str, now: Timestamp) -> sea_orm::Select<rows::job::Entity> {
    let lapsed = Condition::all()
        .add(rows::job::Column::Status.eq(Status::Pending.word()))
        .add(rows::job::Column::LeaseUntil.lt(now.0))
        .add(rows::job::Column::Runner.ne(runner));
    let enqueued = rows::job::Column::Status.eq(Status::Enqueued.word());
    rows::job::Entity::find()
        .filter(Condition::any().add(enqueued).add(lapsed))
        .order_by_asc(rows::job::Column::Id)
}

fn of_attempt(attempt: Attempt) -> UpdateMany<rows::job::Entity> {
    rows::job::Entity::update_many()
        .filter(rows::job::Column::Id.eq(attempt.job.0))
        .filter(rows::job::Column::Attempt.eq(attempt.number))
        .filter(rows::job::Column::Status.eq(Status::Pending.word()))
}

async fn with_surroundings(tx: &DatabaseTransaction, job: Job, now: Timestamp) -> Result<ClaimedJob> {
    let build = builds::refresh(tx, job.build.0, now).await?;
    let project = projects::project_of(tx, job.project.0).await?;
    Ok(ClaimedJob { job, build, project })
}
