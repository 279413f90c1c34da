//! Adds teams: members and their roles, deploy keys, cached images, registry credentials, attempts, mail, API tokens.

use super::tables::{belongs, blob, index, table};
use sea_orm::{
    ConnectionTrait, DbErr,
    sea_query::{ColumnDef, Table, TableCreateStatement},
};
use sea_orm_migration::{
    MigrationName, MigrationTrait, SchemaManager,
    schema::{
        big_integer, big_integer_null, big_pk_auto, boolean, integer, string, string_null, text, text_null,
    },
};

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0002_teams"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let tables = [
            membership(),
            deploy_key(),
            registry_credential(),
            cached_image(),
            attempt(),
            api_token(),
            mail(),
            imported(),
        ];
        for table in tables {
            manager.create_table(table).await?;
        }
        for (table, column) in new_columns() {
            manager.alter_table(Table::alter().table(table).add_column(column).take()).await?;
        }
        for (table, columns, unique) in INDEXES {
            manager.create_index(index(table, columns, *unique)).await?;
        }
        for step in CARRIED_OVER {
            manager.get_connection().execute_unprepared(step).await?;
        }
        Ok(())
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

/// Table, columns, unique.
const INDEXES: &[(&str, &[&str], bool)] = &[
    ("membership", &["project_id", "user_id"], true),
    ("membership", &["user_id"], false),
    ("registry_credential", &["project_id", "registry"], true),
    ("cached_image", &["project_id", "runner", "cache_key"], true),
    ("attempt", &["job_id", "number"], true),
    ("api_token", &["fingerprint"], true),
    ("api_token", &["user_id"], false),
    ("mail", &["build_id"], false),
    ("imported", &["kind", "source", "foreign_id"], true),
    ("delivery", &["state", "received_at"], false),
    ("job", &["project_id", "id"], false),
    ("job", &["project_id", "status"], false),
    ("build", &["project_id", "git_ref", "number"], false),
    ("build", &["project_id", "status", "number"], false),
    ("build", &["project_id", "git_ref", "status", "number"], false),
];

/// Fills the new tables and columns from earlier rows: the creator of a project is its owner, and a badge token is
/// random.
const CARRIED_OVER: &[&str] = &[
    "INSERT INTO membership (project_id, user_id, role) SELECT id, owner_id, 'owner' FROM project",
    "UPDATE project SET badge_token = lower(hex(randomblob(16)))",
];

fn new_columns() -> Vec<(&'static str, ColumnDef)> {
    let empty_text = |name| text(name).default("").take();
    let empty = |name| string(name).default("").take();
    vec![
        ("user", string_null("mail_address")),
        ("user", boolean("mail_is_on").default(true).take()),
        ("user", boolean("mail_only_own").default(false).take()),
        ("session", empty_text("agent")),
        ("session", big_integer("seen_at").default(0).take()),
        ("repository", empty_text("ssh_url")),
        ("repository", string("permission").default("admin").take()),
        ("project", empty_text("ssh_url")),
        ("project", boolean("cancel_waiting").default(true).take()),
        ("project", boolean("cancel_running").default(false).take()),
        ("project", empty("badge_token")),
        ("project", big_integer_null("synced_at")),
        ("project", text_null("sync_fault")),
        ("project", big_integer_null("deleted_at")),
        ("hook", text_null("install_script")),
        ("hook", text("tracked_files").default("[]").take()),
        ("hook", string("pull").default("if_absent").take()),
        ("hook", text_null("cache_inputs")),
        ("build", string_null("mailed")),
        ("build", big_integer_null("pushed_at")),
    ]
}

fn membership() -> TableCreateStatement {
    let columns = [big_pk_auto("id"), big_integer("project_id"), big_integer("user_id"), string("role")];
    belongs(&mut belongs(&mut table("membership", columns), "project_id", "project"), "user_id", "user")
}

fn deploy_key() -> TableCreateStatement {
    let project_id = ColumnDef::new("project_id").big_integer().not_null().primary_key().take();
    let columns = [project_id, text("public_key"), blob("private_key"), big_integer_null("at_forge")];
    belongs(&mut table("deploy_key", columns), "project_id", "project")
}

fn registry_credential() -> TableCreateStatement {
    let columns = [
        big_pk_auto("id"),
        big_integer("project_id"),
        string("registry"),
        string("username"),
        blob("password"),
        big_integer("created_at"),
    ];
    belongs(&mut table("registry_credential", columns), "project_id", "project")
}

/// The table has no foreign key to the project: a cached image outlives its project until it is removed from the
/// engine.
fn cached_image() -> TableCreateStatement {
    table(
        "cached_image",
        [
            big_pk_auto("id"),
            big_integer("project_id"),
            string("runner"),
            string("cache_key"),
            text("base"),
            big_integer("size"),
            big_integer("created_at"),
            big_integer("used_at"),
        ],
    )
}

fn attempt() -> TableCreateStatement {
    let columns = [
        big_pk_auto("id"),
        big_integer("job_id"),
        integer("number"),
        string("status"),
        text_null("reason"),
        big_integer_null("return_code"),
        text("phases"),
        big_integer_null("started_at"),
        big_integer_null("finished_at"),
    ];
    belongs(&mut table("attempt", columns), "job_id", "job")
}

fn api_token() -> TableCreateStatement {
    let columns = [
        big_pk_auto("id"),
        big_integer("user_id"),
        string("title"),
        string("fingerprint"),
        big_integer("created_at"),
        big_integer_null("used_at"),
    ];
    belongs(&mut table("api_token", columns), "user_id", "user")
}

fn mail() -> TableCreateStatement {
    let columns = [
        big_pk_auto("id"),
        big_integer("build_id"),
        big_integer("user_id"),
        string("status"),
        big_integer("created_at"),
    ];
    belongs(&mut belongs(&mut table("mail", columns), "build_id", "build"), "user_id", "user")
}

/// The own rows that another installation's rows became, so that a second import changes nothing.
fn imported() -> TableCreateStatement {
    let columns = [
        big_pk_auto("id"),
        string("source"),
        string("kind"),
        big_integer("foreign_id"),
        big_integer("own_id"),
    ];
    table("imported", columns)
}
