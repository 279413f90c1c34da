//! The builds of one ref: finds them, and sets their positions in its order.

use crate::store::{
    database::Transaction,
    queue::refresh::{is_elsewhere, tell_again},
    rows,
};
use anyhow::{Context, Result};
use kozmic_model::{
    ids::ProjectId,
    order::{STRIDE, UNPLACED, positions},
    time::Timestamp,
};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::{Set, Unchanged},
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select,
    sea_query::Expr,
};

/// Largest number of builds of a ref whose statuses are sent to the forge again after the ref was deleted or came back:
/// the newest ones.
const TOLD_AGAIN: u64 = 50;

pub(in crate::store) fn builds_of(project: ProjectId, git_ref: &str) -> Select<rows::build::Entity> {
    rows::build::Entity::find()
        .filter(rows::build::Column::ProjectId.eq(project.0))
        .filter(rows::build::Column::GitRef.eq(git_ref))
}

/// The build that was the newest of a ref so far.
pub(in crate::store) async fn newest(
    db: &impl ConnectionTrait,
    project: ProjectId,
    git_ref: &str,
) -> Result<Option<rows::build::Model>> {
    let placed = builds_of(project, git_ref)
        .filter(rows::build::Column::Position.ne(UNPLACED))
        .order_by_desc(rows::build::Column::Position);
    placed.one(db).await.context("find a ref's newest build")
}

pub(in crate::store) async fn next_position(tx: &Transaction, project: ProjectId) -> Result<i64> {
    let highest = rows::build::Entity::find()
        .select_only()
        .column_as(rows::build::Column::Position.max(), "highest")
        .filter(rows::build::Column::ProjectId.eq(project.0))
        .into_tuple::<Option<i64>>();
    let highest = highest.one(tx).await.context("find the highest position")?.flatten();
    Ok(highest.unwrap_or(0).max(0) + STRIDE)
}

/// Sets the positions of builds, which are given with the oldest first.
pub(in crate::store) async fn place(
    tx: &Transaction,
    builds: &[rows::build::Model],
    fresh: Option<i64>,
) -> Result<()> {
    let present = builds.iter().map(|build| build.position).collect::<Vec<_>>();
    for (build, position) in builds.iter().zip(positions(&present, fresh)) {
        if build.position != position {
            let (id, position) = (Unchanged(build.id), Set(position));
            let row = rows::build::ActiveModel { id, position, ..Default::default() };
            row.update(tx).await.context("put a build in order")?;
        }
    }
    Ok(())
}

/// The builds of a ref with this mark, the newest first.
pub(in crate::store) fn marked(
    project: ProjectId,
    git_ref: &str,
    is_gone: bool,
) -> Select<rows::build::Entity> {
    builds_of(project, git_ref)
        .filter(rows::build::Column::RefIsGone.eq(is_gone))
        .order_by_desc(rows::build::Column::Position)
}

/// Marks a ref's builds: the ref is gone, or it is there. The result of a build counts for its commit only while its
/// ref is there.
pub(in crate::store) async fn mark(
    tx: &Transaction,
    project: ProjectId,
    git_ref: &str,
    is_gone: bool,
    now: Timestamp,
) -> Result<()> {
    let newest = marked(project, git_ref, !is_gone).limit(TOLD_AGAIN);
    let newest = newest.all(tx).await.context("list builds of a ref that went or came")?;
    if newest.is_empty() {
        return Ok(());
    }
    rows::build::Entity::update_many()
        .col_expr(rows::build::Column::RefIsGone, Expr::value(is_gone))
        .filter(rows::build::Column::ProjectId.eq(project.0))
        .filter(rows::build::Column::GitRef.eq(git_ref))
        .exec(tx)
        .await
        .context("note whether a ref is there")?;
    for build in newest {
        if is_elsewhere(tx, &build).await? {
            tell_again(tx, &build, now).await?;
        }
    }
    Ok(())
}
