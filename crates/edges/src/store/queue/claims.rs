//! Claims: a runner gets waiting jobs under a lease. Results are accepted only from the attempt that holds the job.
//!
//! The answer to a claim may be lost on its way. So a claim has a key, and a claim that is repeated with the same key
//! gives the same job. No two jobs have the same key, even if both claims are made at once: the database sees to that.

use super::{
    Queue, jobs,
    refresh::{refresh, refresh_row},
};
use crate::store::{database::Transaction, read, rows};
use anyhow::{Context, Error, Result};
use kozmic_model::{
    build::Build, ending::Ending, ids::JobId, job::Job, project::Project, runner::ClaimKey, spec::Origin,
    status::Status, time::Timestamp,
};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::{Set, Unchanged},
    ColumnTrait, DbErr, EntityTrait, JoinType, QueryFilter, QueryOrder, QuerySelect, Select, SqlErr,
    sea_query::{Expr, ExprTrait},
};
use std::collections::BTreeSet;

/// Said if a search for jobs fails.
const LOOK: &str = "look for a job to claim";

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
    /// Gives a waiting job of a lane to a runner, until the lease ends: the oldest one, or the one that is chosen. If the
    /// runner has claimed a job with the same key and still holds it, gives that job again. So the runner keeps its key
    /// until a claim gives a job: while one claim is under way, its repetition may find none.
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
        let all = Candidates { lane, among, of: None };
        // Mostly no reading of the configuration waits, and a file's only writer is not taken for nothing.
        let is_look_cheaper = lane == Lane::Configuration || !self.db.has_many_writers();
        if among == Among::All
            && is_look_cheaper
            && all.oldest().one(&self.db.reader).await.context(LOOK)?.is_none()
        {
            return Ok(None);
        }
        match self.claim_first(all, lease, now).await? {
            None if self.db.has_many_writers() => self.claim_of_busy_build(all, lease, now).await,
            claimed => Ok(claimed),
        }
    }

    /// Claims a candidate of a build that others change now, when they have changed it. Those changes end soon.
    async fn claim_of_busy_build(
        self,
        all: Candidates,
        lease: Lease<'_>,
        now: Timestamp,
    ) -> Result<Option<ClaimedJob>> {
        let builds = all.oldest().select_only().column(rows::job::Column::BuildId).into_tuple::<i64>();
        let builds = builds.all(&self.db.reader).await.context(LOOK)?.into_iter().collect::<BTreeSet<_>>();
        for build in builds {
            let of = Candidates { of: Some(build), ..all };
            if let Some(claimed) = self.claim_first(of, lease, now).await? {
                return Ok(Some(claimed));
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
                    Ok(job) => {
                        let build = refresh(tx, row.build_id, now).await?;
                        with_surroundings(tx, job, build, row.move_id).await.map(Some)
                    }
                    Err(fault) => spoil(tx, &row, &fault, now).await.map(|()| None),
                }
            })
            .await
    }

    /// Claims the first candidate that it can take. Candidates that cannot be read end.
    async fn claim_first(
        self,
        among: Candidates,
        lease: Lease<'_>,
        now: Timestamp,
    ) -> Result<Option<ClaimedJob>> {
        loop {
            match self.try_claim(among, lease, now).await? {
                Tried::Claimed(job) => return Ok(Some(*job)),
                Tried::Ended => {}
                Tried::Nothing => return Ok(None),
            }
        }
    }

    /// Tries to claim the first candidate. Without a build in hand, takes a candidate only if it need not wait for a lock
    /// on the job and its build: all other changes lock the build before the job, so waiting could end in a deadlock.
    async fn try_claim(self, among: Candidates, lease: Lease<'_>, now: Timestamp) -> Result<Tried> {
        self.db
            .change_in_parallel("a claim", move |tx| async move {
                let tx = &tx;
                let Some((row, build)) = tx.first_job(among.oldest(), among.of).await? else {
                    return Ok(Tried::Nothing);
                };
                match read::job(row.clone()) {
                    Ok(_) => hold(tx, row, build, lease, now).await.map(Box::new).map(Tried::Claimed),
                    Err(fault) => spoil(tx, &row, &fault, now).await.map(|()| Tried::Ended),
                }
            })
            .await
    }
}

