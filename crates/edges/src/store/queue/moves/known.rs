//! The known moves of a ref, read from the database.

use crate::store::{database::Transaction, rows};
use anyhow::{Context, Result};
use kozmic_model::{
    git::GitRef,
    ids::ProjectId,
    order::{Move, Source},
    time::Timestamp,
};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select};
use std::{collections::HashMap, time::Duration};

/// Number of a ref's moves that are linked to find their order. An older move counts by its time.
const NEWEST: u64 = 50;

/// The newest moves of a ref.
pub(in crate::store::queue) struct Known {
    pub(in crate::store::queue) moves: Vec<Move>,
    /// The commits that the moves led to, by the number of the move.
    pub(in crate::store::queue) commits: HashMap<i64, String>,
}

impl Known {
    pub(in crate::store::queue) async fn of(
        db: &impl ConnectionTrait,
        project: ProjectId,
        git_ref: &str,
    ) -> Result<Self> {
        let rows = of_ref(project, git_ref)
            .order_by_desc(rows::ref_move::Column::At)
            .order_by_desc(rows::ref_move::Column::Id)
            .limit(NEWEST);
        let (mut moves, mut commits) = (Vec::new(), HashMap::new());
        for row in rows.all(db).await.context("list a ref's moves")? {
            let before = row.before.as_deref().map(str::parse).transpose()?;
            let source = if row.source == Source::Seen.word() { Source::Seen } else { Source::Told };
            moves.push(Move { id: row.id, before, after: row.after.parse()?, at: Timestamp(row.at), source });
            commits.extend(row.sha.map(|sha| (row.id, sha)));
        }
        Ok(Self { moves, commits })
    }

    pub(in crate::store::queue) fn leads_to(&self, sha: &String) -> bool {
        self.commits.values().any(|commit| commit == sha)
    }
}

/// The moves of a ref.
pub(in crate::store) fn of_ref(project: ProjectId, git_ref: &str) -> Select<rows::ref_move::Entity> {
    rows::ref_move::Entity::find()
        .filter(rows::ref_move::Column::ProjectId.eq(project.0))
        .filter(rows::ref_move::Column::GitRef.eq(git_ref))
}

/// The move of a ref that became known last.
pub(in crate::store::queue) async fn last(
    db: &impl ConnectionTrait,
    project: ProjectId,
    git_ref: &str,
) -> Result<Option<rows::ref_move::Model>> {
    let last = of_ref(project, git_ref).order_by_desc(rows::ref_move::Column::Id);
    last.one(db).await.context("find a ref's last move")
}

/// True if moves of a ref came in within the last minute: the forge's answer may be older than those moves.
pub(in crate::store::queue) async fn is_moving(
    tx: &Transaction,
    project: ProjectId,
    git_ref: &GitRef,
    now: Timestamp,
) -> Result<bool> {
    let last = last(tx, project, &git_ref.to_string()).await?;
    Ok(last.is_some_and(|last| now.since(Timestamp(last.created_at)) < Duration::from_secs(60)))
}
