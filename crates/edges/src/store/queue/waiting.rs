//! Rows of jobs that begin to wait: for a runner, or for an approval before that.

use crate::store::{database::Transaction, read, rows};
use anyhow::{Context, Result};
use kozmic_model::{git::GitRef, status::Status, time::Timestamp};
use sea_orm::{ActiveValue::Set, ColumnTrait, Condition, EntityTrait, PaginatorTrait, QueryFilter};

/// The reason why a job is held.
const WHY: &str =
    "It is held: a fork's code runs only after somebody who manages the project has looked at it.";

/// Contents of a job's row when the job begins to wait: for a runner, or for an approval before that.
pub(super) async fn waiting(
    tx: &Transaction,
    build: &rows::build::Model,
    now: Timestamp,
) -> Result<rows::job::ActiveModel> {
    let is_from_fork = Set(read::is_from_fork(build));
    let waits = rows::job::ActiveModel { is_from_fork, ..for_runner(now) };
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

pub(super) async fn is_held(tx: &Transaction, build: &rows::build::Model) -> Result<bool> {
    if !build.needs_approval {
        return Ok(false);
    }
    let Some(approvals) = approvals_of(build) else { return Ok(true) };
    let approvals = rows::approval::Entity::find().filter(approvals);
    Ok(approvals.count(tx).await.context("look for an approval")? == 0)
}

/// The approvals that apply to a build: approvals of its commit, or of all pushes of its pusher to the pull request.
pub(in crate::store) fn approvals_of(build: &rows::build::Model) -> Option<Condition> {
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

pub(super) fn number_of(git_ref: &GitRef) -> Option<i64> {
    match git_ref {
        GitRef::PullRequest(number) => i64::try_from(*number).ok(),
        GitRef::Branch(_) | GitRef::Tag(_) => None,
    }
}

/// Contents of a job's row when the job waits for a runner, for the first time or once more.
pub(super) fn for_runner(since: Timestamp) -> rows::job::ActiveModel {
    rows::job::ActiveModel {
        status: Set(Status::Enqueued.word().to_owned()),
        reason: Set(None),
        return_code: Set(None),
        cancel_requested: Set(false),
        canceled_by: Set(None),
        runner: Set(None),
        lease_until: Set(None),
        container: Set(None),
        cache_key: Set(None),
        ending: Set(None),
        phases: Set("[]".to_owned()),
        queued_at: Set(Some(since.0)),
        started_at: Set(None),
        finished_at: Set(None),
        ..Default::default()
    }
}
