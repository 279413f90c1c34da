//! Adds an index over a build's ref and the mark that the ref is gone, so that such builds are found without reading
//! all builds of the ref.

use super::tables::index;
use sea_orm::DbErr;
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager};

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0010_gone_refs"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let columns = ["project_id", "git_ref", "ref_is_gone", "position"];
        manager.create_index(index("build", &columns, false)).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}
