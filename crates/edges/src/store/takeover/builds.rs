//! Takes over builds of another installation with their jobs, one page in a transaction.

use super::{
    Foreign, LARGEST_ID, Taken, Takeover,
    new_build::{NewBuild, NewJob},
    notes::{free_id, note, own_id},
    places::Places,
};
use crate::store::{database::Transaction, queue::follow_jobs, read, rows};
use anyhow::{Context, Result};
use kozmic_model::{
    event::Trigger,
    git::GitRef,
    ids::{BuildId, HookId, JobId, ProjectId},
    time::Timestamp,
};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::{NotSet, Set, Unchanged},
    ColumnTrait, EntityTrait, QueryFilter, QueryOrder,
    sea_query::OnConflict,
};

/// The installation from which builds of a project come.
#[derive(Clone, Copy, Debug)]
pub struct ForeignBuilds<'a> {
    /// The name of the installation.
    pub source: &'a str,
    /// The largest id of a build there.
    pub largest_build: i64,
    /// The largest id of a job there.
    pub largest_job: i64,
    /// The largest number of a build of the project there.
    pub largest_number: i64,
    /// Beginning of the take-over: no row of the other installation is newer.
    pub now: Timestamp,
}

/// The number of the attempt as which a job is taken over.
pub(in crate::store) const FIRST: i32 = 1;

/// Outcome for a build of another installation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BuildTaken {
    /// The build is here.
    Here {
        /// True if the build was not here before.
        is_new: bool,
        /// Its id here.
        id: BuildId,
        /// Its number here.
        number: i64,
        /// The outcomes for its jobs, in their order.
        jobs: Vec<Taken<JobId>>,
    },
    /// The build was here before, and somebody removed it since.
    Gone,
    /// Another build here has the same branch and commit; the number of that build.
    Clash(i64),
}

impl Takeover<'_> {
    /// Takes over some builds of a project with their jobs, as first attempts. The caller writes the logs.
    ///
    /// # Errors
    /// The database does not answer; then nothing changed.
    pub async fn import_builds(
        self,
        from: ForeignBuilds<'_>,
        project: ProjectId,
        builds: &[NewBuild],
    ) -> Result<Vec<BuildTaken>> {
        self.db
            .change("a take-over of builds", move |tx| async move {
                let tx = &tx;
                let mut places = Places::of(tx, from.source, project, from.now).await?;
                let mut taken = Vec::with_capacity(builds.len());
                for build in builds {
                    taken.push(import(tx, from, &mut places, build).await?);
                }
                Ok(taken)
            })
            .await
    }
}

async fn import(
    tx: &Transaction,
    from: ForeignBuilds<'_>,
    places: &mut Places,
    new: &NewBuild,
) -> Result<BuildTaken> {
    let project = places.project;
    let foreign = Foreign { source: from.source, id: new.foreign_id, largest: from.largest_build };
    let (row, is_new) = match own_id(tx, "build", foreign).await? {
        Some(id) => {
            let row = rows::build::Entity::find_by_id(id).one(tx).await.context("find a build")?;
            match row.filter(|row| row.project_id == project.0) {
                Some(row) => (row, false),
                None => return Ok(BuildTaken::Gone),
            }
        }
        None => match same_commit(tx, project, new).await? {
            Some(number) => return Ok(BuildTaken::Clash(number)),
            None => {
                let number = free_number(tx, project, new.number, from.largest_number).await?;
                (add_build(tx, places, number, new, foreign).await?, true)
            }
        },
    };
    let mut jobs = Vec::with_capacity(new.jobs.len());
    for job in &new.jobs {
        let foreign = Foreign { source: from.source, id: job.foreign_id, largest: from.largest_job };
        jobs.push(import_job(tx, foreign, project, &row, job).await?);
    }
    if jobs.iter().any(|job| matches!(job, Taken::Over(_) | Taken::Followed(_))) {
        follow_jobs(tx, row.id).await?;
    }
    Ok(BuildTaken::Here { is_new, id: BuildId(row.id), number: row.number, jobs })
}

async fn same_commit(tx: &Transaction, project: ProjectId, new: &NewBuild) -> Result<Option<i64>> {
    let row = rows::build::Entity::find()
        .filter(rows::build::Column::ProjectId.eq(project.0))
        .filter(rows::build::Column::GitRef.eq(new.git_ref.to_string()))
        .filter(rows::build::Column::Sha.eq(new.sha.as_str()));
    Ok(row.one(tx).await.context("look for a build in the way")?.map(|row| row.number))
}

/// The build's number in the other installation, if it is free here; otherwise a number above all others. The other
/// installation counted without a lock, and sometimes gave a number twice.
async fn free_number(tx: &Transaction, project: ProjectId, wanted: i64, largest: i64) -> Result<i64> {
    let of_project = rows::build::Entity::find().filter(rows::build::Column::ProjectId.eq(project.0));
    let taken = of_project.clone().filter(rows::build::Column::Number.eq(wanted));
    if (1..=LARGEST_ID).contains(&wanted)
        && taken.one(tx).await.context("look whether a number is free")?.is_none()
    {
        return Ok(wanted);
    }
    let last = of_project.order_by_desc(rows::build::Column::Number).one(tx).await;
    let last = last.context("find the last number")?.map_or(0, |row| row.number);
    Ok(last.max(largest) + 1)
}

