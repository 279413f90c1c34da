//! Adds a project's rule for scripts that gain rights. Existing projects allow it, as before.

use sea_orm::{DbErr, sea_query::Table};
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager, schema::string};

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0013_sudo"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let column = string("sudo").default("always").take();
        manager.alter_table(Table::alter().table("project").add_column(column).take()).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}
