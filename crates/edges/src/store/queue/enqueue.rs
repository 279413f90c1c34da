//! Turns a change into a build: hook call, build, job and the first commit status in one transaction.

use super::{
    Queue, approvals, attempts,
    choosing::chooses,
    jobs,
    moves::{self, Heard, NewMove, ProjectChange},
    refresh::refresh,
    superseded::{follow, supersede},
};
use crate::store::{
    database::Transaction,
    deliveries::{HANDLED, settle},
    read, rows,
};
use anyhow::{Context, Result};
use kozmic_model::{
    build::Build,
    event::Change,
    ids::{DeliveryId, HookId, JobId, ProjectId},
    job::Job,
    order::{UNPLACED, is_owed},
    spec::{JobSpec, Origin},
    status::Status,
    time::Timestamp,
};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::{NotSet, Set, Unchanged},
    ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
};

/// Text of a build's row without commits.
const NO_COMMITS: &str = "[]";

/// Outcome of a change.
#[derive(Debug)]
pub enum Enqueued {
    /// A job. Its build is new, or exists already: another hook's delivery began it, or its branch is back at its
    /// commit.
    Job(Box<Build>, JobId),
    /// No job: this hook has built this commit on this ref.
    BuiltBefore,
}

/// A delivery that called a hook.
#[derive(Clone, Copy, Debug)]
pub struct HookCall {
    /// The delivery.
    pub delivery: DeliveryId,
    /// The hook.
    pub hook: HookId,
}

impl Queue<'_> {
    /// Enqueues a job for a change that a delivery brought to a hook, and settles the delivery. If the ref is back at a
    /// commit whose job was stopped or could not be executed, the job gets another attempt, as it would be planned now.
    ///
    /// # Errors
    /// The database does not answer; then nothing changed.
    pub async fn enqueue(
        self,
        HookCall { delivery, hook }: HookCall,
        change: ProjectChange<'_>,
        spec: &JobSpec,
        now: Timestamp,
    ) -> Result<Enqueued> {
        self.db
            .change_in_parallel("a build", move |tx| async move {
                let tx = &tx;
                let landed = land(tx, change, Heard::Delivery(delivery), now).await?;
                let number = landed.build.number;
                let is_new = !landed.has_job_of(&spec.origin);
                let job = match is_new && was_called(tx, hook, landed.build.id).await? {
                    true => None,
                    false => landed.plan(tx, spec, now).await?,
                };
                let enqueued = match job {
                    Some(job) => {
                        if landed.is_of_newest && chooses(tx, hook).await? {
                            supersede(tx, &landed.build, now).await?;
                        }
                        if is_new {
                            add_call(tx, delivery, hook, landed.build.id).await?;
                        }
                        settle(tx, delivery, HANDLED, Some(&format!("job {job} of build #{number}"))).await?;
                        Enqueued::Job(Box::new(refresh(tx, landed.build.id, now).await?), job)
                    }
                    None => {
                        let note = format!("build #{number} has it already");
                        settle(tx, delivery, HANDLED, Some(&note)).await?;
                        Enqueued::BuiltBefore
                    }
                };
                Ok(enqueued)
            })
            .await
    }
}

/// Outcome of a change that came in at the Auto Builder's endpoint.
#[derive(Debug)]
pub struct Planned {
    /// The build that the change belongs to.
    pub build: Build,
    /// The jobs that are enqueued; none for jobs that were planned before.
    pub jobs: Vec<JobId>,
}

impl Queue<'_> {
    /// Enqueues jobs for a change of a project's repository: all or none. An origin that has a job in the build already
    /// gets no second one. If the commit was pushed once more since, because its branch was moved back to it, such a
    /// job may get another attempt, as it would be planned now.
    ///
    /// # Errors
    /// The database does not answer; then nothing changed.
    pub async fn enqueue_planned(
        self,
        heard: Heard,
        change: ProjectChange<'_>,
        specs: &[JobSpec],
        now: Timestamp,
    ) -> Result<Planned> {
        self.db
            .change_in_parallel("planned jobs", move |tx| async move {
                let tx = &tx;
                let landed = land(tx, change, heard, now).await?;
                let mut jobs = Vec::new();
                for spec in specs {
                    jobs.extend(landed.plan(tx, spec, now).await?);
                }
                if let Heard::Delivery(delivery) = heard {
                    let note = format!("{} jobs of build {}", jobs.len(), landed.build.id);
                    settle(tx, delivery, HANDLED, Some(&note)).await?;
                }
                let build = refresh(tx, landed.build.id, now).await?;
                Ok(Planned { build, jobs })
            })
            .await
    }
}

