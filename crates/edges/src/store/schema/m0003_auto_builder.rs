//! Adds the Auto Builder: jobs of recipes and kernel rules, their results, and the content of the configuration
//! repository.

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

/// Fills the new columns: all earlier jobs and deliveries belong to hooks.
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

/// The table as before, but a delivery may come in at another endpoint than a hook's.
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

/// The table has one row: the configuration that pushes are judged by.
fn configuration() -> TableCreateStatement {
    let id = ColumnDef::new("id").big_integer().not_null().primary_key().take();
    let columns = [id, string("sha"), text("content"), big_integer("loaded_at")];
    table("configuration", columns)
}

/// The repositories about whose pushes the Auto Builder gets deliveries.
fn watched() -> TableCreateStatement {
    let forge_id = ColumnDef::new("forge_id").big_integer().not_null().primary_key().take();
    let columns = [forge_id, string("full_name"), big_integer_null("webhook_id")];
    table("watched", columns)
}

/// The images that kernel builds left, by the name that each had when it was made. The build has no foreign key: an
/// image outlives its project.
fn kernel_image() -> TableCreateStatement {
    let columns = [
        big_pk_auto("id"),
        string("runner"),
        string("name"),
        string("image_id"),
        boolean("is_current"),
        big_integer("pushed_at"),
        big_integer("build_id"),
    ];
    table("kernel_image", columns)
}

#[cfg(test)]
mod tests {
    use super::super::tests::upgraded::Upgraded;

    /// Rows of an installation after the second step.
    const BEFORE: &[&str] = &[
        "INSERT INTO user (id, forge_id, login, name, avatar_url, token, created_at, signed_in_at) \
         VALUES (1, 7, 'anna', 'Anna', '', x'', 0, 0)",
        "INSERT INTO project (id, owner_id, forge_id, owner, name, private, default_branch, html_url, clone_url, \
         created_at) VALUES (1, 1, 5, 'anna', 'hello', 0, 'main', '', '', 0)",
        "INSERT INTO hook (id, project_id, title, image, script, secret, created_at) \
         VALUES (3, 1, 'Tests', 'debian', '', x'', 0)",
        "INSERT INTO delivery (id, hook_id, uuid, event, payload, state, note, received_at) \
         VALUES (9, 3, 'u', 'push', x'7b7d', 'waiting', NULL, 4)",
        "INSERT INTO build (id, project_id, number, git_ref, sha, status, trigger, author, message, created_at) \
         VALUES (2, 1, 1, 'refs/heads/main', 'a', 'failure', '\"push\"', '{}', 'One', 0)",
        "INSERT INTO job (id, build_id, project_id, spec, status, attempt, cancel_requested, phases, created_at) \
         VALUES (4, 2, 1, '{}', 'failure', 1, 0, '[]', 0)",
    ];

    #[tokio::test]
    async fn what_was_there_before_stays_as_it_was() {
        let db = Upgraded::from(2, BEFORE).await;
        let delivery =
            "SELECT door || ' ' || uuid || ' ' || state FROM delivery WHERE id = 9 AND payload = x'7b7d'";
        assert_eq!(db.texts(delivery).await, ["hook:3 u waiting"]);
        let build = "SELECT hooked || commits FROM build";
        assert_eq!(db.texts(build).await, ["failure[]"]);
        let job = "SELECT kind || automatic FROM job";
        assert_eq!(db.texts(job).await, ["hook0"]);
        assert_eq!(db.texts("SELECT name FROM sqlite_master WHERE name LIKE 'old%'").await, [] as [&str; 0]);
        let again = "INSERT INTO delivery (door, hook_id, uuid, event, payload, state, received_at) \
                     VALUES ('hook:3', 3, 'u', 'push', x'', 'waiting', 0)";
        assert!(db.execute(again).await.is_err(), "a delivery is known by door and id");
        db.execute("DELETE FROM hook").await.unwrap();
        assert_eq!(db.texts("SELECT uuid FROM delivery").await, [] as [&str; 0], "it goes with its hook");
    }
}
