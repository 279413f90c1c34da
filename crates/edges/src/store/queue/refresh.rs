//! Brings builds in line with their jobs, and notes the news that follow from that.

use super::jobs;
use crate::store::{
    database::Transaction,
    outbox::{self, Subject},
    read, rows,
};
use anyhow::{Context, Result};
use kozmic_model::{build::Build, commit_status::CommitState, ids::BuildId, status::Status, time::Timestamp};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::{Set, Unchanged},
    ColumnTrait, EntityTrait, QueryFilter, QueryOrder,
    sea_query::Order,
};

/// Brings a build's status and times in line with its jobs. If the forge or people must be told something else now,
/// messages go into the outbox in the same transaction.
pub(super) async fn refresh(tx: &Transaction, build: i64, now: Timestamp) -> Result<Build> {
    tx.lock_build(build).await?;
    refresh_row(tx, row_of(tx, build).await?, now).await
}

/// The same for a build that was just locked and read.
pub(super) async fn refresh_row(
    tx: &Transaction,
    before: rows::build::Model,
    now: Timestamp,
) -> Result<Build> {
    let (was, mailed) = (hooked(&before)?, before.mailed.clone());
    let row = put_in_line(tx, before).await?;
    let (position, is, build) = (row.position, hooked(&row)?, read::build(row)?);
    // The result of all hooks is reported as one. Each job of the Auto Builder reports its own result.
    let Some(status) = is else { return Ok(build) };
    if was.map(CommitState::from) != is.map(CommitState::from)
        || (was != is && [was, is].contains(&Some(Status::Held)))
    {
        outbox::put(tx, Subject::CommitStatus(build.id), now).await?;
    }
    if is_news(was.unwrap_or(Status::Enqueued), status)
        && verdict(tx, &build, Beside::After(position)).await?.is_none()
        && (is_bad(status)
            || status == Status::Held
            || was_bad(tx, &build, mailed.as_deref(), position).await?)
    {
        outbox::put(tx, Subject::News(build.id), now).await?;
        let mailed = Set(Some(status.word().to_owned()));
        let row = rows::build::ActiveModel { id: Unchanged(build.id.0), mailed, ..Default::default() };
        row.update(tx).await.context("note what people are told of a build")?;
    }
    Ok(build)
}

/// Brings a build's row in line with its jobs, without a message to anybody.
pub(in crate::store) async fn follow_jobs(tx: &Transaction, build: i64) -> Result<()> {
    let row = row_of(tx, build).await?;
    put_in_line(tx, row).await.map(drop)
}

async fn row_of(tx: &Transaction, build: i64) -> Result<rows::build::Model> {
    let row = rows::build::Entity::find_by_id(build).one(tx).await.context("find a build")?;
    row.with_context(|| format!("there is no build {build}"))
}

async fn put_in_line(tx: &Transaction, build: rows::build::Model) -> Result<rows::build::Model> {
    let jobs = rows::job::Entity::find().filter(rows::job::Column::BuildId.eq(build.id));
    let jobs = jobs.all(tx).await.context("list a build's jobs")?;
    let change = in_line(&jobs)?;
    tx.change_row(build, change).await.context("bring a build in line with its jobs")
}

/// The columns of a build that follow from its jobs.
fn in_line(jobs: &[rows::job::Model]) -> Result<rows::build::ActiveModel> {
    let statuses = jobs.iter().map(|job| job.status.parse()).collect::<Result<Vec<Status>, _>>()?;
    let hooks = jobs.iter().zip(&statuses).filter(|(job, _)| !job.automatic).map(|(_, status)| *status);
    let hooks = hooks.collect::<Vec<_>>();
    let all_finished = statuses.iter().all(|status| status.is_finished());
    Ok(rows::build::ActiveModel {
        status: Set(Status::of_build(&statuses).word().to_owned()),
        hooked: Set((!hooks.is_empty()).then(|| Status::of_build(&hooks).word().to_owned())),
        started_at: Set(jobs.iter().filter_map(|job| job.started_at).min()),
        finished_at: Set(jobs.iter().filter_map(|job| job.finished_at).max().filter(|_| all_finished)),
        ..Default::default()
    })
}

/// The status of a build's hooks together; none if the build has no jobs of hooks.
fn hooked(build: &rows::build::Model) -> Result<Option<Status>> {
    Ok(build.hooked.as_deref().map(str::parse).transpose()?)
}

/// True if members may want to know: the build just failed, just succeeded, or is held now.
fn is_news(was: Status, status: Status) -> bool {
    match status {
        Status::Failure | Status::Error => !is_bad(was),
        Status::Success | Status::Held => was != status,
        Status::Enqueued | Status::Pending | Status::Canceled => false,
    }
}

fn is_bad(status: Status) -> bool {
    matches!(status, Status::Failure | Status::Error)
}

/// True if a success means that a failure is over. The last message about this build decides. If there was no message
/// about it, the last verdict on its ref decides.
async fn was_bad(tx: &Transaction, build: &Build, mailed: Option<&str>, position: i64) -> Result<bool> {
    if let Some(word) = mailed.filter(|word| *word != Status::Held.word()) {
        return Ok(word != Status::Success.word());
    }
    let before = verdict(tx, build, Beside::Before(position)).await?;
    Ok(before.is_some_and(|word| word != Status::Success.word()))
}

/// The side of a position in a ref's order.
enum Beside {
    Before(i64),
    After(i64),
}

/// The status of the nearest build of the same ref on one side, among the builds that ended with success, failure or
/// error.
async fn verdict(tx: &Transaction, build: &Build, beside: Beside) -> Result<Option<String>> {
    let (side, order) = match beside {
        Beside::Before(position) => (rows::build::Column::Position.lt(position), Order::Desc),
        Beside::After(position) => (rows::build::Column::Position.gt(position), Order::Asc),
    };
    let verdicts = [Status::Success, Status::Failure, Status::Error].map(Status::word);
    let nearest = rows::build::Entity::find()
        .filter(rows::build::Column::ProjectId.eq(build.project.0))
        .filter(rows::build::Column::GitRef.eq(build.git_ref.to_string()))
        .filter(side)
        .filter(rows::build::Column::Hooked.is_in(verdicts))
        .order_by(rows::build::Column::Position, order);
    Ok(nearest.one(tx).await.context("find the nearest verdict")?.and_then(|nearest| nearest.hooked))
}

/// True if another build of the project has the same commit.
pub(super) async fn is_elsewhere(tx: &Transaction, build: &rows::build::Model) -> Result<bool> {
    let others = rows::build::Entity::find()
        .filter(rows::build::Column::ProjectId.eq(build.project_id))
        .filter(rows::build::Column::Sha.eq(&build.sha))
        .filter(rows::build::Column::Id.ne(build.id));
    Ok(others.one(tx).await.context("look for a commit's other builds")?.is_some())
}

/// Puts all commit statuses of a build into the outbox once more.
pub(super) async fn tell_again(tx: &Transaction, build: &rows::build::Model, now: Timestamp) -> Result<()> {
    if build.hooked.is_some() {
        outbox::put(tx, Subject::CommitStatus(BuildId(build.id)), now).await?;
    }
    let jobs = rows::job::Entity::find().filter(rows::job::Column::BuildId.eq(build.id));
    for job in jobs.all(tx).await.context("list a build's jobs")? {
        jobs::tell(tx, &job, now).await?;
    }
    Ok(())
}
