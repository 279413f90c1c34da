//! Helpers with which the steps describe tables.

use sea_orm::sea_query::{
    ColumnDef, ForeignKey, ForeignKeyAction, Index, IndexCreateStatement, IntoIden, Table,
    TableCreateStatement,
};

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