async fn add_build(
    tx: &Transaction,
    places: &mut Places,
    number: i64,
    new: &NewBuild,
    foreign: Foreign<'_>,
) -> Result<rows::build::Model> {
    let row = rows::build::ActiveModel {
        id: Set(free_id::<rows::build::Entity>(tx, foreign).await?),
        project_id: Set(places.project.0),
        number: Set(number),
        git_ref: Set(new.git_ref.to_string()),
        sha: Set(new.sha.to_string()),
        status: Set(new.status.word().to_owned()),
        trigger: Set(serde_json::to_string(&Trigger::Push)?),
        author: Set(serde_json::to_string(&new.author)?),
        message: Set(new.message.clone()),
        created_at: Set(new.created_at.0),
        started_at: Set(None),
        finished_at: Set(Some(new.created_at.0)),
        mailed: Set(None),
        pushed_at: Set(None),
        commits: Set("[]".to_owned()),
        hooked: Set(Some(new.status.word().to_owned())),
        position: Set(places.take(tx, new, foreign).await?),
        ref_is_gone: Set(false),
        needs_approval: Set(matches!(new.git_ref, GitRef::PullRequest(_))),
        pusher_id: Set(None),
        pusher: Set(None),
    };
    let row = row.insert(tx).await.context("take over a build")?;
    note(tx, "build", foreign, row.id).await?;
    places.note_move(tx, new, foreign.id, row.id).await?;
    Ok(row)
}

async fn import_job(
    tx: &Transaction,
    foreign: Foreign<'_>,
    project: ProjectId,
    build: &rows::build::Model,
    new: &NewJob,
) -> Result<Taken<JobId>> {
    if let Some(id) = own_id(tx, "job", foreign).await? {
        let row = rows::job::Entity::find_by_id(id).one(tx).await.context("find a job")?;
        return match row.filter(|row| row.build_id == build.id) {
            Some(row) => follow_job(tx, row, new).await,
            None => Ok(Taken::Gone),
        };
    }
    // 0 is not a valid id, so the job gets another one.
    let wanted = Foreign { id: if new.may_keep_id { foreign.id } else { 0 }, ..foreign };
    let row = rows::job::ActiveModel {
        id: Set(free_id::<rows::job::Entity>(tx, wanted).await?),
        build_id: Set(build.id),
        project_id: Set(project.0),
        spec: Set(serde_json::to_string(&new.spec)?),
        status: Set(new.status.word().to_owned()),
        attempt: Set(FIRST),
        interruptions: Set(0),
        ending: Set(None),
        cache_key: Set(None),
        reason: Set(new.reason.clone()),
        return_code: Set(new.return_code),
        cancel_requested: Set(false),
        runner: Set(None),
        lease_until: Set(None),
        container: Set(None),
        phases: Set("[]".to_owned()),
        created_at: Set(new.created_at.0),
        queued_at: Set(Some(new.created_at.0)),
        started_at: Set(new.started_at.map(|time| time.0)),
        finished_at: Set(Some(new.finished_at.0)),
        kind: Set(new.spec.origin.word().to_owned()),
        automatic: Set(new.spec.origin.is_automatic()),
        move_id: Set(None),
        canceled_by: Set(None),
        labels: Set(String::new()),
        is_from_fork: Set(read::is_from_fork(build)),
        claim: Set(None),
    };
    let id = row.insert(tx).await.context("take over a job")?.id;
    note(tx, "job", foreign, id).await?;
    if let Some(hook) = new.hook {
        note_call(tx, hook, build.id).await?;
    }
    Ok(Taken::Over(JobId(id)))
}

/// Updates a job that changed in the other installation after it was taken over. A job with a new attempt here belongs
/// to Kozmic and stays.
async fn follow_job(tx: &Transaction, row: rows::job::Model, new: &NewJob) -> Result<Taken<JobId>> {
    let id = JobId(row.id);
    let now = (new.status.word(), new.return_code, Some(new.finished_at.0));
    if row.attempt != FIRST || (row.status.as_str(), row.return_code, row.finished_at) == now {
        return Ok(Taken::There(id));
    }
    let row = rows::job::ActiveModel {
        id: Unchanged(row.id),
        status: Set(new.status.word().to_owned()),
        reason: Set(new.reason.clone()),
        return_code: Set(new.return_code),
        started_at: Set(new.started_at.map(|time| time.0)),
        finished_at: Set(Some(new.finished_at.0)),
        ..Default::default()
    };
    row.update(tx).await.context("follow a job")?;
    Ok(Taken::Followed(id))
}

/// Notes a hook call, so that a push that the forge delivers once more is not built once more.
async fn note_call(tx: &Transaction, hook: HookId, build: i64) -> Result<()> {
    let row = rows::hook_call::ActiveModel {
        id: NotSet,
        hook_id: Set(hook.0),
        build_id: Set(build),
        // The delivery does not exist here.
        delivery_id: Set(0),
    };
    let known = OnConflict::columns([rows::hook_call::Column::HookId, rows::hook_call::Column::BuildId])
        .do_nothing_on([rows::hook_call::Column::Id])
        .to_owned();
    let insert = rows::hook_call::Entity::insert(row).on_conflict(known);
    insert.exec_without_returning(tx).await.context("note a hook's call")?;
    Ok(())
}
