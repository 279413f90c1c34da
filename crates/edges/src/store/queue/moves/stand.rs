//! The order of a ref's builds after a move became known.

use super::{
    builds::{builds_of, mark, newest, next_position, place},
    known::Known,
};
use crate::store::{database::Transaction, rows};
use anyhow::{Context, Result};
use kozmic_model::{
    git::{GitRef, Sha},
    ids::ProjectId,
    order::{Move, Order, Source, UNPLACED},
    time::Timestamp,
};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::{Set, Unchanged},
    ColumnTrait, QueryFilter,
};
use std::collections::{BTreeSet, HashMap};

/// The end of a ref's order after a move became known.
pub(in crate::store::queue) struct RefOrder {
    /// The ref's newest build.
    pub(in crate::store::queue) newest: Option<rows::build::Model>,
    /// The move that led to the newest build.
    by: Option<i64>,
    /// True if another build was the newest before.
    pub(in crate::store::queue) has_changed: bool,
    /// True if the ref is gone at the forge.
    pub(in crate::store::queue) is_gone: bool,
}

impl RefOrder {
    /// True if this move led to the ref's newest build, and the build is this one.
    pub(in crate::store::queue) fn is_by(&self, build: i64, id: i64) -> bool {
        self.newest.as_ref().is_some_and(|newest| newest.id == build) && self.by == Some(id)
    }
}

/// Puts the builds of a ref in the order of its moves. No job is changed.
pub(in crate::store::queue) async fn stand(
    tx: &Transaction,
    project: ProjectId,
    git_ref: &GitRef,
    now: Timestamp,
) -> Result<RefOrder> {
    let git_ref = git_ref.to_string();
    let known = Known::of(tx, project, &git_ref).await?;
    let order = Order::of(&known.moves);
    let was = newest(tx, project, &git_ref).await?;
    let mut builds = in_order(tx, project, &git_ref, &order, &known.commits).await?;
    if builds.last().is_none_or(|last| !known.leads_to(&last.sha)) {
        // All newer pushes caused no build, so the newest build stays.
        builds.extend(was.clone());
    }
    let last = builds.last();
    let has_changed = last.map(|last| last.id) != was.map(|was| was.id);
    let fresh = if has_changed { Some(next_position(tx, project).await?) } else { None };
    place(tx, &builds, fresh).await?;
    let is_gone = order.head().is_some_and(Sha::is_nowhere);
    mark(tx, project, &git_ref, is_gone, now).await?;
    let Some(last) = last else { return Ok(RefOrder { newest: None, by: None, has_changed, is_gone }) };
    let led = |one: &&&Move| known.commits.get(&one.id) == Some(&last.sha);
    let mut leading = order.moves.iter().rev().filter(led);
    note_pushed(tx, last, leading.clone().find(|one| one.before.is_some()).map(|one| one.at)).await?;
    let by = leading.find(|one| one.source == Source::Told).map(|one| one.id);
    Ok(RefOrder { newest: Some(last.clone()), by, has_changed, is_gone })
}

/// Notes the time at which a ref last came to a build. This time orders the builds of different projects.
async fn note_pushed(tx: &Transaction, build: &rows::build::Model, at: Option<Timestamp>) -> Result<()> {
    let Some(at) = at.filter(|at| build.pushed_at != Some(at.0)) else { return Ok(()) };
    let (id, pushed_at) = (Unchanged(build.id), Set(Some(at.0)));
    let row = rows::build::ActiveModel { id, pushed_at, ..Default::default() };
    row.update(tx).await.context("note when a ref came to a build")?;
    Ok(())
}

/// True if a build is the newest of its ref.
pub(in crate::store::queue) async fn is_newest(tx: &Transaction, build: &rows::build::Model) -> Result<bool> {
    let newest = newest(tx, ProjectId(build.project_id), &build.git_ref).await?;
    Ok(newest.is_some_and(|newest| newest.id == build.id))
}

/// The builds that moves led to, the oldest first. A new build whose move is not among the newest ones counts as older
/// than all.
async fn in_order(
    tx: &Transaction,
    project: ProjectId,
    git_ref: &str,
    order: &Order<'_>,
    commits: &HashMap<i64, String>,
) -> Result<Vec<rows::build::Model>> {
    let shas = commits.values().cloned().collect::<BTreeSet<_>>();
    // Two queries: each has an index. One query for both would read all builds of the ref.
    let led_there = builds_of(project, git_ref).filter(rows::build::Column::Sha.is_in(shas));
    let unplaced = builds_of(project, git_ref).filter(rows::build::Column::Position.eq(UNPLACED));
    let mut builds = led_there.all(tx).await.context("list a ref's builds")?;
    let unplaced = unplaced.all(tx).await.context("list a ref's new builds")?;
    builds.extend(unplaced.into_iter().filter(|build| !commits.values().any(|sha| *sha == build.sha)));
    let led_to = |one: &Move, sha: &String| commits.get(&one.id) == Some(sha);
    builds.sort_by_key(|build| (order.moves.iter().rposition(|one| led_to(one, &build.sha)), build.id));
    Ok(builds)
}
