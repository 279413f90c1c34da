//! Makes the first tables: people, projects, hooks, deliveries, builds, jobs, and messages that wait to be sent.

use super::tables::{belongs, blob, index, table};
use sea_orm::{
    DbErr,
    sea_query::{ColumnDef, TableCreateStatement},
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
        "m0001_create_tables"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let tables = [
            user(),
            avatar(),
            session(),
            repository(),
            project(),
            hook(),
            delivery(),
            build(),
            hook_call(),
            job(),
            outbox(),
            runner(),
        ];
        for table in tables {
            manager.create_table(table).await?;
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
    ("user", &["forge_id"], true),
    ("session", &["user_id"], false),
    ("repository", &["user_id", "forge_id"], true),
    ("project", &["forge_id"], true),
    ("project", &["owner_id"], false),
    ("hook", &["project_id"], false),
    ("delivery", &["hook_id", "uuid"], true),
    ("delivery", &["state", "id"], false),
    ("build", &["project_id", "git_ref", "sha"], true),
    ("build", &["project_id", "number"], true),
    ("hook_call", &["hook_id", "build_id"], true),
    ("job", &["status", "id"], false),
    ("job", &["build_id"], false),
    ("outbox", &["kind", "subject"], true),
];

fn user() -> TableCreateStatement {
    table(
        "user",
        [
            big_pk_auto("id"),
            big_integer("forge_id"),
            string("login"),
            string("name"),
            text("avatar_url"),
            string_null("email"),
            blob("token"),
            big_integer("created_at"),
            big_integer("signed_in_at"),
        ],
    )
}

fn avatar() -> TableCreateStatement {
    let user_id = ColumnDef::new("user_id").big_integer().not_null().primary_key().take();
    belongs(&mut table("avatar", [user_id, string("content_type"), blob("picture")]), "user_id", "user")
}

fn session() -> TableCreateStatement {
    let fingerprint = ColumnDef::new("fingerprint").string().not_null().primary_key().take();
    let columns = [fingerprint, big_integer("user_id"), big_integer("created_at"), big_integer("expires_at")];
    belongs(&mut table("session", columns), "user_id", "user")
}

fn repository() -> TableCreateStatement {
    let columns = [
        big_pk_auto("id"),
        big_integer("user_id"),
        big_integer("forge_id"),
        string("owner"),
        string("name"),
        boolean("private"),
        string("default_branch"),
        text("html_url"),
        text("clone_url"),
    ];
    belongs(&mut table("repository", columns), "user_id", "user")
}

fn project() -> TableCreateStatement {
    let columns = [
        big_pk_auto("id"),
        big_integer("owner_id"),
        big_integer("forge_id"),
        string("owner"),
        string("name"),
        boolean("private"),
        string("default_branch"),
        text("html_url"),
        text("clone_url"),
        big_integer("created_at"),
    ];
    belongs(&mut table("project", columns), "owner_id", "user")
}

fn hook() -> TableCreateStatement {
    let columns = [
        big_pk_auto("id"),
        big_integer("project_id"),
        string("title"),
        string("image"),
        text("script"),
        blob("secret"),
        big_integer_null("webhook_id"),
        big_integer("created_at"),
    ];
    belongs(&mut table("hook", columns), "project_id", "project")
}

fn delivery() -> TableCreateStatement {
    let columns = [
        big_pk_auto("id"),
        big_integer("hook_id"),
        string("uuid"),
        string("event"),
        blob("payload"),
        string("state"),
        text_null("note"),
        big_integer("received_at"),
    ];
    belongs(&mut table("delivery", columns), "hook_id", "hook")
}

fn build() -> TableCreateStatement {
    let columns = [
        big_pk_auto("id"),
        big_integer("project_id"),
        big_integer("number"),
        string("git_ref"),
        string("sha"),
        string("status"),
        text("trigger"),
        text("author"),
        text("message"),
        big_integer("created_at"),
        big_integer_null("started_at"),
        big_integer_null("finished_at"),
    ];
    belongs(&mut table("build", columns), "project_id", "project")
}

fn hook_call() -> TableCreateStatement {
    let columns =
        [big_pk_auto("id"), big_integer("hook_id"), big_integer("build_id"), big_integer("delivery_id")];
    belongs(&mut table("hook_call", columns), "build_id", "build")
}

fn job() -> TableCreateStatement {
    let columns = [
        big_pk_auto("id"),
        big_integer("build_id"),
        big_integer("project_id"),
        text("spec"),
        string("status"),
        integer("attempt"),
        text_null("reason"),
        big_integer_null("return_code"),
        boolean("cancel_requested"),
        string_null("runner"),
        big_integer_null("lease_until"),
        string_null("container"),
        text("phases"),
        big_integer("created_at"),
        big_integer_null("started_at"),
        big_integer_null("finished_at"),
    ];
    belongs(&mut table("job", columns), "build_id", "build")
}

fn outbox() -> TableCreateStatement {
    table(
        "outbox",
        [
            big_pk_auto("id"),
            string("kind"),
            big_integer("subject"),
            integer("version"),
            integer("tries"),
            big_integer("not_before"),
            text_null("fault"),
            big_integer("created_at"),
        ],
    )
}

fn runner() -> TableCreateStatement {
    let name = ColumnDef::new("name").string().not_null().primary_key().take();
    table("runner", [name, integer("slots"), integer("busy"), text_null("trouble"), big_integer("seen_at")])
}
