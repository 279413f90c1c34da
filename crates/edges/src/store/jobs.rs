//! The queue: a table with leases. Results are accepted only from the attempt that holds the job.

use super::{
    Store, approvals, attempts, builds, moves,
    outbox::{self, Subject},
    projects, read, rows, superseded,
};
use anyhow::{Context, Error, Result};
use kozmic_model::{
    build::Build,
    ids::{JobId, ProjectId},
    interruption::{Ending, Sequel},
    job::{Attempt, Job, Outcome},
    phase::Phase,
    project::Project,
    spec::{JobSpec, Origin},
    status::Status,
    time::Timestamp,
};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::{Set, Unchanged},
    ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder, Select,
    UpdateMany,
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
    /// Time at which the push that it is for was heard of, which may be younger than its build.
    pub pushed_at: Timestamp,
}

/// Jobs of one lane do not wait for those of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// Jobs that run in containers.
    Containers,
    /// Changes of the configuration repository, one after another.
    Configuration,
}

/// The right of a runner to its jobs, for a time. It keeps them by asking for more before that.
#[derive(Clone, Copy, Debug)]
pub struct Lease<'a> {
    /// The runner's name.
    pub runner: &'a str,
    /// The end.
    pub until: Timestamp,
}

impl Lane {
    fn jobs(self) -> Select<rows::job::Entity> {
        let configuration = Origin::Configuration.word();
        let is_in_lane = match self {
            Self::Containers => rows::job::Column::Kind.ne(configuration),
            Self::Configuration => rows::job::Column::Kind.eq(configuration),
        };
        rows::job::Entity::find().filter(is_in_lane)
    }
}

impl Store {
    /// Gives the oldest waiting job of a lane to a runner, until the lease ends. A job whose runner let its lease end
    /// is given to another, as a new attempt.
    ///
    /// # Errors
    /// The database does not answer; then no job was given.
    pub async fn claim_job(
        &self,
        lane: Lane,
        lease: Lease<'_>,
        now: Timestamp,
    ) -> Result<Option<ClaimedJob>> {
        if next_for(&self.db, lane, lease.runner, now).await?.is_none() {
            return Ok(None);
        }
        let tx = self.write().await?;
        let mut claimed = None;
        while let Some(row) = next_for(&tx, lane, lease.runner, now).await? {
            match read::job(row.clone()) {
                Ok(job) => claimed = hold(&tx, row, &job, lease, now).await?,
                Err(fault) => spoil(&tx, &row, &fault, now).await?,
            }
            if claimed.is_some() {
                break;
            }
        }
        tx.commit().await.context("commit a claim")?;
        Ok(claimed)
    }

