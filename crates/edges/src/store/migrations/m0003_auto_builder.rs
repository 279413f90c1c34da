//! The Auto Builder: jobs of recipes and kernel rules, what they make, and what the configuration repository says.

use super::tables::{belongs, blob, index, table};
use sea_orm::{
    ConnectionTrait, DbErr,
    sea_query::{ColumnDef, Table, TableCreateStatement},
};
use sea_orm_migration::{
    MigrationName, MigrationTrait, SchemaManager,
    schema::{big_integer, big_integer_null, big_pk_auto, boolean, string, string_null, text, text_null},
};

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0003_auto_builder"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in [artifact(), configuration(), watched(), kernel_image()] {
            manager.create_table(table).await?;
        }
        for (table, column) in new_columns() {
            manager.alter_table(Table::alter().table(table).add_column(column).take()).await?;
        }
        let db = manager.get_connection();
        db.execute_unprepared("ALTER TABLE delivery RENAME TO old_delivery").await?;
        manager.create_table(delivery()).await?;
        for step in CARRIED_OVER {
            db.execute_unprepared(step).await?;
        }
        for (table, columns, unique) in INDEXES {
            manager.create_index(index(table, columns, *unique)).await?;
        }
        Ok(())
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

/// Table, columns, unique.
const INDEXES: &[(&str, &[&str], bool)] = &[
    ("delivery", &["door", "uuid"], true),
    ("delivery", &["state", "id"], false),
    ("delivery", &["state", "received_at"], false),
    ("job", &["automatic", "finished_at"], false),
    ("artifact", &["job_id", "place_kind"], true),
    ("artifact", &["build_id"], false),
    ("artifact", &["place_kind", "stable", "id"], false),
    ("kernel_image", &["image_id"], false),
];

/// All jobs so far were hooks', and so were all deliveries.
const CARRIED_OVER: &[&str] = &[
    "INSERT INTO delivery (id, door, hook_id, uuid, event, payload, state, note, received_at) \
     SELECT id, 'hook:' || hook_id, hook_id, uuid, event, payload, state, note, received_at FROM old_delivery",
    "DROP TABLE old_delivery",
    "UPDATE build SET hooked = status",
];

fn new_columns() -> Vec<(&'static str, ColumnDef)> {
    vec![
        ("job", string("kind").default("hook").take()),
        ("job", boolean("automatic").default(false).take()),
        ("build", text("commits").default("[]").take()),
        ("build", string_null("hooked")),
    ]
}

/// As before, but a delivery may come in by another door than a hook's.
fn delivery() -> TableCreateStatement {
    let columns = [
        big_pk_auto("id"),
        string("door"),
        big_integer_null("hook_id"),
        string("uuid"),
        string("event"),
        blob("payload"),
        string("state"),
        text_null("note"),
        big_integer("received_at"),
    ];
    belongs(&mut table("delivery", columns), "hook_id", "hook")
}

fn artifact() -> TableCreateStatement {
    let columns = [
        big_pk_auto("id"),
        big_integer("project_id"),
        big_integer("build_id"),
        big_integer("job_id"),
        string("format"),
        string("versioned"),
        string("stable"),
        string("place_kind"),
        text("place"),
        big_integer("size"),
        string("sha256"),
        big_integer("pushed_at"),
        big_integer("created_at"),
        big_integer_null("removed_at"),
    ];
    belongs(&mut table("artifact", columns), "job_id", "job")
}

/// One row: the configuration that pushes are judged by.
fn configuration() -> TableCreateStatement {
    let id = ColumnDef::new("id").big_integer().not_null().primary_key().take();
    let columns = [id, string("sha"), text("content"), big_integer("loaded_at")];
    table("configuration", columns)
}

/// The repositories whose pushes the Auto Builder hears of.
fn watched() -> TableCreateStatement {
    let forge_id = ColumnDef::new("forge_id").big_integer().not_null().primary_key().take();
    let columns = [forge_id, string("full_name"), big_integer_null("webhook_id"), text_null("fault")];
    table("watched", columns)
}

/// The images that kernel builds left, by the name that each had when it was made.
fn kernel_image() -> TableCreateStatement {
    let columns =
        [big_pk_auto("id"), string("runner"), string("name"), string("image_id"), boolean("is_current")];
    table("kernel_image", columns)
}
