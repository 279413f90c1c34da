//! Cancels the jobs that the newest push of a ref supersedes, and gives them another attempt if their push is the
//! newest after all.

use super::{
    attempts::again,
    cancel::cancel,
    choosing::spared,
    jobs,
    moves::{Heard, RefOrder, is_newest},
    refresh::refresh,
};
use crate::store::{configuration::is_in_force, database::Transaction, read, rows};
use anyhow::{Context, Result};
use kozmic_model::{
    git::GitRef, ids::ProjectId, job::CanceledBy, spec::Origin, status::Status, time::Timestamp,
};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, Select};
use std::collections::BTreeSet;

/// Changes the jobs of a ref's builds after their order changed. If another build is the newest now, unfinished jobs
/// of older builds are canceled as far as the project's settings say, and the newest build's jobs that a push canceled get
/// another attempt. If the ref is gone, held jobs are canceled.
pub(super) async fn follow(
    tx: &Transaction,
    project: ProjectId,
    git_ref: &GitRef,
    (order, heard): (&RefOrder, Heard),
    now: Timestamp,
) -> Result<()> {
    if order.is_gone {
        cancel_held(tx, project, &git_ref.to_string(), now).await?;
    }
    if let Some(newest) = order.newest.as_ref().filter(|_| order.has_changed) {
        supersede(tx, newest, now).await?;
        resume(tx, newest, matches!(heard, Heard::Answer), now).await?;
    }
    Ok(())
}

/// Cancels unfinished jobs of hooks in older builds of a ref, as far as the project's settings say. Jobs of the Auto
/// Builder go on, because it makes an artifact of each push.
///
/// Jobs of a hook that chooses among pushes go on as well, unless the newest build has a job of it.
pub(super) async fn supersede(tx: &Transaction, newest: &rows::build::Model, now: Timestamp) -> Result<()> {
    let settings = read::project_of(tx, newest.project_id).await?.settings;
    // A commit that nobody has approved so far cannot be approved any more.
    let mut superseded = vec![Status::Held];
    if settings.cancel_waiting {
        superseded.push(Status::Enqueued);
    }
    if settings.cancel_running {
        superseded.push(Status::Pending);
    }
    // Few jobs wait or run, however many builds there are.
    let jobs = jobs::of_project(newest.project_id, &superseded);
    let why = format!("Canceled: build #{} has a newer push.", newest.number);
    let jobs = jobs.filter(rows::job::Column::Automatic.eq(false));
    let is_older = |build: &rows::build::Model| build.git_ref == newest.git_ref && build.id != newest.id;
    let spared = spared(tx, newest).await?;
    // The spec of a job is read only if it may be spared.
    let is_spared = |job: &rows::job::Model| {
        !spared.is_empty()
            && job.status != Status::Held.word()
            && read::job(job.clone()).is_ok_and(|job| spared.contains(&job.spec.origin))
    };
    cancel_of(tx, jobs, |build, job| is_older(build) && !is_spared(job), (&why, now)).await
}

/// Cancels the held jobs of a pull request that was closed. They are held again if the pull request is opened once
/// more.
async fn cancel_held(tx: &Transaction, project: ProjectId, git_ref: &str, now: Timestamp) -> Result<()> {
    let held = jobs::of_project(project.0, &[Status::Held]);
    let is_of_it = |build: &rows::build::Model, _: &_| build.git_ref == git_ref;
    cancel_of(tx, held, is_of_it, ("Canceled: the pull request was closed.", now)).await
}

/// Cancels those of some jobs that meet a condition with their builds.
async fn cancel_of(
    tx: &Transaction,
    jobs: Select<rows::job::Entity>,
    is_meant: impl Fn(&rows::build::Model, &rows::job::Model) -> bool,
    (why, now): (&str, Timestamp),
) -> Result<()> {
    // Each change that locks several builds or jobs takes them in the order of their numbers.
    let jobs = jobs.order_by_asc(rows::job::Column::BuildId).order_by_asc(rows::job::Column::Id);
    let jobs = jobs.all(tx).await.context("list jobs that wait or run")?;
    let builds = jobs.iter().map(|job| job.build_id).collect::<BTreeSet<_>>();
    let builds = rows::build::Entity::find().filter(rows::build::Column::Id.is_in(builds));
    let builds = builds.all(tx).await.context("list the builds of jobs that wait or run")?;
    let is_meant = |job: &&rows::job::Model| {
        builds.iter().find(|build| build.id == job.build_id).is_some_and(|build| is_meant(build, job))
    };
    for job in jobs.iter().filter(is_meant) {
        cancel(tx, job, why, Some(CanceledBy::Push), now).await?;
        refresh(tx, job.build_id, now).await?;
    }
    Ok(())
}

/// Gives another attempt to the jobs of a build that newer pushes canceled, because the build is the newest after all.
/// If this follows from the forge's answer and not from a new push, the Auto Builder's jobs get another attempt, too:
/// their links must lead to this build. A configuration that is in force is not read again for that.
pub(in crate::store) async fn resume(
    tx: &Transaction,
    build: &rows::build::Model,
    is_answer: bool,
    now: Timestamp,
) -> Result<()> {
    let jobs = rows::job::Entity::find().filter(rows::job::Column::BuildId.eq(build.id));
    let is_in_force = is_answer && is_in_force(tx, &build.sha).await?;
    let mut has_changed = false;
    for job in jobs.all(tx).await.context("list a build's jobs")? {
        let is_finished = job.status.parse::<Status>()?.is_finished();
        let was_superseded = job.canceled_by.as_deref() == Some(CanceledBy::Push.word());
        let is_done = is_in_force && job.kind == Origin::Configuration.word();
        if is_finished && (was_superseded || (is_answer && job.automatic && !is_done)) {
            again(tx, job, now).await?;
            has_changed = true;
        }
    }
    if has_changed {
        refresh(tx, build.id, now).await?;
    }
    Ok(())
}

/// Gives a job another attempt that just ended because a newer push canceled it, if its build is the newest by now. The
/// row is the job's before its end.
pub(super) async fn resume_ended(tx: &Transaction, held: &rows::job::Model, now: Timestamp) -> Result<()> {
    if held.canceled_by.as_deref() != Some(CanceledBy::Push.word()) {
        return Ok(());
    }
    let row = rows::job::Entity::find_by_id(held.id).one(tx).await.context("find a job that ended")?;
    let row = row.context("a job is gone")?;
    let build = rows::build::Entity::find_by_id(row.build_id).one(tx).await.context("find a job's build")?;
    if row.status == Status::Canceled.word() && is_newest(tx, &build.context("a job has no build")?).await? {
        again(tx, row, now).await?;
    }
    Ok(())
}
