//! The rank of a build among the pushes of all projects: it decides to which artifact a stable link leads.

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
    /// The time when the commit was pushed; if that is not known, the time when the build was made.
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

    /// True if this push is later than the other. Positions count only inside of a project: between projects, times
    /// decide.
    pub(in crate::store) fn is_later_than(self, other: &Self) -> bool {
        match self.project == other.project {
            true => (self.position, self.build) > (other.position, other.build),
            false => (self.pushed_at, self.build) > (other.pushed_at, other.build),
        }
    }
}

/// Sorts the ranks of several projects, the oldest first. The ranks of one project keep their own order: an earlier
/// position counts as an earlier push, even if its time is later.
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
