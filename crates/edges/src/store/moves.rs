//! Moves of refs, and the place of each build in the order of its ref by that.

mod note;
mod known;
mod stand;
mod builds;
#[cfg(test)]
mod tests;

pub(super) use builds::newest;
pub(super) use known::{is_moving, of_ref};
pub(super) use note::{OF_BUILD, heard_at, note};
use stand::Standing;
pub(super) use stand::{is_newest, stand};

use super::{
    Store,
    deliveries::{IGNORED, settle},
    rows,
};
use anyhow::{Context, Result};
use known::Known;
use kozmic_model::{
    event::{Change, Gone},
    git::{GitRef, Sha},
    ids::{DeliveryId, ProjectId},
    order::Order,
    time::Timestamp,
};
use sea_orm::{ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter, QuerySelect};

/// A change of a project's repository.
#[derive(Clone, Copy, Debug)]
pub struct ProjectChange<'a> {
    /// The project.
    pub project: ProjectId,
    /// The change.
    pub change: &'a Change,
}

/// The place of a ref, as the forge says.
#[derive(Clone, Copy, Debug)]
pub struct RefAtForge<'a> {
    /// The ref.
    pub git_ref: &'a GitRef,
    /// The commit; none: it does not know the ref.
    pub sha: Option<&'a Sha>,
    /// The number of the newest move that was known when it was asked.
    pub last_known: i64,
}

/// A move as it becomes known.
pub(super) struct NewMove<'a> {
    pub(super) git_ref: &'a GitRef,
    pub(super) before: Option<&'a Sha>,
    pub(super) after: &'a Sha,
    /// The commit, if it is at one.
    pub(super) sha: Option<&'a Sha>,
    pub(super) at: Option<Timestamp>,
}

impl<'a> From<&'a Change> for NewMove<'a> {
    fn from(change: &'a Change) -> Self {
        let Change { git_ref, sha, before, after, pushed_at, .. } = change;
        Self { git_ref, before: before.as_ref(), after, sha: Some(sha), at: *pushed_at }
    }
}

/// The way in which a move was heard of.
#[derive(Clone, Copy, Debug)]
pub enum Heard {
    /// By a delivery, which is settled together with what follows from it.
    Delivery(DeliveryId),
    /// By a delivery that more is to come of.
    Unsettled(DeliveryId),
    /// The forge was asked.
    Answer,
}

impl Heard {
    pub(super) fn delivery(self) -> Option<DeliveryId> {
        match self {
            Self::Delivery(id) | Self::Unsettled(id) => Some(id),
            Self::Answer => None,
        }
    }
}

impl Store {
    /// Notes a push that nothing is built of, and why. Settles its delivery. Whether another build is the newest of its ref by
    /// that.
    ///
    /// # Errors
    /// The database does not answer; then nothing changed.
    pub async fn pass_over(
        &self,
        delivery: DeliveryId,
        ProjectChange { project, change }: ProjectChange<'_>,
        why: &str,
        now: Timestamp,
    ) -> Result<bool> {
        let tx = self.write().await?;
        let standing = take_in(&tx, project, &NewMove::from(change), Heard::Delivery(delivery), now).await?;
        settle(&tx, delivery, IGNORED, Some(why)).await?;
        tx.commit().await.context("commit a move")?;
        Ok(standing.has_changed)
    }

    /// Notes that a ref is gone. Settles the delivery that told of it.
    ///
    /// # Errors
    /// The database does not answer; then nothing changed.
    pub async fn note_gone(
        &self,
        delivery: DeliveryId,
        project: ProjectId,
        gone: &Gone,
        now: Timestamp,
    ) -> Result<()> {
        let Gone { git_ref, before, after, at, why } = gone;
        let before = before.as_ref();
        let new = NewMove { git_ref, before, after, sha: None, at: *at };
        let tx = self.write().await?;
        take_in(&tx, project, &new, Heard::Delivery(delivery), now).await?;
        settle(&tx, delivery, IGNORED, Some(why)).await?;
        tx.commit().await.context("commit a move")
    }

    /// Whether there is no doubt which push of a ref is the newest; else the number of the newest move that is known.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn doubt(&self, project: ProjectId, git_ref: &GitRef) -> Result<Option<i64>> {
        let moves = Known::of(&self.db, project, &git_ref.to_string()).await?.moves;
        let last = moves.iter().map(|one| one.id).max();
        Ok(last.filter(|_| !Order::of(&moves).is_clear))
    }

    /// The refs of which a move became known since a time.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn refs_moved_since(&self, since: Timestamp) -> Result<Vec<(ProjectId, GitRef)>> {
        let refs = rows::ref_move::Entity::find()
            .select_only()
            .columns([rows::ref_move::Column::ProjectId, rows::ref_move::Column::GitRef])
            .filter(rows::ref_move::Column::CreatedAt.gte(since.0))
            .distinct();
        let refs = refs.into_tuple::<(i64, String)>().all(&self.db).await.context("list moved refs")?;
        refs.into_iter().map(|(project, git_ref)| Ok((ProjectId(project), git_ref.parse()?))).collect()
    }

    /// The number of the move of a ref that became known last.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn last_move(&self, project: ProjectId, git_ref: &GitRef) -> Result<Option<i64>> {
        Ok(known::last(&self.db, project, &git_ref.to_string()).await?.map(|last| last.id))
    }

    /// Notes where the forge says that a ref is, if no other move became known since it was asked. That it does not know
    /// the ref counts if a deletion was told of, too; else it may be that the repository is not to be seen.
    ///
    /// # Errors
    /// The database does not answer; then nothing changed.
    pub async fn note_seen(
        &self,
        project: ProjectId,
        RefAtForge { git_ref, sha, last_known }: RefAtForge<'_>,
        now: Timestamp,
    ) -> Result<()> {
        let tx = self.write().await?;
        let moves = Known::of(&tx, project, &git_ref.to_string()).await?.moves;
        let gone = moves.iter().map(|one| &one.after).find(|after| after.is_nowhere());
        let Some(after) = sha.or(gone).filter(|_| moves.iter().all(|one| one.id <= last_known)) else {
            return Ok(());
        };
        let new = NewMove { git_ref, before: None, after, sha, at: None };
        take_in(&tx, project, &new, Heard::Answer, now).await?;
        tx.commit().await.context("commit what the forge said of a ref")
    }
}

/// Writes a move down, and brings the builds of its ref in order.
async fn take_in(
    tx: &DatabaseTransaction,
    project: ProjectId,
    new: &NewMove<'_>,
    heard: Heard,
    now: Timestamp,
) -> Result<Standing> {
    note(tx, project, new, heard, now).await?;
    stand(tx, project, new.git_ref, heard, now).await
}
