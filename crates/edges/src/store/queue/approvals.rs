//! Approvals: a fork's commit is held until a person who manages the project has looked at it.

use super::{
    Queue,
    moves::is_newest,
    refresh::refresh,
    waiting::{for_runner, is_held, number_of},
};
use crate::store::{database::Transaction, rows};
use anyhow::{Context, Result};
use kozmic_model::{
    audit::{Action, Deed},
    build::Build,
    event::Change,
    git::Sha,
    ids::{BuildId, JobId, ProjectId, UserId},
    status::Status,
    time::Timestamp,
};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::{NotSet, Set, Unchanged},
    ColumnTrait, EntityTrait, QueryFilter,
    sea_query::Expr,
};

/// A request to let the jobs of a fork's build go on.
#[derive(Clone, Copy, Debug)]
pub struct Approval<'a> {
    /// The build.
    pub build: BuildId,
    /// The commit that the person looked at.
    pub sha: &'a Sha,
    /// True if later pushes to the pull request by the same pusher are approved, too.
    pub is_for_all: bool,
    /// The person who looked at the commit.
    pub by: UserId,
}

/// Outcome of an approval.
#[derive(Debug)]
pub enum Approved {
    /// These jobs of the build wait for a runner now.
    Jobs(Box<Build>, Vec<JobId>),
    /// The pull request is at another commit by now.
    Moved,
    /// Nothing of the build is held.
    NotHeld,
}

impl Queue<'_> {
    /// Notes that a person approved a fork's commit, and lets the held jobs of its build go on.
    ///
    /// # Errors
    /// There is no such build, or the database does not answer; then nothing changed.
    pub async fn approve(self, asked: Approval<'_>, now: Timestamp) -> Result<Approved> {
        self.db
            .change_in_parallel("an approval", move |tx| async move {
                let tx = &tx;
                tx.lock_build_and_project(asked.build.0).await?;
                let row =
                    rows::build::Entity::find_by_id(asked.build.0).one(tx).await.context("find a build")?;
                let row = row.context("there is no such build")?;
                let Some(number) = number_of(&row.git_ref.parse()?) else { return Ok(Approved::NotHeld) };
                if row.sha != asked.sha.as_str() || row.ref_is_gone || !is_newest(tx, &row).await? {
                    return Ok(Approved::Moved);
                }
                let approval = rows::approval::ActiveModel {
                    id: NotSet,
                    project_id: Set(row.project_id),
                    pull_request: Set(number),
                    sha: Set(row.sha.clone()),
                    user_id: Set(asked.by.0),
                    at: Set(now.0),
                    pusher_id: Set(row.pusher_id.filter(|_| asked.is_for_all)),
                    ended_at: Set(None),
                };
                let jobs = release(tx, row.id, now).await?;
                if jobs.is_empty() {
                    return Ok(Approved::NotHeld);
                }
                approval.insert(tx).await.context("note an approval")?;
                let build = refresh(tx, row.id, now).await?;
                let more = if asked.is_for_all { ", and what the same person pushes later" } else { "" };
                let subject = format!("#{} at {}{more}", build.number, build.sha.short());
                tx.note(Deed::new(Action::BuildApproved, Some(build.project), &subject)).await?;
                Ok(Approved::Jobs(Box::new(build), jobs))
            })
            .await
    }
}

/// Completes an existing build with facts of a change: the build may have become known without a delivery. It needs no
/// approval if its pusher needs none. Approvals of the pusher's commits apply to the build, too.
pub(in crate::store) async fn complete_pusher(
    tx: &Transaction,
    build: rows::build::Model,
    change: &Change,
    now: Timestamp,
) -> Result<rows::build::Model> {
    let pusher = change.pusher.as_ref().filter(|_| build.pusher_id.is_none());
    if !build.needs_approval || (change.is_held && pusher.is_none()) {
        return Ok(build);
    }
    let known = rows::build::ActiveModel {
        id: Unchanged(build.id),
        needs_approval: Set(change.is_held),
        pusher_id: pusher.map_or(NotSet, |pusher| Set(Some(pusher.id.0))),
        pusher: pusher.map_or(NotSet, |pusher| Set(Some(pusher.login.clone()))),
        ..Default::default()
    };
    let build = known.update(tx).await.context("note who pushed a build's commit")?;
    if !is_held(tx, &build).await? {
        release(tx, build.id, now).await?;
    }
    Ok(build)
}

/// Ends approvals that hold for all pushes of one person to a pull request, when another person who needs approval
/// pushes to it.
pub(in crate::store) async fn end_for_others(
    tx: &Transaction,
    project: ProjectId,
    change: &Change,
    now: Timestamp,
) -> Result<()> {
    let (Some(pusher), true) = (&change.pusher, change.is_held) else { return Ok(()) };
    let Some(number) = number_of(&change.git_ref) else { return Ok(()) };
    rows::approval::Entity::update_many()
        .col_expr(rows::approval::Column::EndedAt, Expr::value(now.0))
        .filter(rows::approval::Column::ProjectId.eq(project.0))
        .filter(rows::approval::Column::PullRequest.eq(number))
        .filter(rows::approval::Column::PusherId.ne(pusher.id.0))
        .filter(rows::approval::Column::EndedAt.is_null())
        .exec(tx)
        .await
        .context("end approvals of a pull request")?;
    Ok(())
}

/// Lets the held jobs of a build wait for a runner; gives them.
async fn release(tx: &Transaction, build: i64, now: Timestamp) -> Result<Vec<JobId>> {
    let held = rows::job::Entity::find()
        .filter(rows::job::Column::BuildId.eq(build))
        .filter(rows::job::Column::Status.eq(Status::Held.word()));
    let mut released = Vec::new();
    for job in held.all(tx).await.context("list held jobs")? {
        let waits = rows::job::ActiveModel { id: Unchanged(job.id), ..for_runner(now) };
        waits.update(tx).await.context("let a held job go on")?;
        released.push(JobId(job.id));
    }
    Ok(released)
}
