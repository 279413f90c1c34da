//! Claims: a runner gets waiting jobs under a lease. Results are accepted only from the attempt that holds the job.

use super::{Queue, attempts::end_lapsed, jobs, moves::heard_at, refresh::refresh};
use crate::store::{database::Transaction, read, rows};
use anyhow::{Context, Error, Result};
use kozmic_model::{
    build::Build, ending::Ending, job::Job, project::Project, spec::Origin, status::Status, time::Timestamp,
};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::{Set, Unchanged},
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, Select,
    sea_query::Expr,
};

/// A job that a runner holds, with all facts that the runner needs.
#[derive(Clone, Debug)]
pub struct ClaimedJob {
    /// The job.
    pub job: Job,
    /// Its build.
    pub build: Build,
    /// Its project.
    pub project: Project,
    /// Time at which the push that the job is for became known. It may be later than the build.
    pub pushed_at: Timestamp,
}

/// A queue of its own: jobs of one lane do not wait for jobs of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// Jobs that run in containers.
    Containers,
    /// Changes of the configuration repository, one after another.
    Configuration,
}

/// The right of a runner to its jobs, until a time. The runner keeps its jobs by renewing the lease before that time.
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

impl Queue<'_> {
    /// Gives the oldest waiting job of a lane to a runner, until the lease ends. If a runner let its lease end, its job
    /// is given to another runner, as a new attempt.
    ///
    /// # Errors
    /// The database does not answer; then no job was given.
    pub async fn claim_job(self, lane: Lane, lease: Lease<'_>, now: Timestamp) -> Result<Option<ClaimedJob>> {
        if next(&self.db.reader, lane, lease.runner, now).await?.is_none() {
            return Ok(None);
        }
        let mut busy = Vec::new();
        loop {
            match self.try_claim(Candidates { lane, but: &busy, of: None }, lease, now).await? {
                Tried::Claimed(job) => return Ok(Some(*job)),
                Tried::Ended => {}
                Tried::Busy(build) => busy.push(build),
                Tried::Nothing => break,
            }
        }
        // All remaining candidates belong to builds that others change now. Those changes end soon.
        for build in busy {
            let of = Some(build);
            if let Tried::Claimed(job) = self.try_claim(Candidates { lane, but: &[], of }, lease, now).await?
            {
                return Ok(Some(*job));
            }
        }
        Ok(None)
    }

    /// Tries to claim the first candidate. Locks the job first, and its build only if nobody else changes the build
    /// now. All other changes lock the build first, so waiting for the build here could end in a deadlock.
    async fn try_claim(self, among: Candidates<'_>, lease: Lease<'_>, now: Timestamp) -> Result<Tried> {
        self.db
            .change_in_parallel("a claim", move |tx| async move {
                let tx = &tx;
                if let Some(build) = among.of {
                    tx.lock_build(build).await?;
                }
                let Some(row) = next_free(tx, among, lease.runner, now).await? else {
                    return Ok(Tried::Nothing);
                };
                if among.of.is_none() && !tx.try_lock_build(row.build_id).await? {
                    return Ok(Tried::Busy(row.build_id));
                }
                let job = match read::job(row.clone()) {
                    Ok(job) => job,
                    Err(fault) => {
                        spoil(tx, &row, &fault, now).await?;
                        return Ok(Tried::Ended);
                    }
                };
                let claimed = hold(tx, row, &job, lease, now).await?;
                Ok(claimed.map_or(Tried::Ended, |claimed| Tried::Claimed(Box::new(claimed))))
            })
            .await
    }

    /// The jobs of a lane that a runner held when it stopped, the oldest first.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn held_jobs(self, lane: Lane, runner: &str, now: Timestamp) -> Result<Vec<ClaimedJob>> {
        self.db
            .change("held jobs", move |tx| async move {
                let tx = &tx;
                let rows = lane
                    .jobs()
                    .filter(rows::job::Column::Status.eq(Status::Pending.word()))
                    .filter(rows::job::Column::Runner.eq(runner))
                    .order_by_asc(rows::job::Column::Id);
                let mut held = Vec::new();
                for row in rows.all(tx).await.context("list held jobs")? {
                    match read::job(row.clone()) {
                        Ok(job) => held.push(with_surroundings(tx, job, row.move_id, now).await?),
                        Err(fault) => spoil(tx, &row, &fault, now).await?,
                    }
                }
                Ok(held)
            })
            .await
    }

    /// Lets a runner keep all its jobs for longer.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn renew_leases(self, lease: Lease<'_>) -> Result<()> {
        rows::job::Entity::update_many()
            .col_expr(rows::job::Column::LeaseUntil, Expr::value(lease.until.0))
            .filter(rows::job::Column::Runner.eq(lease.runner))
            .filter(rows::job::Column::Status.eq(Status::Pending.word()))
            .exec(&self.db.writer)
            .await
            .context("renew leases")?;
        Ok(())
    }
}

