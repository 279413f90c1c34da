//! A change becomes a build: hook call, build, job and the first commit status in one transaction.

use super::{
    Store, attempts, builds,
    deliveries::{HANDLED, settle},
    jobs, projects, rows,
};
use anyhow::{Context, Result};
use kozmic_model::{
    build::Build,
    event::Change,
    ids::{DeliveryId, HookId, JobId, ProjectId},
    spec::JobSpec,
    status::Status,
    time::Timestamp,
};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::{NotSet, Set, Unchanged},
    ColumnTrait, DatabaseTransaction, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder,
};

/// How a row says that no commits are known.
const NO_COMMITS: &str = "[]";

/// What a change led to.
#[derive(Debug)]
pub enum Enqueued {
    /// A job, in a new build or in the one that another hook's delivery began.
    Job(Box<Build>, JobId),
    /// Nothing: this hook has built this commit on this ref.
    BuiltBefore,
}

impl Store {
    /// Enqueues a job for a change that a delivery brought to a hook, and settles the delivery.
    ///
    /// # Errors
    /// The database does not answer; then nothing changed.
    pub async fn enqueue(
        &self,
        delivery: DeliveryId,
        hook: (ProjectId, HookId),
        (change, spec): (&Change, &JobSpec),
        now: Timestamp,
    ) -> Result<Enqueued> {
        let (project, hook) = hook;
        let tx = self.write().await?;
        let build = find_or_add_build(&tx, project, change, now).await?;
        let called = rows::hook_call::Entity::find()
            .filter(rows::hook_call::Column::HookId.eq(hook.0))
            .filter(rows::hook_call::Column::BuildId.eq(build.id));
        let called_before = called.count(&tx).await.context("look for an earlier call")? > 0;
        let enqueued = if called_before {
            settle(&tx, delivery, HANDLED, Some(&format!("build #{} has it already", build.number))).await?;
            Enqueued::BuiltBefore
        } else {
            add_call(&tx, delivery, hook, build.id).await?;
            let job = jobs::add(&tx, &build, spec, now).await?;
            settle(&tx, delivery, HANDLED, Some(&format!("job {job} of build #{}", build.number))).await?;
            Enqueued::Job(Box::new(builds::refresh(&tx, build.id, now).await?), job)
        };
        tx.commit().await.context("commit a build")?;
        Ok(enqueued)
    }
}

/// What a change led to that came in by the Auto Builder's door.
#[derive(Debug)]
pub struct Planned {
    /// The build that it belongs to.
    pub build: Build,
    /// The jobs that are to run; none for what was planned before.
    pub jobs: Vec<JobId>,
}

impl Store {
    /// Enqueues jobs for a change of a project's repository, all or none, but for those whose origin has a job in the
    /// build already. If the commit was pushed once more since, because its branch was moved back to it, such a job
    /// runs once more, as it would be planned now. Settles the delivery that brought the change, if one did.
    ///
    /// # Errors
    /// The database does not answer; then nothing changed.
    pub async fn enqueue_planned(
        &self,
        delivery: Option<DeliveryId>,
        project: ProjectId,
        (change, specs): (&Change, &[JobSpec]),
        now: Timestamp,
    ) -> Result<Planned> {
        let tx = self.write().await?;
        let build = find_or_add_build(&tx, project, change, now).await?;
        let is_back = was_pushed_since(&tx, &build, change).await?;
        let there = builds::jobs_of(&tx, build.id).await?;
        let mut jobs = Vec::new();
        for spec in specs {
            match there.iter().find(|job| job.spec.origin == spec.origin) {
                None => jobs.push(jobs::add(&tx, &build, spec, now).await?),
                Some(job) if is_back && job.status.is_finished() => {
                    plan_again(&tx, job.id, spec, now).await?;
                    jobs.push(job.id);
                }
                Some(_) => {}
            }
        }
        if let Some(delivery) = delivery {
            let note = format!("{} jobs of build {}", jobs.len(), build.id);
            settle(&tx, delivery, HANDLED, Some(&note)).await?;
        }
        let build = builds::refresh(&tx, build.id, now).await?;
        tx.commit().await.context("commit planned jobs")?;
        Ok(Planned { build, jobs })
    }
}

