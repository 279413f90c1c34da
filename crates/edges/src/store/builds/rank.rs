//! The rank of a build among the pushes of all projects: it decides where a stable link leads.

use super::Builds;
use crate::store::rows;
use anyhow::{Context, Result};
use kozmic_model::{ids::BuildId, time::Timestamp};
use sea_orm::EntityTrait;

impl Builds<'_> {
    /// Rank of a build among pushes.
    pub(in crate::store) async fn rank(self, build: BuildId) -> Result<Rank> {
        let row =
            rows::build::Entity::find_by_id(build.0).one(&self.db.reader).await.context("find a build")?;
        Ok(Rank::of(&row.with_context(|| format!("there is no build {build}"))?))
    }
}

/// Rank of a build among pushes.
#[derive(Clone, Copy, Debug)]
pub(in crate::store) struct Rank {
    project: i64,
    position: i64,
    pub(in crate::store) build: i64,
    /// The time when its commit was pushed, or else was heard of.
    pub(in crate::store) pushed_at: Timestamp,
}

impl Rank {
    pub(in crate::store) fn of(row: &rows::build::Model) -> Self {
        let rows::build::Model { id, project_id, position, pushed_at, created_at, .. } = *row;
        Self {
            project: project_id,
            position,
            build: id,
            pushed_at: Timestamp(pushed_at.unwrap_or(created_at)),
        }
    }

    /// Whether its push is the later one. Positions are a project's own: between projects, times have to do.
    pub(in crate::store) fn is_later_than(self, other: &Self) -> bool {
        match self.project == other.project {
            true => (self.position, self.build) > (other.position, other.build),
            false => (self.pushed_at, self.build) > (other.pushed_at, other.build),
        }
    }
}

/// Puts ranks of several projects in one order, the oldest first. A project's own keep theirs: what stands before
/// another one there came no later, whatever its time says.
pub(in crate::store) fn in_order(mut ranks: Vec<Rank>) -> Vec<Rank> {
    ranks.sort_by_key(|rank| (rank.project, rank.position, rank.build));
    let mut came_at = Vec::<(Timestamp, Rank)>::with_capacity(ranks.len());
    for rank in ranks {
        let before = came_at.last().filter(|(_, last)| last.project == rank.project);
        let at = before.map_or(rank.pushed_at, |(at, _)| rank.pushed_at.max(*at));
        came_at.push((at, rank));
    }
    came_at.sort_by_key(|(at, _)| *at);
    came_at.into_iter().map(|(_, rank)| rank).collect()
}