/// The build and the move of a change, and the jobs of the build.
struct Landed {
    build: rows::build::Model,
    /// The build's jobs, each with the move that caused its last attempt.
    jobs: Vec<(Job, Option<i64>)>,
    /// The number of the change's move, if the change counts as one.
    by: Option<i64>,
    /// True if that move led to the ref's newest build.
    is_newest: bool,
    /// True if the build is the newest of its ref, whichever move led there.
    is_of_newest: bool,
}

/// Finds or makes the build of a change, puts the builds of its ref in order, and changes their jobs accordingly. All
/// of the project's builds are locked from then on.
async fn land(
    tx: &Transaction,
    ProjectChange { project, change }: ProjectChange<'_>,
    heard: Heard,
    now: Timestamp,
) -> Result<Landed> {
    tx.lock_project(project.0).await?;
    approvals::end_for_others(tx, project, change, now).await?;
    let build = find_or_add_build(tx, project, change, now).await?;
    let by = match heard {
        // The delivery of this move, or of a newer one, is still on its way.
        Heard::Answer if moves::is_moving(tx, project, &change.git_ref, now).await? => None,
        heard => Some(moves::note(tx, project, &NewMove::from(change), heard, now).await?),
    };
    let order = moves::stand(tx, project, &change.git_ref, now).await?;
    follow(tx, project, &change.git_ref, (&order, heard), now).await?;
    let is_newest = by.is_some_and(|by| order.is_by(build.id, by));
    let is_of_newest = order.newest.is_some_and(|newest| newest.id == build.id);
    let jobs = jobs_of(tx, build.id).await?;
    Ok(Landed { build, jobs, by, is_newest, is_of_newest })
}

/// The jobs of a build, each with the move that caused its last attempt. They are locked from then on.
async fn jobs_of(tx: &Transaction, build: i64) -> Result<Vec<(Job, Option<i64>)>> {
    tx.lock_build(build).await?;
    let rows = rows::job::Entity::find()
        .filter(rows::job::Column::BuildId.eq(build))
        .order_by_asc(rows::job::Column::Id);
    let rows = tx.locking(rows).all(tx).await.context("list a build's jobs")?;
    let with_move = |row: rows::job::Model| {
        let by = row.move_id;
        read::job(row).map(|job| (job, by))
    };
    rows.into_iter().map(with_move).collect()
}

impl Landed {
    fn has_job_of(&self, origin: &Origin) -> bool {
        self.jobs.iter().any(|(job, _)| job.spec.origin == *origin)
    }

    /// Plans a job; gives it if this change causes an attempt.
    async fn plan(&self, tx: &Transaction, spec: &JobSpec, now: Timestamp) -> Result<Option<JobId>> {
        let there = self.jobs.iter().find(|(job, _)| job.spec.origin == spec.origin);
        let Some((job, by)) = there else {
            return jobs::add(tx, &self.build, spec, self.by, now).await.map(Some);
        };
        // One event arrives at several addresses, and may arrive twice.
        if !self.is_newest || *by == self.by {
            return Ok(None);
        }
        let is_owed = is_owed(job.status, spec.origin.is_automatic());
        if is_owed {
            let row =
                rows::job::Entity::find_by_id(job.id.0).one(tx).await.context("find a job to run again")?;
            attempts::again(tx, row.context("a job is gone")?, now).await?;
        }
        let begins = is_owed || job.status.is_waiting();
        let (spec, labels) = match begins {
            true => (Set(serde_json::to_string(spec)?), Set(spec.labels.to_string())),
            false => (NotSet, NotSet),
        };
        let (id, move_id) = (Unchanged(job.id.0), Set(self.by));
        let row = rows::job::ActiveModel { id, spec, labels, move_id, ..Default::default() };
        row.update(tx).await.context("plan a job anew")?;
        Ok(is_owed.then_some(job.id))
    }
}

async fn was_called(tx: &Transaction, hook: HookId, build: i64) -> Result<bool> {
    let called = rows::hook_call::Entity::find()
        .filter(rows::hook_call::Column::HookId.eq(hook.0))
        .filter(rows::hook_call::Column::BuildId.eq(build));
    Ok(called.count(tx).await.context("look for an earlier call")? > 0)
}