/// Whether a build's commit was pushed once more since it was planned; from then on that push counts.
async fn was_pushed_since(
    tx: &DatabaseTransaction,
    build: &rows::build::Model,
    change: &Change,
) -> Result<bool> {
    let pushed_at = change.pushed_at.map(|at| at.0);
    if build.pushed_at.zip(pushed_at).is_none_or(|(before, now)| before >= now) {
        return Ok(false);
    }
    let row =
        rows::build::ActiveModel { id: Unchanged(build.id), pushed_at: Set(pushed_at), ..Default::default() };
    row.update(tx).await.context("note that a commit was pushed once more")?;
    Ok(true)
}

/// Lets a job that ended run once more, as it is planned now.
async fn plan_again(tx: &DatabaseTransaction, id: JobId, spec: &JobSpec, now: Timestamp) -> Result<()> {
    let row = rows::job::Entity::find_by_id(id.0).one(tx).await.context("find a job to run once more")?;
    attempts::again(tx, row.with_context(|| format!("there is no job {id}"))?, now).await?;
    let spec = Set(serde_json::to_string(spec)?);
    let row = rows::job::ActiveModel { id: Unchanged(id.0), spec, ..Default::default() };
    row.update(tx).await.context("plan a job anew")?;
    Ok(())
}

async fn find_or_add_build(
    tx: &DatabaseTransaction,
    project: ProjectId,
    change: &Change,
    now: Timestamp,
) -> Result<rows::build::Model> {
    let there = rows::build::Entity::find()
        .filter(rows::build::Column::ProjectId.eq(project.0))
        .filter(rows::build::Column::GitRef.eq(change.git_ref.to_string()))
        .filter(rows::build::Column::Sha.eq(change.sha.as_str()));
    if let Some(row) = there.one(tx).await.context("look for an earlier build")? {
        return complete(tx, row, change).await;
    }
    let last = rows::build::Entity::find()
        .filter(rows::build::Column::ProjectId.eq(project.0))
        .order_by_desc(rows::build::Column::Number);
    let last = last.one(tx).await.context("find the last build's number")?;
    let row = rows::build::ActiveModel {
        id: NotSet,
        project_id: Set(project.0),
        number: Set(last.map_or(0, |build| build.number) + 1),
        git_ref: Set(change.git_ref.to_string()),
        sha: Set(change.sha.to_string()),
        status: Set(Status::Enqueued.word().to_owned()),
        trigger: Set(serde_json::to_string(&change.trigger)?),
        author: Set(serde_json::to_string(&change.author)?),
        message: Set(change.message.clone().unwrap_or_default()),
        created_at: Set(now.0),
        started_at: Set(None),
        finished_at: Set(None),
        mailed: Set(None),
        pushed_at: Set(change.pushed_at.map(|at| at.0)),
        commits: Set(serde_json::to_string(&change.commits)?),
        hooked: Set(None),
    };
    let row = row.insert(tx).await.context("add a build")?;
    supersede(tx, &row, now).await?;
    Ok(row)
}

/// A build that began with a pull request lacks what only a push's payload tells.
async fn complete(
    tx: &DatabaseTransaction,
    row: rows::build::Model,
    change: &Change,
) -> Result<rows::build::Model> {
    if row.commits != NO_COMMITS || change.commits.is_empty() {
        return Ok(row);
    }
    let commits = Set(serde_json::to_string(&change.commits)?);
    let row = rows::build::ActiveModel { id: Unchanged(row.id), commits, ..Default::default() };
    row.update(tx).await.context("note a push's commits")
}

