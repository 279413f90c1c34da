//! Adds an index for the projects of one runner, which are read whenever it connects.

use super::tables::{create_index, index};
use sea_orm::DbErr;
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager};

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0019_runner_projects"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        create_index(manager, index("runner_project", &["runner", "project_id"], false)).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}