/// The jobs of a lane that may be claimed.
#[derive(Clone, Copy)]
struct Candidates<'a> {
    lane: Lane,
    /// Builds to leave out, because others change them now.
    but: &'a [i64],
    /// Set if only jobs of this build count.
    of: Option<i64>,
}

/// Outcome of one try to claim a job.
enum Tried {
    /// The job is the runner's.
    Claimed(Box<ClaimedJob>),
    /// The job ended instead. There may be another one.
    Ended,
    /// The job's build is being changed.
    Busy(i64),
    /// There is no candidate.
    Nothing,
}

impl Candidates<'_> {
    /// Two queries, each with the oldest job first: jobs that wait, and jobs whose lease another runner let end. The
    /// runner's own jobs are left out, even if their lease has ended: the runner still has them in hand.
    fn queries(self, runner: &str, now: Timestamp) -> [Select<rows::job::Entity>; 2] {
        let mut oldest = self.lane.jobs().order_by_asc(rows::job::Column::Id);
        if !self.but.is_empty() {
            oldest = oldest.filter(rows::job::Column::BuildId.is_not_in(self.but.iter().copied()));
        }
        if let Some(build) = self.of {
            oldest = oldest.filter(rows::job::Column::BuildId.eq(build));
        }
        let waiting = oldest.clone().filter(rows::job::Column::Status.eq(Status::Enqueued.word()));
        let lapsed = oldest
            .filter(rows::job::Column::Status.eq(Status::Pending.word()))
            .filter(rows::job::Column::LeaseUntil.lt(now.0))
            .filter(rows::job::Column::Runner.ne(runner));
        [waiting, lapsed]
    }
}

/// The job that a runner may take next, if any.
async fn next(
    db: &impl ConnectionTrait,
    lane: Lane,
    runner: &str,
    now: Timestamp,
) -> Result<Option<rows::job::Model>> {
    for jobs in (Candidates { lane, but: &[], of: None }).queries(runner, now) {
        if let Some(row) = jobs.one(db).await.context("look for a job to claim")? {
            return Ok(Some(row));
        }
    }
    Ok(None)
}

/// The first candidate that no other runner is taking now.
async fn next_free(
    tx: &Transaction,
    among: Candidates<'_>,
    runner: &str,
    now: Timestamp,
) -> Result<Option<rows::job::Model>> {
    for jobs in among.queries(runner, now) {
        if let Some(row) = tx.first_free(jobs).await? {
            return Ok(Some(row));
        }
    }
    Ok(None)
}

/// Notes that a runner holds a job. A request to cancel the job stays, so that the runner finds it. None if another
/// runner lost the job, and the job ends because it gets no further attempt.
async fn hold(
    tx: &Transaction,
    row: rows::job::Model,
    job: &Job,
    lease: Lease<'_>,
    now: Timestamp,
) -> Result<Option<ClaimedJob>> {
    let was_lost = row.status == Status::Pending.word();
    let interruptions = match was_lost {
        true if !end_lapsed(tx, &row, job, now).await? => return Ok(None),
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
        // No time of waiting lies between a lost attempt and the next one, which follows at once.
        queued_at: Set(if was_lost { Some(now.0) } else { row.queued_at }),
        started_at: Set(Some(now.0)),
        ..Default::default()
    };
    let row = held.update(tx).await.context("claim a job")?;
    let by = row.move_id;
    with_surroundings(tx, read::job(row)?, by, now).await.map(Some)
}

/// Ends a job whose row cannot be read, so that it does not block the others.
async fn spoil(tx: &Transaction, row: &rows::job::Model, fault: &Error, now: Timestamp) -> Result<()> {
    tracing::error!(
        job.id = row.id,
        error = format!("{fault:#}"),
        "a job cannot be read and ends as an error"
    );
    let spoilt = rows::job::ActiveModel {
        id: Unchanged(row.id),
        status: Set(Status::Error.word().to_owned()),
        // As with a cancel: an attempt counts even if it never began.
        attempt: Set(row.attempt + i32::from(row.status != Status::Pending.word())),
        reason: Set(Some(format!("The job cannot be read any more: {fault:#}."))),
        ending: Set(Some(Ending::Broken.word().to_owned())),
        finished_at: Set(Some(now.0)),
        ..Default::default()
    };
    spoilt.update(tx).await.context("end a job that cannot be read")?;
    jobs::tell(tx, row, now).await?;
    refresh(tx, row.build_id, now).await.map(drop)
}

async fn with_surroundings(
    tx: &Transaction,
    job: Job,
    by: Option<i64>,
    now: Timestamp,
) -> Result<ClaimedJob> {
    let build = refresh(tx, job.build.0, now).await?;
    let project = read::project_of(tx, job.project.0).await?;
    // The forge's answer may cause a job without a move. For such a job, the time of its creation counts.
    let pushed_at = match by {
        Some(by) => heard_at(tx, by).await?,
        None => None,
    };
    let pushed_at = pushed_at.unwrap_or(job.created_at);
    Ok(ClaimedJob { job, build, project, pushed_at })
}