    /// The jobs of a lane that a runner held when it stopped, the oldest first.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn held_jobs(&self, lane: Lane, runner: &str, now: Timestamp) -> Result<Vec<ClaimedJob>> {
        let tx = self.write().await?;
        let rows = lane
            .jobs()
            .filter(rows::job::Column::Status.eq(Status::Pending.word()))
            .filter(rows::job::Column::Runner.eq(runner))
            .order_by_asc(rows::job::Column::Id);
        let mut held = Vec::new();
        for row in rows.all(&tx).await.context("list held jobs")? {
            match read::job(row.clone()) {
                Ok(job) => held.push(with_surroundings(&tx, job, row.move_id, now).await?),
                Err(fault) => spoil(&tx, &row, &fault, now).await?,
            }
        }
        tx.commit().await.context("commit held jobs")?;
        Ok(held)
    }

    /// Lets a runner keep all its jobs for longer.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn renew_leases(&self, lease: Lease<'_>) -> Result<()> {
        rows::job::Entity::update_many()
            .col_expr(rows::job::Column::LeaseUntil, Expr::value(lease.until.0))
            .filter(rows::job::Column::Runner.eq(lease.runner))
            .filter(rows::job::Column::Status.eq(Status::Pending.word()))
            .exec(&self.writer)
            .await
            .context("renew leases")?;
        Ok(())
    }

    /// Notes an attempt's container, for an install script the key of what it makes, and where its time went, before its script may start. False if the attempt no
    /// longer holds the job.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn note_container(
        &self,
        attempt: Attempt,
        container: &str,
        cache_key: Option<&str>,
        phases: &[Phase],
    ) -> Result<bool> {
        let update = of_attempt(attempt)
            .col_expr(rows::job::Column::Container, Expr::value(container))
            .col_expr(rows::job::Column::CacheKey, Expr::value(cache_key))
            .col_expr(rows::job::Column::Phases, Expr::value(serde_json::to_string(phases)?));
        Ok(update.exec(&self.writer).await.context("note a job's container")?.rows_affected > 0)
    }

    /// Forgets an attempt's container, whose script never began.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn forget_container(&self, attempt: Attempt) -> Result<()> {
        let update = of_attempt(attempt)
            .col_expr(rows::job::Column::Container, Expr::value(None::<String>))
            .col_expr(rows::job::Column::CacheKey, Expr::value(None::<String>));
        update.exec(&self.writer).await.context("forget a job's container")?;
        Ok(())
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

    /// Ends an attempt, and with it its job; one that was interrupted may run again instead. None if the attempt no longer holds it; then nothing changed.
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
        let sequel = Sequel::of(&read::job(held.clone())?, outcome);
        let update = of_attempt(attempt)
            .col_expr(rows::job::Column::Phases, Expr::value(serde_json::to_string(&phases)?))
            .col_expr(rows::job::Column::Status, Expr::value(sequel.outcome().status().word()))
            .col_expr(rows::job::Column::Ending, Expr::value(sequel.outcome().ending().word()))
            .col_expr(rows::job::Column::Reason, Expr::value(sequel.reason(attempt.number)))
            .col_expr(rows::job::Column::ReturnCode, Expr::value(sequel.outcome().return_code()))
            .col_expr(rows::job::Column::FinishedAt, Expr::value(now.0));
        if update.exec(&tx).await.context("finish a job")?.rows_affected == 0 {
            return Ok(None);
        }
        if let Sequel::Again(_) = sequel {
            let ended = rows::job::Entity::find_by_id(held.id).one(&tx).await.context("find a job again")?;
            attempts::interrupted(&tx, ended.context("the job is gone")?, now).await?;
        }
        tell(&tx, &held, now).await?;
        superseded::resume_ended(&tx, attempt.job, now).await?;
        let build = builds::refresh(&tx, held.build_id, now).await?;
        tx.commit().await.context("commit a job's end")?;
        Ok(Some(build))
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
}

/// Adds a job that waits, and notes the move of its ref that it is for.
pub(super) async fn add(
    tx: &DatabaseTransaction,
    build: &rows::build::Model,
    spec: &JobSpec,
    by: Option<i64>,
    now: Timestamp,
) -> Result<JobId> {
    let row = rows::job::ActiveModel {
        build_id: Set(build.id),
        project_id: Set(build.project_id),
        spec: Set(serde_json::to_string(spec)?),
        attempt: Set(0),
        interruptions: Set(0),
        created_at: Set(now.0),
        kind: Set(spec.origin.word().to_owned()),
        automatic: Set(spec.origin.is_automatic()),
        move_id: Set(by),
        ..approvals::waiting(tx, build, now).await?
    };
    let row = row.insert(tx).await.context("add a job")?;
    tell(tx, &row, now).await?;
    Ok(JobId(row.id))
}

/// The title of a job, for the audit trail. A spec that cannot be read is no reason to change nothing.
pub(super) fn title_of(row: &rows::job::Model) -> String {
    read::job(row.clone()).map_or_else(|_| format!("number {}", row.id), |job| job.spec.title)
}

/// A job of the Auto Builder has a commit status of its own, which changed.
pub(super) async fn tell(tx: &DatabaseTransaction, row: &rows::job::Model, now: Timestamp) -> Result<()> {
    match row.automatic {
        true => outbox::put(tx, Subject::JobStatus(JobId(row.id)), now).await,
        false => Ok(()),
    }
}

/// A project's jobs in some states.
pub(super) fn of_project(project: i64, states: &[Status]) -> Select<rows::job::Entity> {
    rows::job::Entity::find()
        .filter(rows::job::Column::ProjectId.eq(project))
        .filter(rows::job::Column::Status.is_in(states.iter().map(|status| status.word())))
}