/// Cancels what hooks still have to do in older builds of the same ref, as far as the project wishes. The Auto Builder
/// makes an artifact of each push.
async fn supersede(tx: &DatabaseTransaction, newer: &rows::build::Model, now: Timestamp) -> Result<()> {
    let settings = projects::project_of(tx, newer.project_id).await?.settings;
    let mut superseded = Vec::new();
    if settings.cancel_waiting {
        superseded.push(Status::Enqueued);
    }
    if settings.cancel_running {
        superseded.push(Status::Pending);
    }
    // Few jobs wait or run, however many builds there are.
    let jobs = jobs::of_project(newer.project_id, &superseded);
    let why = format!("Canceled: build #{} has a newer push.", newer.number);
    let jobs = jobs.filter(rows::job::Column::Automatic.eq(false));
    for job in jobs.all(tx).await.context("list jobs that wait or run")? {
        let build =
            rows::build::Entity::find_by_id(job.build_id).one(tx).await.context("find a job's build")?;
        if build.is_some_and(|build| is_older(&build, newer)) {
            jobs::cancel(tx, &job, &why, now).await?;
            builds::refresh(tx, job.build_id, now).await?;
        }
    }
    Ok(())
}

/// Whether a build is of an earlier push to the same ref. Where the forge does not tell when that was, what came in
/// earlier counts as earlier.
fn is_older(build: &rows::build::Model, newer: &rows::build::Model) -> bool {
    let was_pushed_later = build.pushed_at.zip(newer.pushed_at).is_some_and(|(one, other)| one > other);
    build.git_ref == newer.git_ref && build.number < newer.number && !was_pushed_later
}

async fn add_call(tx: &DatabaseTransaction, delivery: DeliveryId, hook: HookId, build: i64) -> Result<()> {
    let row = rows::hook_call::ActiveModel {
        id: NotSet,
        hook_id: Set(hook.0),
        build_id: Set(build),
        delivery_id: Set(delivery.0),
    };
    row.insert(tx).await.context("note the hook's call")?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::{NOW, Stage};
    use sea_orm::{ConnectionTrait, DbBackend, QueryTrait, Statement};
    use std::time::Duration;

    async fn status(stage: &Stage, job: JobId) -> Status {
        stage.store.job_by_id(job).await.unwrap().unwrap().status
    }

    #[tokio::test]
    async fn an_old_push_that_is_delivered_late_cancels_nothing() {
        let stage = Stage::new().await;
        let newest = stage.push_at('b', Some(NOW)).await;
        let late = stage.push_at('a', Some(NOW.before(Duration::from_secs(60)))).await;
        assert_eq!(status(&stage, newest).await, Status::Enqueued);
        let unknown = stage.push_at('c', None).await;
        assert_eq!(status(&stage, newest).await, Status::Canceled, "what comes later counts as newer");
        assert_eq!(
            (status(&stage, late).await, status(&stage, unknown).await),
            (Status::Canceled, Status::Enqueued)
        );
    }

    #[tokio::test]
    async fn a_commit_that_a_branch_is_moved_back_to_is_built_once_more() {
        let stage = Stage::new().await;
        let minute = Duration::from_secs(60);
        let plan = async |digit, at| stage.plan(digit, at).await;
        let first = plan('a', NOW).await;
        assert_eq!(first.len(), 1);
        assert!(plan('a', NOW.after(minute)).await.is_empty(), "it is about to be built");
        stage.run(0).await;
        assert_eq!(plan('b', NOW.after(2 * minute)).await.len(), 1);
        assert!(plan('a', NOW.after(minute)).await.is_empty(), "the same push");
        assert_eq!(plan('a', NOW.after(3 * minute)).await, first);
        assert_eq!(status(&stage, first[0]).await, Status::Enqueued);
    }

    #[tokio::test]
    async fn what_waits_or_runs_is_found_without_reading_what_ended() {
        let stage = Stage::new().await;
        let query = jobs::of_project(1, &[Status::Enqueued, Status::Pending]).build(DbBackend::Sqlite);
        let plan = Statement::from_string(DbBackend::Sqlite, format!("EXPLAIN QUERY PLAN {query}"));
        let plan = stage.store.db.query_all_raw(plan).await.unwrap();
        let steps = plan.into_iter().map(|row| row.try_get::<String>("", "detail").unwrap());
        let steps = steps.collect::<Vec<_>>().join("; ");
        // By the project's jobs or by all that wait or run: few either way.
        assert!(steps.contains("status=?"), "{steps}");
    }
}
