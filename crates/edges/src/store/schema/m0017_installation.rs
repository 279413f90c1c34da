//! Adds the row of the installation: a seal by which its secret key is known, and the server that uses the database.

use super::tables::{blob, table};
use sea_orm::DbErr;
use sea_orm_migration::{
    MigrationName, MigrationTrait, SchemaManager,
    schema::{big_integer, string, string_len},
};

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0017_installation"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let columns = [
            big_integer("id").primary_key().take(),
            blob("key_seal"),
            string_len("server", 64),
            string("process"),
            big_integer("beat"),
        ];
        manager.create_table(table("installation", columns).if_not_exists().take()).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}
