//! Adds indexes: a foreign key without one makes each delete read a whole table.

use super::tables::{create_index, index};
use sea_orm::DbErr;
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager};

/// The columns of each index. MariaDB has those of foreign keys by itself: it replaces its own by these.
const INDEXES: [(&str, &[&str]); 7] = [
    ("hook_call", &["build_id"]),
    ("delivery", &["hook_id"]),
    ("mail", &["user_id"]),
    ("hearing", &["hook_id"]),
    ("missed", &["hook_id"]),
    ("ref_move", &["created_at"]),
    ("ref_move", &["project_id", "git_ref", "id"]),
];

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0017_indexes"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (table, columns) in INDEXES {
            create_index(manager, index(table, columns, false)).await?;
        }
        Ok(())
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

#[cfg(test)]
mod tests {
    use crate::store::schema::tests::upgraded::Upgraded;

    #[tokio::test]
    async fn every_foreign_key_is_the_start_of_an_index() {
        let db = Upgraded::from(1, &[] as &[&str]).await;
        let bare = "SELECT made.name || '.' || key.\"from\" \
             FROM sqlite_schema made, pragma_foreign_key_list(made.name) key WHERE made.type = 'table' \
             AND NOT EXISTS (SELECT 1 FROM pragma_index_list(made.name) one, pragma_index_info(one.name) part \
                 WHERE part.seqno = 0 AND part.name = key.\"from\") \
             AND NOT EXISTS (SELECT 1 FROM pragma_table_info(made.name) part \
                 WHERE part.pk = 1 AND part.name = key.\"from\")";
        assert_eq!(db.texts(bare).await, Vec::<String>::new());
    }
}
