//! Hooks that choose among the pushes of a ref, by the message for instance. A newer push that does not wake such a
//! hook supersedes none of its jobs: the older push may have what no later one has.

use crate::store::{database::Transaction, read, rows};
use anyhow::{Context, Result};
use kozmic_model::{ids::HookId, spec::Origin};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

/// True if the hook chooses.
pub(super) async fn chooses(tx: &Transaction, hook: HookId) -> Result<bool> {
    let row = rows::hook::Entity::find_by_id(hook.0).one(tx).await.context("find a hook's rules")?;
    Ok(row.map(read::hook).transpose()?.is_some_and(|hook| hook.settings.wake.chooses()))
}

/// The origins of jobs that a newest build does not supersede, because it has no job of them.
pub(super) async fn spared(tx: &Transaction, newest: &rows::build::Model) -> Result<Vec<Origin>> {
    let hooks = rows::hook::Entity::find().filter(rows::hook::Column::ProjectId.eq(newest.project_id));
    let mut spared = Vec::new();
    for row in hooks.all(tx).await.context("list hooks' rules")? {
        let hook = read::hook(row)?;
        if hook.settings.wake.chooses() {
            spared.push(Origin::Hook(hook.id));
        }
    }
    if !spared.is_empty() {
        let jobs = rows::job::Entity::find().filter(rows::job::Column::BuildId.eq(newest.id));
        for row in jobs.all(tx).await.context("list the newest build's jobs")? {
            let origin = read::job(row)?.spec.origin;
            spared.retain(|one| *one != origin);
        }
    }
    Ok(spared)
}
