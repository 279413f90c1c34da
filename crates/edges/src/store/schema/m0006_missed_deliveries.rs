//! Adds facts about a repository that a delivery told before the forge was asked, and deliveries that did not arrive.

use super::tables::{belongs, index, table};
use sea_orm::{
    DbErr,
    sea_query::{Table, TableCreateStatement},
};
use sea_orm_migration::{
    MigrationName, MigrationTrait, SchemaManager,
    schema::{big_integer, big_integer_null, big_pk_auto, integer, string, text, text_null},
};

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0006_missed_deliveries"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let column = big_integer_null("told_private_at");
        manager.alter_table(Table::alter().table("project").add_column(column).take()).await?;
        for table in [hearing(), missed()] {
            manager.create_table(table).await?;
        }
        manager.create_index(index("hearing", &["door", "forge_id"], true)).await?;
        manager.create_index(index("missed", &["door", "uuid"], true)).await?;
        manager.create_index(index("missed", &["forge_id", "made_good_at"], false)).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

/// The point up to which each webhook's deliveries were checked at the forge.
fn hearing() -> TableCreateStatement {
    let columns = [
        big_pk_auto("id"),
        string("door"),
        big_integer_null("hook_id"),
        big_integer("forge_id"),
        big_integer("seen_at"),
        text("heads"),
        text_null("fault"),
    ];
    belongs(&mut table("hearing", columns), "hook_id", "hook")
}

/// Deliveries that the forge failed to deliver.
fn missed() -> TableCreateStatement {
    let columns = [
        big_pk_auto("id"),
        string("door"),
        big_integer_null("hook_id"),
        big_integer("forge_id"),
        string("uuid"),
        string("event"),
        big_integer("missed_at"),
        integer("tries"),
        big_integer("asked_at"),
        big_integer_null("made_good_at"),
    ];
    belongs(&mut table("missed", columns), "hook_id", "hook")
}
