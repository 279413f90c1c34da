//! Notes about rows that were taken over, and ids for new rows.

use super::{Foreign, LARGEST_ID};
use crate::store::{database::Transaction, rows};
use anyhow::{Context, Result};
use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, PrimaryKeyTrait, QueryFilter, Statement,
    sea_query::OnConflict,
};

/// The id here of a row that was taken over. The row here may be gone.
pub(in crate::store) async fn own_id(
    tx: &Transaction,
    kind: &'static str,
    foreign: Foreign<'_>,
) -> Result<Option<i64>> {
    let row = rows::imported::Entity::find()
        .filter(rows::imported::Column::Kind.eq(kind))
        .filter(rows::imported::Column::Source.eq(foreign.source))
        .filter(rows::imported::Column::ForeignId.eq(foreign.id));
    Ok(row.one(tx).await.context("look for an earlier take-over")?.map(|row| row.own_id))
}

/// Notes the id here of a row that was taken over, in place of an earlier note.
pub(in crate::store) async fn note(
    tx: &Transaction,
    kind: &'static str,
    foreign: Foreign<'_>,
    own: i64,
) -> Result<()> {
    let row = rows::imported::ActiveModel {
        id: NotSet,
        source: Set(foreign.source.to_owned()),
        kind: Set(kind.to_owned()),
        foreign_id: Set(foreign.id),
        own_id: Set(own),
    };
    let key =
        [rows::imported::Column::Kind, rows::imported::Column::Source, rows::imported::Column::ForeignId];
    let newest = OnConflict::columns(key).update_column(rows::imported::Column::OwnId).to_owned();
    let insert = rows::imported::Entity::insert(row).on_conflict(newest);
    insert.exec_without_returning(tx).await.context("note a take-over")?;
    Ok(())
}

/// Deletes the notes about rows, so that other rows may have their ids.
pub(in crate::store) async fn forget(
    tx: &Transaction,
    source: &str,
    kind: &str,
    foreign_ids: &[i64],
) -> Result<()> {
    for some in foreign_ids.chunks(500) {
        let rows = rows::imported::Entity::delete_many()
            .filter(rows::imported::Column::Kind.eq(kind))
            .filter(rows::imported::Column::Source.eq(source))
            .filter(rows::imported::Column::ForeignId.is_in(some.to_vec()));
        rows.exec(tx).await.context("forget a take-over")?;
    }
    Ok(())
}

/// The row's id in the other installation, if no row has it here, so that addresses stay the same. Otherwise an id
/// above all that exist or ever existed here, so that later rows still find their own ids free.
pub(in crate::store) async fn free_id<E>(tx: &Transaction, foreign: Foreign<'_>) -> Result<i64>
where
    E: EntityTrait + Default,
    <E::PrimaryKey as PrimaryKeyTrait>::ValueType: From<i64>,
{
    let wanted = foreign.id;
    if (1..=LARGEST_ID).contains(&wanted)
        && E::find_by_id(wanted).one(tx).await.context("look whether an id is free")?.is_none()
    {
        return Ok(wanted);
    }
    let query = "SELECT seq FROM sqlite_sequence WHERE name = ?";
    let query = Statement::from_sql_and_values(DbBackend::Sqlite, query, [E::default().table_name().into()]);
    let last = tx.query_one_raw(query).await.context("find the last id")?;
    let last = last.map(|row| row.try_get_by_index::<i64>(0)).transpose().context("read the last id")?;
    Ok(last.unwrap_or_default().max(foreign.largest) + 1)
}
