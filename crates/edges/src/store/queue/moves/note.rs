//! Notes a move, once for each event at the forge.

use super::{
    Heard, NewMove,
    known::{self, of_ref},
};
use crate::store::{database::Transaction, rows};
use anyhow::{Context, Result};
use kozmic_model::{
    git::Sha,
    ids::ProjectId,
    order::{BLUR, Source},
    time::Timestamp,
};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::{NotSet, Set},
    ColumnTrait, EntityTrait, QueryFilter, QuerySelect,
    sea_query::Expr,
};
use std::time::Duration;

/// Prefix of the names of moves that were made from a build, not from a delivery. Such a build is older than the table
/// of moves, or another installation made it.
pub(in crate::store) const OF_BUILD: &str = "build:";

/// Notes a move, once for each event at the forge; gives its number.
pub(in crate::store::queue) async fn note(
    tx: &Transaction,
    project: ProjectId,
    new: &NewMove<'_>,
    heard: Heard,
    now: Timestamp,
) -> Result<i64> {
    let git_ref = new.git_ref.to_string();
    let of_ref = || of_ref(project, &git_ref);
    let uuid = match heard.delivery() {
        Some(id) => {
            let row = rows::delivery::Entity::find_by_id(id.0).one(tx).await.context("find a delivery")?;
            row.with_context(|| format!("there is no delivery {id}"))?.uuid
        }
        None => {
            let last = known::last(tx, project, &git_ref).await?;
            format!("seen:{}", last.map_or(0, |last| last.id))
        }
    };
    let known = of_ref().filter(rows::ref_move::Column::Uuid.eq(&uuid));
    if let Some(known) = known.one(tx).await.context("look for a move")? {
        return Ok(known.id);
    }
    let latest = of_ref().select_only().column_as(rows::ref_move::Column::At.max(), "at");
    let (at, source) = match heard {
        // The answer is newer than all known moves.
        Heard::Answer => {
            let latest = latest.into_tuple::<Option<i64>>().one(tx).await.context("find the latest move")?;
            (latest.flatten().unwrap_or(now.0), Source::Seen)
        }
        Heard::Delivery(_) | Heard::Unsettled(_) => (new.at.unwrap_or(now).0, Source::Told),
    };
    let row = rows::ref_move::ActiveModel {
        id: NotSet,
        project_id: Set(project.0),
        git_ref: Set(git_ref.clone()),
        uuid: Set(uuid),
        before: Set(new.before.map(Sha::to_string)),
        after: Set(new.after.to_string()),
        sha: Set(new.sha.map(Sha::to_string)),
        at: Set(at),
        source: Set(source.word().to_owned()),
        created_at: Set(now.0),
    };
    let id = row.insert(tx).await.context("note a move")?.id;
    set_clock_right(tx, project, new).await?;
    Ok(id)
}

/// Corrects the time of another installation's build if that installation's clock was ahead: a push that follows the
/// build's commit is always later.
async fn set_clock_right(tx: &Transaction, project: ProjectId, new: &NewMove<'_>) -> Result<()> {
    let (Some(before), Some(at)) = (new.before, new.at) else { return Ok(()) };
    let git_ref = new.git_ref.to_string();
    let latest = at.before(BLUR + Duration::from_millis(1)).0;
    let ahead = of_ref(project, &git_ref)
        .filter(rows::ref_move::Column::Uuid.starts_with(OF_BUILD))
        .filter(rows::ref_move::Column::After.eq(before.as_str()))
        .filter(rows::ref_move::Column::At.gt(latest));
    let Some(ahead) = ahead.one(tx).await.context("look for a clock that was ahead")? else { return Ok(()) };
    rows::ref_move::Entity::update_many()
        .col_expr(rows::ref_move::Column::At, Expr::value(latest))
        .filter(rows::ref_move::Column::ProjectId.eq(project.0))
        .filter(rows::ref_move::Column::GitRef.eq(&git_ref))
        .filter(rows::ref_move::Column::Uuid.starts_with(OF_BUILD))
        .filter(rows::ref_move::Column::Id.lte(ahead.id))
        .filter(rows::ref_move::Column::At.gt(latest))
        .exec(tx)
        .await
        .context("set right when another installation heard of pushes")?;
    Ok(())
}
