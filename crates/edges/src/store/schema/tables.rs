//! Helpers with which the steps describe tables.

use sea_orm::{
    ConnectionTrait, DbBackend, DbErr, RuntimeErr, Statement,
    sea_query::{
        ColumnDef, ForeignKey, ForeignKeyAction, Index, IndexCreateStatement, IntoIden, Table,
        TableCreateStatement,
    },
    sqlx::{self, mysql::MySqlDatabaseError},
};
use sea_orm_migration::SchemaManager;

/// A table with these columns.
pub(super) fn table<const N: usize>(name: &'static str, columns: [ColumnDef; N]) -> TableCreateStatement {
    let mut table = Table::create();
    table.table(name);
    columns.into_iter().for_each(|column| {
        table.col(column);
    });
    table
}

/// Adds a foreign key: a row is deleted together with the row of the other table that its column names.
pub(super) fn belongs(
    table: &mut TableCreateStatement,
    column: &'static str,
    to: &'static str,
) -> TableCreateStatement {
    let own = table.get_table_name().cloned();
    let mut key = ForeignKey::create();
    if let Some(own) = own {
        key.from_tbl(own);
    }
    key.from_col(column.into_iden()).to(to, "id").on_delete(ForeignKeyAction::Cascade);
    table.foreign_key(&mut key).take()
}

/// On MySQL, the table with the collation of the tables before it: texts are compared character by character.
pub(super) async fn alike(
    mut table: TableCreateStatement,
    db: &impl ConnectionTrait,
) -> Result<TableCreateStatement, DbErr> {
    if db.get_database_backend() != DbBackend::MySql {
        return Ok(table);
    }
    let asked = "SELECT CAST(table_collation AS CHAR) FROM information_schema.tables \
                 WHERE table_schema = DATABASE() AND table_name = 'job'";
    let row = db.query_one_raw(Statement::from_string(DbBackend::MySql, asked)).await?;
    let collation = row.map(|row| row.try_get_by_index::<String>(0)).transpose()?.unwrap_or_default();
    Ok(table.engine("InnoDB").character_set("utf8mb4").collate(collation).take())
}

/// Adds a column of text to a table, unless it is there: MySQL cannot undo a step that was cut off.
pub(super) async fn add_text(
    manager: &SchemaManager<'_>,
    table: &str,
    column: &str,
    default: &str,
) -> Result<(), DbErr> {
    if manager.has_column(table, column).await? {
        return Ok(());
    }
    let add = match manager.get_database_backend() {
        DbBackend::Postgres => {
            format!(
                r#"ALTER TABLE "{table}" ADD COLUMN "{column}" TEXT COLLATE "C" NOT NULL DEFAULT '{default}'"#
            )
        }
        // MySQL takes the default of such a column in parentheses only.
        DbBackend::MySql => {
            format!("ALTER TABLE `{table}` ADD COLUMN `{column}` LONGTEXT NOT NULL DEFAULT ('{default}')")
        }
        _ => format!(r#"ALTER TABLE "{table}" ADD COLUMN "{column}" TEXT NOT NULL DEFAULT '{default}'"#),
    };
    manager.get_connection().execute_unprepared(&add).await.map(drop)
}

/// A column of bytes.
pub(super) fn blob(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).blob().not_null().take()
}

/// An index over columns, named after its table and columns.
pub(super) fn index(table: &'static str, columns: &[&'static str], unique: bool) -> IndexCreateStatement {
    let mut index = Index::create();
    index.name(format!("{table}_{}", columns.join("_"))).table(table);
    columns.iter().for_each(|column| {
        index.col(*column);
    });
    if unique {
        index.unique();
    }
    index
}

/// Makes an index, unless it is there.
pub(super) async fn create_index(
    manager: &SchemaManager<'_>,
    mut index: IndexCreateStatement,
) -> Result<(), DbErr> {
    match manager.create_index(index.if_not_exists().take()).await {
        Err(fault) if !is_there(&fault) => Err(fault),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// True if MySQL says that an index or a row exists already. MySQL makes tables outside of transactions, so a step that
/// was cut off continues at that point.
pub(super) fn is_there(fault: &DbErr) -> bool {
    let (DbErr::Exec(RuntimeErr::SqlxError(cause)) | DbErr::Query(RuntimeErr::SqlxError(cause))) = fault
    else {
        return false;
    };
    let sqlx::Error::Database(said) = &**cause else { return false };
    let mysql = said.try_downcast_ref::<MySqlDatabaseError>();
    mysql.is_some_and(|said| matches!(said.number(), 1061 | 1062))
}