/// The jobs of a lane that may be claimed.
#[derive(Clone, Copy)]
struct Candidates {
    lane: Lane,
    among: Among,
    /// Set if only jobs of this build count.
    of: Option<i64>,
}

/// Outcome of one try to claim a job.
enum Tried {
    /// The job is the runner's.
    Claimed(Box<ClaimedJob>),
    /// The job ended instead. There may be another one.
    Ended,
    /// There is no candidate that can be taken.
    Nothing,
}

impl Candidates {
    /// The oldest job first.
    fn oldest(self) -> Select<rows::job::Entity> {
        let mut waiting = self.lane.jobs().filter(rows::job::Column::Status.eq(Status::Enqueued.word()));
        if let Among::Job(id) = self.among {
            waiting = waiting.filter(rows::job::Column::Id.eq(id.0));
        }
        if let Some(build) = self.of {
            waiting = waiting.filter(rows::job::Column::BuildId.eq(build));
        }
        waiting.order_by_asc(rows::job::Column::Id)
    }
}

/// True if the database refused a second row with a value that only one may have, such as the key of a claim.
fn is_taken(fault: &Error) -> bool {
    let said = fault.chain().find_map(|cause| cause.downcast_ref::<DbErr>()).and_then(DbErr::sql_err);
    matches!(said, Some(SqlErr::UniqueConstraintViolation(_)))
}

/// Notes that a runner holds a job. A request to cancel the job stays, so that the runner finds it.
async fn hold(
    tx: &Transaction,
    row: rows::job::Model,
    build: rows::build::Model,
    lease: Lease<'_>,
    now: Timestamp,
) -> Result<ClaimedJob> {
    let held = rows::job::ActiveModel {
        status: Set(Status::Pending.word().to_owned()),
        attempt: Set(row.attempt + 1),
        reason: Set(row.reason.clone().filter(|_| row.cancel_requested)),
        runner: Set(Some(lease.runner.to_owned())),
        claim: Set(lease.key.map(ToString::to_string)),
        lease_until: Set(Some(lease.until.0)),
        container: Set(None),
        cache_key: Set(None),
        phases: Set("[]".to_owned()),
        started_at: Set(Some(now.0)),
        ..Default::default()
    };
    let by = row.move_id;
    let job = read::job(tx.change_row(row, held).await.context("claim a job")?)?;
    let build = refresh_row(tx, build, now).await?;
    with_surroundings(tx, job, build, by).await
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

/// A held job with its project, and with the time at which its push became known.
async fn with_surroundings(tx: &Transaction, job: Job, build: Build, by: Option<i64>) -> Result<ClaimedJob> {
    let moves = rows::project::Entity::belongs_to(rows::ref_move::Entity)
        .from(rows::project::Column::Id)
        .to(rows::ref_move::Column::ProjectId)
        .on_condition(move |_, moves| Expr::col((moves, rows::ref_move::Column::Id)).eq(by).into());
    let both = rows::project::Entity::find_by_id(job.project.0)
        .join(JoinType::LeftJoin, moves.into())
        .select_also(rows::ref_move::Entity);
    let both = both.one(tx).await.context("find a job's project")?;
    let (project, moved) = both.with_context(|| format!("there is no project {}", job.project))?;
    // The forge's answer may cause a job without a move. For such a job, the time of its creation counts.
    let pushed_at = moved.map_or(job.created_at, |moved| Timestamp(moved.created_at));
    Ok(ClaimedJob { job, build, project: read::project(project), pushed_at })
}
