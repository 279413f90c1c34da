//! Notes moves that cause no build, and the forge's answers about refs, with all consequences for older builds.

use super::{
    Queue,
    approvals::end_for_others,
    moves::{Heard, Known, NewMove, ProjectChange, RefAtForge, RefOrder, last, note, stand},
    superseded::follow,
};
use crate::store::{
    database::Transaction,
    deliveries::{IGNORED, settle},
    rows,
};
use anyhow::{Context, Result};
use kozmic_model::{
    event::Gone,
    git::GitRef,
    ids::{DeliveryId, ProjectId},
    order::Order,
    time::Timestamp,
};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect};

impl Queue<'_> {
    /// Notes a push that causes no build, with the reason, and settles its delivery. True if another build is the
    /// newest of its ref now.
    ///
    /// # Errors
    /// The database does not answer; then nothing changed.
    pub async fn pass_over(
        self,
        delivery: DeliveryId,
        ProjectChange { project, change }: ProjectChange<'_>,
        why: &str,
        now: Timestamp,
    ) -> Result<bool> {
        self.db
            .change_in_parallel("a move", move |tx| async move {
                let tx = &tx;
                tx.lock_project(project.0).await?;
                end_for_others(tx, project, change, now).await?;
                let order =
                    note_and_order(tx, project, &NewMove::from(change), Heard::Delivery(delivery), now)
                        .await?;
                settle(tx, delivery, IGNORED, Some(why)).await?;
                Ok(order.has_changed)
            })
            .await
    }

    /// Notes that a ref was deleted. Settles the delivery that told so.
    ///
    /// # Errors
    /// The database does not answer; then nothing changed.
    pub async fn note_gone(
        self,
        delivery: DeliveryId,
        project: ProjectId,
        gone: &Gone,
        now: Timestamp,
    ) -> Result<()> {
        let Gone { git_ref, before, after, at, why } = gone;
        let before = before.as_ref();
        let new = &NewMove { git_ref, before, after, sha: None, at: *at };
        self.db
            .change_in_parallel("a move", move |tx| async move {
                let tx = &tx;
                tx.lock_project(project.0).await?;
                note_and_order(tx, project, new, Heard::Delivery(delivery), now).await?;
                settle(tx, delivery, IGNORED, Some(why)).await?;
                Ok(())
            })
            .await
    }

    /// None if it is clear which push of a ref is the newest; otherwise the number of the newest known move.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn doubt(self, project: ProjectId, git_ref: &GitRef) -> Result<Option<i64>> {
        let moves = Known::of(&self.db.reader, project, &git_ref.to_string()).await?.moves;
        let last = moves.iter().map(|one| one.id).max();
        Ok(last.filter(|_| !Order::of(&moves).is_clear))
    }

    /// The refs with a move that became known since a time.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn refs_moved_since(self, since: Timestamp) -> Result<Vec<(ProjectId, GitRef)>> {
        let refs = rows::ref_move::Entity::find()
            .select_only()
            .columns([rows::ref_move::Column::ProjectId, rows::ref_move::Column::GitRef])
            .filter(rows::ref_move::Column::CreatedAt.gte(since.0))
            .distinct();
        let refs =
            refs.into_tuple::<(i64, String)>().all(&self.db.reader).await.context("list moved refs")?;
        refs.into_iter().map(|(project, git_ref)| Ok((ProjectId(project), git_ref.parse()?))).collect()
    }

    /// The number of a ref's move that became known last.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn last_move(self, project: ProjectId, git_ref: &GitRef) -> Result<Option<i64>> {
        Ok(last(&self.db.reader, project, &git_ref.to_string()).await?.map(|last| last.id))
    }

    /// Notes the commit at which the forge says that a ref is, if no other move became known since the question. An
    /// answer that the ref is unknown counts only if a deletion was told, too. Otherwise the repository may just be
    /// invisible.
    ///
    /// # Errors
    /// The database does not answer; then nothing changed.
    pub async fn note_seen(
        self,
        project: ProjectId,
        RefAtForge { git_ref, sha, last_known }: RefAtForge<'_>,
        now: Timestamp,
    ) -> Result<()> {
        self.db
            .change_in_parallel("what the forge said of a ref", move |tx| async move {
                let tx = &tx;
                tx.lock_project(project.0).await?;
                let moves = Known::of(tx, project, &git_ref.to_string()).await?.moves;
                let gone = moves.iter().map(|one| &one.after).find(|after| after.is_nowhere());
                let Some(after) = sha.or(gone).filter(|_| moves.iter().all(|one| one.id <= last_known))
                else {
                    return Ok(());
                };
                let new = NewMove { git_ref, before: None, after, sha, at: None };
                note_and_order(tx, project, &new, Heard::Answer, now).await?;
                Ok(())
            })
            .await
    }
}

/// Notes a move, and puts the builds of its ref in order.
async fn note_and_order(
    tx: &Transaction,
    project: ProjectId,
    new: &NewMove<'_>,
    heard: Heard,
    now: Timestamp,
) -> Result<RefOrder> {
    note(tx, project, new, heard, now).await?;
    let order = stand(tx, project, new.git_ref, now).await?;
    follow(tx, project, new.git_ref, (&order, heard), now).await?;
    Ok(order)
}
