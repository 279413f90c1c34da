//! Adds the audit trail. An entry outlives the person and the project that it names.

use super::tables::{index, table};
use sea_orm::DbErr;
use sea_orm_migration::{
    MigrationName, MigrationTrait, SchemaManager,
    schema::{big_integer, big_integer_null, big_pk_auto, string, string_null},
};

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0015_audit"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let columns = [
            big_pk_auto("id"),
            big_integer("at"),
            string("actor"),
            big_integer_null("user_id"),
            string("login"),
            string_null("token"),
            string("action"),
            big_integer_null("project_id"),
            string("project"),
            string("subject"),
        ];
        manager.create_table(table("audit", columns)).await?;
        manager.create_index(index("audit", &["project_id", "id"], false)).await?;
        manager.create_index(index("audit", &["at"], false)).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}