async fn find_or_add_build(
    tx: &Transaction,
    project: ProjectId,
    change: &Change,
    now: Timestamp,
) -> Result<rows::build::Model> {
    let there = rows::build::Entity::find()
        .filter(rows::build::Column::ProjectId.eq(project.0))
        .filter(rows::build::Column::GitRef.eq(change.git_ref.to_string()))
        .filter(rows::build::Column::Sha.eq(change.sha.as_str()));
    if let Some(row) = there.one(tx).await.context("look for an earlier build")? {
        let row = approvals::complete_pusher(tx, row, change, now).await?;
        return complete(tx, row, change).await;
    }
    let last = rows::build::Entity::find()
        .select_only()
        .column_as(rows::build::Column::Number.max(), "last")
        .filter(rows::build::Column::ProjectId.eq(project.0))
        .into_tuple::<Option<i64>>();
    let last = last.one(tx).await.context("find the last build's number")?.flatten();
    let row = rows::build::ActiveModel {
        id: NotSet,
        project_id: Set(project.0),
        number: Set(last.unwrap_or(0) + 1),
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
        position: Set(UNPLACED),
        ref_is_gone: Set(false),
        needs_approval: Set(change.is_held),
        pusher_id: Set(change.pusher.as_ref().map(|pusher| pusher.id.0)),
        pusher: Set(change.pusher.as_ref().map(|pusher| pusher.login.clone())),
    };
    row.insert(tx).await.context("add a build")
}

/// Adds the commits of a push to a build that began with a pull request: only the payload of a push has them.
async fn complete(tx: &Transaction, row: rows::build::Model, change: &Change) -> Result<rows::build::Model> {
    if row.commits != NO_COMMITS || change.commits.is_empty() {
        return Ok(row);
    }
    let commits = Set(serde_json::to_string(&change.commits)?);
    let row = rows::build::ActiveModel { id: Unchanged(row.id), commits, ..Default::default() };
    row.update(tx).await.context("note a push's commits")
}

async fn add_call(tx: &Transaction, delivery: DeliveryId, hook: HookId, build: i64) -> Result<()> {
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
    use crate::store::{
        Lane,
        tests::{NOW, Stage},
    };
    use sea_orm::{ConnectionTrait, DbBackend, QueryTrait, Statement};
    use std::time::Duration;

    async fn status(stage: &Stage, job: JobId) -> Status {
        stage.store.builds().job_by_id(job).await.unwrap().unwrap().status
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
    async fn a_job_is_as_new_as_the_push_that_it_is_for_whatever_its_builds_age() {
        let stage = Stage::new().await;
        let at = |minutes: u64| NOW.after(Duration::from_secs(60 * minutes));
        let plan = async |digit, minutes, scripts: &[&str]| {
            stage.plan_heard(stage.project, (digit, at(minutes)), scripts, at(minutes)).await
        };
        let waiting = plan('a', 0, &["build.sh"]).await;
        plan('b', 2, &["build.sh"]).await;
        let added = plan('a', 3, &["build.sh", "new.sh"]).await;
        let mut pushed = Vec::new();
        for _ in 0..3 {
            let claimed = stage.claim().await;
            assert_eq!(claimed.job.asked_at(claimed.pushed_at), Some(claimed.pushed_at));
            pushed.push((claimed.job.id, claimed.pushed_at));
        }
        assert_eq!((pushed[0], pushed[2]), ((waiting[0], at(3)), (added[0], at(3))), "of an old build");
        assert_eq!(pushed[1].1, at(2));
        let held = stage.store.queue().held_jobs(Lane::Containers, "here", NOW).await.unwrap();
        assert_eq!(held.iter().map(|held| (held.job.id, held.pushed_at)).collect::<Vec<_>>(), pushed);
    }

    /// Tests of SQLite's query plans.
    mod on_sqlite {
        use super::*;

        #[tokio::test]
        async fn what_waits_or_runs_is_found_without_reading_what_ended() {
            let stage = Stage::new().await;
            let query = jobs::of_project(1, &[Status::Enqueued, Status::Pending]).build(DbBackend::Sqlite);
            let plan = Statement::from_string(DbBackend::Sqlite, format!("EXPLAIN QUERY PLAN {query}"));
            let plan = stage.store.db.reader.query_all_raw(plan).await.unwrap();
            let steps = plan.into_iter().map(|row| row.try_get::<String>("", "detail").unwrap());
            let steps = steps.collect::<Vec<_>>().join("; ");
            // SQLite reads the project's jobs, or all jobs that wait or run: there are few of either.
            assert!(steps.contains("status=?"), "{steps}");
        }
    }
}