/// The job that a runner may take next: one that waits, else one that another runner let go. It has its own jobs in
/// hand, however old the lease.
async fn next_for(
    db: &impl ConnectionTrait,
    lane: Lane,
    runner: &str,
    now: Timestamp,
) -> Result<Option<rows::job::Model>> {
    let oldest = || lane.jobs().order_by_asc(rows::job::Column::Id);
    let enqueued = oldest().filter(rows::job::Column::Status.eq(Status::Enqueued.word()));
    if let Some(row) = enqueued.one(db).await.context("look for a waiting job")? {
        return Ok(Some(row));
    }
    let lapsed = oldest()
        .filter(rows::job::Column::Status.eq(Status::Pending.word()))
        .filter(rows::job::Column::LeaseUntil.lt(now.0))
        .filter(rows::job::Column::Runner.ne(runner));
    lapsed.one(db).await.context("look for a job that was let go")
}

/// Writes a job down as a runner's. A request to cancel it stays: the runner will find it. None: it was another
/// runner's, and ends as it does not run again.
async fn hold(
    tx: &DatabaseTransaction,
    row: rows::job::Model,
    job: &Job,
    lease: Lease<'_>,
    now: Timestamp,
) -> Result<Option<ClaimedJob>> {
    let was_lost = row.status == Status::Pending.word();
    let interruptions = match was_lost {
        true if !attempts::let_go(tx, &row, job, now).await? => return Ok(None),
        true => row.interruptions + 1,
        false => row.interruptions,
    };
    let held = rows::job::ActiveModel {
        id: Unchanged(row.id),
        status: Set(Status::Pending.word().to_owned()),
        attempt: Set(row.attempt + 1),
        reason: Set(row.reason.filter(|_| row.cancel_requested)),
        runner: Set(Some(lease.runner.to_owned())),
        lease_until: Set(Some(lease.until.0)),
        container: Set(None),
        cache_key: Set(None),
        interruptions: Set(interruptions),
        phases: Set("[]".to_owned()),
        // Nothing waited between a lost run and the one that follows it at once.
        queued_at: Set(if was_lost { Some(now.0) } else { row.queued_at }),
        started_at: Set(Some(now.0)),
        ..Default::default()
    };
    let row = held.update(tx).await.context("claim a job")?;
    let by = row.move_id;
    with_surroundings(tx, read::job(row)?, by, now).await.map(Some)
}

/// Ends a job whose row cannot be read, so that it does not hold up the others.
async fn spoil(
    tx: &DatabaseTransaction,
    row: &rows::job::Model,
    fault: &Error,
    now: Timestamp,
) -> Result<()> {
    tracing::error!(
        job.id = row.id,
        error = format!("{fault:#}"),
        "a job cannot be read and ends as an error"
    );
    let spoilt = rows::job::ActiveModel {
        id: Unchanged(row.id),
        status: Set(Status::Error.word().to_owned()),
        // As with a cancel: a run that never began is one all the same.
        attempt: Set(row.attempt + i32::from(row.status != Status::Pending.word())),
        reason: Set(Some(format!("The job cannot be read any more: {fault:#}."))),
        ending: Set(Some(Ending::Broken.word().to_owned())),
        finished_at: Set(Some(now.0)),
        ..Default::default()
    };
    spoilt.update(tx).await.context("end a job that cannot be read")?;
    tell(tx, row, now).await?;
    builds::refresh(tx, row.build_id, now).await.map(drop)
}

fn of_attempt(attempt: Attempt) -> UpdateMany<rows::job::Entity> {
    rows::job::Entity::update_many()
        .filter(rows::job::Column::Id.eq(attempt.job.0))
        .filter(rows::job::Column::Attempt.eq(attempt.number))
        .filter(rows::job::Column::Status.eq(Status::Pending.word()))
}

async fn with_surroundings(
    tx: &DatabaseTransaction,
    job: Job,
    by: Option<i64>,
    now: Timestamp,
) -> Result<ClaimedJob> {
    let build = builds::refresh(tx, job.build.0, now).await?;
    let project = projects::project_of(tx, job.project.0).await?;
    // Without a move, which is so with what the forge answered, the job is as old as what it is for.
    let pushed_at = match by {
        Some(by) => moves::heard_at(tx, by).await?,
        None => None,
    };
    let pushed_at = pushed_at.unwrap_or(job.created_at);
    Ok(ClaimedJob { job, build, project, pushed_at })
}
