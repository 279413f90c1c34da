//! Tries a change that is undone, to find out if the database's user has the rights that a server needs.

use crate::store::{
    database::{Database, explained::explained, server::ServerAccess},
    rows,
};
use anyhow::{Context, Result, ensure};
use sea_orm::{ActiveValue::Set, ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, EntityTrait};

/// The id of the row that is tried. No other row has it.
const TRIED: i64 = -1;

/// Tries a write in tables that are there.
///
/// # Errors
/// Says which right is missing.
pub(super) async fn try_writing(db: &Database) -> Result<()> {
    let begun = db.writer.begin().await.context("begin a transaction")?;
    undone(begun, async |tx| write(tx).await).await
}

/// Tries what a server on this database does first: a write, or, if there are no tables, making one.
///
/// # Errors
/// Says which right is missing.
pub(super) async fn try_on(server: &ServerAccess, has_tables: bool) -> Result<()> {
    if !has_tables && server.get_database_backend() == DbBackend::MySql {
        return ensure_may_create(server).await;
    }
    let begun = server.begin().await.context("begin a transaction")?;
    match has_tables {
        true => undone(begun, async |tx| write(tx).await).await,
        false => {
            undone(begun, async |tx| {
                tx.execute_unprepared("CREATE TABLE kozmic_check (id integer)").await.map(drop)
            })
            .await
        }
    }
}

async fn write(tx: &DatabaseTransaction) -> Result<(), DbErr> {
    let row = rows::pulse::ActiveModel { id: Set(TRIED), at: Set(0) };
    rows::pulse::Entity::insert(row).exec_without_returning(tx).await.map(drop)
}

/// Does work in a transaction, and undoes it.
async fn undone(
    tx: DatabaseTransaction,
    work: impl AsyncFnOnce(&DatabaseTransaction) -> Result<(), DbErr>,
) -> Result<()> {
    let done = work(&tx).await;
    let undone = tx.rollback().await;
    done.map_err(explained).context("try a write")?;
    undone.context("undo the write")
}

/// Looks for the right to make tables: MariaDB and MySQL cannot undo that. A role may bring the right, too.
async fn ensure_may_create(server: &ServerAccess) -> Result<()> {
    const MINE: &str = "grantee = CONCAT('\\'', REPLACE(CURRENT_USER(), '@', '\\'@\\''), '\\'') AND privilege_type = 'CREATE'";
    let ask = format!(
        "SELECT CAST(EXISTS (SELECT 1 FROM information_schema.user_privileges WHERE {MINE}) \
         OR EXISTS (SELECT 1 FROM information_schema.schema_privileges WHERE {MINE} AND DATABASE() LIKE table_schema) \
         OR COALESCE(CURRENT_ROLE(), 'NONE') <> 'NONE' AS CHAR)"
    );
    let may = server.told(&ask).await?;
    ensure!(
        may == "1",
        "the database's user may not make tables; as the administrator, run GRANT ALL ON kozmic.* TO kozmic, with your \
         names"
    );
    Ok(())
}
