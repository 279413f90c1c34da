//! Claims: a runner gets waiting jobs under a lease. Results are accepted only from the attempt that holds the job.
//!
//! The answer to a claim may be lost on its way. So a claim has a key, and a claim that is repeated with the same key
//! gives the same job. No two jobs have the same key, even if both claims are made at once: the database sees to that.

use super::{Queue, attempts::end_lapsed, jobs, moves::heard_at, refresh::refresh};
use crate::store::{database::Transaction, read, rows};
use anyhow::{Context, Error, Result};
use kozmic_model::{
    build::Build, ending::Ending, ids::JobId, job::Job, project::Project, runner::ClaimKey, spec::Origin,
    status::Status, time::Timestamp,
};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::{Set, Unchanged},
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, Select, SqlErr,
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
    /// The key of the claim; none if the claim is never repeated.
    pub key: Option<&'a ClaimKey>,
}

/// The jobs among which a claim may choose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Among {
    /// All jobs of the lane: the oldest one that nobody holds.
    All,
    /// Only this job, if nobody holds it.
    Job(JobId),
    /// No other job than the one that was claimed with the same key.
    Repeated,
}

impl Lane {
    /// The jobs of the lane.
    pub(super) fn jobs(self) -> Select<rows::job::Entity> {
        let configuration = Origin::Configuration.word();
        let is_in_lane = match self {
            Self::Containers => rows::job::Column::Kind.ne(configuration),
            Self::Configuration => rows::job::Column::Kind.eq(configuration),
        };
        rows::job::Entity::find().filter(is_in_lane)
    }
}

impl Queue<'_> {
    /// Gives a waiting job of a lane to a runner, until the lease ends: the oldest one, or the one that is chosen. If a
    /// runner let its lease end, its job is given to another runner, as a new attempt. If the runner has claimed a job
    /// with the same key and still holds it, gives that job again. So the runner keeps its key until a claim gives a
    /// job: while one claim is under way, its repetition may find none.
    ///
    /// # Errors
    /// The database does not answer. It is not known then if a job was given: the runner repeats the claim.
    pub async fn claim_job(
        self,
        lane: Lane,
        lease: Lease<'_>,
        among: Among,
        now: Timestamp,
    ) -> Result<Option<ClaimedJob>> {
        match self.claim_another(lane, lease, among, now).await {
            Ok(None) => Ok(self.claimed_before(lease, now).await?.flatten()),
            Err(fault) if is_taken(&fault) => self.claimed_before(lease, now).await?.ok_or(fault),
            claimed => claimed,
        }
    }

    /// Claims a job that nobody holds.
    async fn claim_another(
        self,
        lane: Lane,
        lease: Lease<'_>,
        among: Among,
        now: Timestamp,
    ) -> Result<Option<ClaimedJob>> {
        if among == Among::Repeated {
            return Ok(None);
        }
        let all = Candidates { lane, among, but: &[], of: None };
        if among == Among::All && next(&self.db.reader, all, lease.runner, now).await?.is_none() {
            return Ok(None);
        }
        let mut busy = Vec::new();
        loop {
            match self.try_claim(Candidates { but: &busy, ..all }, lease, now).await? {
                Tried::Claimed(job) => return Ok(Some(*job)),
                Tried::Ended => {}
                Tried::Busy(build) => busy.push(build),
                Tried::Nothing => break,
            }
        }
        // All remaining candidates belong to builds that others change now. Those changes end soon.
        for build in busy {
            let of = Some(build);
            if let Tried::Claimed(job) = self.try_claim(Candidates { of, ..all }, lease, now).await? {
                return Ok(Some(*job));
            }
        }
        Ok(None)
    }

    /// The job that was claimed with the lease's key, if the runner still holds it. The outer value is none if no job
    /// was claimed with the key.
    async fn claimed_before(self, lease: Lease<'_>, now: Timestamp) -> Result<Option<Option<ClaimedJob>>> {
        let Some(key) = lease.key else { return Ok(None) };
        let is_claimed = rows::job::Column::Claim.eq(key.as_str());
        let row = rows::job::Entity::find().filter(is_claimed.clone());
        let Some(row) = row.one(&self.db.reader).await.context("look for an earlier claim")? else {
            return Ok(None);
        };
        let is_its = |row: &rows::job::Model| {
            row.claim.as_deref() == Some(key.as_str()) && row.runner.as_deref() == Some(lease.runner)
        };
        let held = self.held_job(row.id, is_its, now).await?;
        if held.is_none() {
            // The key is free again: the runner's next claim with it must not find this job once more.
            let free = rows::job::Entity::update_many()
                .col_expr(rows::job::Column::Claim, Expr::value(None::<String>))
                .filter(is_claimed)
                .filter(rows::job::Column::Status.ne(Status::Pending.word()));
            free.exec(&self.db.writer).await.context("free the key of a claim")?;
        }
        Ok(Some(held))
    }

    /// A job with its surroundings, if it is under way and meets a condition. A job that cannot be read ends.
    pub(super) async fn held_job(
        self,
        id: i64,
        is_meant: impl Fn(&rows::job::Model) -> bool,
        now: Timestamp,
    ) -> Result<Option<ClaimedJob>> {
        let is_held = |row: &rows::job::Model| row.status == Status::Pending.word() && is_meant(row);
        let is_held = &is_held;
        self.db
            .change_in_parallel("a held job", move |tx| async move {
                let tx = &tx;
                let Some(row) = tx.lock_job(id).await?.filter(is_held) else { return Ok(None) };
                match read::job(row.clone()) {
                    Ok(job) => with_surroundings(tx, job, row.move_id, now).await.map(Some),
                    Err(fault) => spoil(tx, &row, &fault, now).await.map(|()| None),
                }
            })
            .await
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
}

/// The jobs of a lane that may be claimed.
#[derive(Clone, Copy)]
struct Candidates<'a> {
    lane: Lane,
    among: Among,
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
        if let Among::Job(id) = self.among {
            oldest = oldest.filter(rows::job::Column::Id.eq(id.0));
        }
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

/// True if the database refused a second row with a value that only one may have, such as the key of a claim.
fn is_taken(fault: &Error) -> bool {
    let said = fault.chain().find_map(|cause| cause.downcast_ref::<DbErr>()).and_then(DbErr::sql_err);
    matches!(said, Some(SqlErr::UniqueConstraintViolation(_)))
}

/// The job that a runner may take next, if any.
async fn next(
    db: &impl ConnectionTrait,
    among: Candidates<'_>,
    runner: &str,
    now: Timestamp,
) -> Result<Option<rows::job::Model>> {
    for jobs in among.queries(runner, now) {
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
        claim: Set(lease.key.map(ToString::to_string)),
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
