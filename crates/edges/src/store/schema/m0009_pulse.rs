//! Adds a row that is written only to find out if the database takes writes.

use super::tables::table;
use sea_orm::DbErr;
use sea_orm_migration::{
    MigrationName, MigrationTrait, SchemaManager,
    schema::{big_integer, big_pk_auto},
};

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0009_pulse"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(table("pulse", [big_pk_auto("id"), big_integer("at")])).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}
