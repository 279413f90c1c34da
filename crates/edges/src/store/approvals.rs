//! Approvals: a fork's commit is held until somebody who manages the project has looked at it.

use super::{Store, attempts, builds, moves::is_newest, rows};
use anyhow::{Context, Result};
use kozmic_model::{
    audit::{Action, Deed},
    build::Build,
    event::Change,
    git::{GitRef, Sha},
    ids::{BuildId, JobId, ProjectId, UserId},
    status::Status,
    time::Timestamp,
};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::{NotSet, Set, Unchanged},
    ColumnTrait, Condition, DatabaseTransaction, EntityTrait, PaginatorTrait, QueryFilter, QuerySelect,
    QueryTrait,
    sea_query::Expr,
};

/// The reason why a job is held.
const WHY: &str =
    "It is held: a fork's code runs only after somebody who manages the project has looked at it.";

/// The wish that a build of a fork's commit runs.
#[derive(Clone, Copy, Debug)]
pub struct Approval<'a> {
    /// The build.
    pub build: BuildId,
    /// The commit that was looked at.
    pub sha: &'a Sha,
    /// Whether later pushes to the pull request by the same person are approved with it.
    pub is_for_all: bool,
    /// The person who looked.
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

impl Store {
    /// Notes that somebody approved a fork's commit, and lets what is held of its build go on.
    ///
    /// # Errors
    /// There is no such build, or the database does not answer; then nothing changed.
    pub async fn approve(&self, asked: Approval<'_>, now: Timestamp) -> Result<Approved> {
        let tx = self.write().await?;
        let row = rows::build::Entity::find_by_id(asked.build.0).one(&tx).await.context("find a build")?;
        let row = row.context("there is no such build")?;
        let Some(number) = number_of(&row.git_ref.parse()?) else { return Ok(Approved::NotHeld) };
        if row.sha != asked.sha.as_str() || row.ref_is_gone || !is_newest(&tx, &row).await? {
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
        approval.insert(&tx).await.context("note an approval")?;
        let jobs = release(&tx, row.id, now).await?;
        if jobs.is_empty() {
            return Ok(Approved::NotHeld);
        }
        let build = builds::refresh(&tx, row.id, now).await?;
        let more = if asked.is_for_all { ", and what the same person pushes later" } else { "" };
        let subject = format!("#{} at {}{more}", build.number, build.sha.short());
        self.note(&tx, Deed::new(Action::BuildApproved, Some(build.project), &subject)).await?;
        tx.commit().await.context("commit an approval")?;
        Ok(Approved::Jobs(Box::new(build), jobs))
    }

    /// The logins of the people who approved a build's commit, or all that its pusher pushes to its pull request.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn approved_by(&self, build: &Build) -> Result<Vec<String>> {
        let row = rows::build::Entity::find_by_id(build.id.0).one(&self.db).await.context("find a build")?;
        let Some(approvals) = row.as_ref().and_then(approvals_of) else { return Ok(Vec::new()) };
        let approvals = rows::approval::Entity::find().filter(approvals);
        let people = approvals.select_only().column(rows::approval::Column::UserId).into_query();
        let people = rows::user::Entity::find().filter(rows::user::Column::Id.in_subquery(people));
        let people = people.all(&self.db).await.context("list who approved a build")?;
        Ok(people.into_iter().map(|person| person.login).collect())
    }
}

/// Contents of the row of a job of a build that begins to wait: for a runner, or for an approval before that.
pub(super) async fn waiting(
    tx: &DatabaseTransaction,
    build: &rows::build::Model,
    now: Timestamp,
) -> Result<rows::job::ActiveModel> {
    let waits = attempts::waiting(now);
    Ok(match is_held(tx, build).await? {
        true => rows::job::ActiveModel {
            status: Set(Status::Held.word().to_owned()),
            reason: Set(Some(WHY.to_owned())),
            queued_at: Set(None),
            ..waits
        },
        false => waits,
    })
}

/// Takes in what a change says of a build that is there, which may have been heard of without a delivery: it needs no
/// approval if who pushed it needs none, and what is approved of its pusher's commits is approved of it.
pub(super) async fn take_in(
    tx: &DatabaseTransaction,
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

/// Ends what was approved of a pull request for all pushes of one person, as another one pushes who needs approval.
pub(super) async fn end_for_others(
    tx: &DatabaseTransaction,
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

/// Lets what is held of a build wait for a runner.
async fn release(tx: &DatabaseTransaction, build: i64, now: Timestamp) -> Result<Vec<JobId>> {
    let held = rows::job::Entity::find()
        .filter(rows::job::Column::BuildId.eq(build))
        .filter(rows::job::Column::Status.eq(Status::Held.word()));
    let mut released = Vec::new();
    for job in held.all(tx).await.context("list held jobs")? {
        let waits = rows::job::ActiveModel { id: Unchanged(job.id), ..attempts::waiting(now) };
        waits.update(tx).await.context("let a held job go on")?;
        released.push(JobId(job.id));
    }
    Ok(released)
}

async fn is_held(tx: &DatabaseTransaction, build: &rows::build::Model) -> Result<bool> {
    if !build.needs_approval {
        return Ok(false);
    }
    let Some(approvals) = approvals_of(build) else { return Ok(true) };
    let approvals = rows::approval::Entity::find().filter(approvals);
    Ok(approvals.count(tx).await.context("look for an approval")? == 0)
}

/// The approvals that hold for a build: of its commit, or of all that its pusher pushes there.
fn approvals_of(build: &rows::build::Model) -> Option<Condition> {
    let number = number_of(&build.git_ref.parse().ok()?)?;
    let of_commit = Condition::any().add(rows::approval::Column::Sha.eq(&build.sha));
    let of_both = match build.pusher_id {
        Some(pusher) => of_commit.add(
            Condition::all()
                .add(rows::approval::Column::PusherId.eq(pusher))
                .add(rows::approval::Column::EndedAt.is_null()),
        ),
        None => of_commit,
    };
    Some(
        Condition::all()
            .add(rows::approval::Column::ProjectId.eq(build.project_id))
            .add(rows::approval::Column::PullRequest.eq(number))
            .add(of_both),
    )
}

fn number_of(git_ref: &GitRef) -> Option<i64> {
    match git_ref {
        GitRef::PullRequest(number) => i64::try_from(*number).ok(),
        GitRef::Branch(_) | GitRef::Tag(_) => None,
    }
}
