//! Adds runners on other machines: their tokens, rules and facts, the labels that jobs ask for, and the keys of claims.
//! On MySQL a step that was cut off continues at that point, because MySQL makes tables outside of transactions.

use super::tables::{alike, belongs, create_index, index, table};
use sea_orm::{
    DbErr,
    sea_query::{ColumnDef, Expr, ExprTrait, Query, Table, UpdateStatement},
};
use sea_orm_migration::{
    MigrationName, MigrationTrait, SchemaManager,
    schema::{big_integer, big_integer_null, big_pk_auto, boolean, string_len, string_len_null, text_null},
};

/// The longest text of a job's labels. Ten labels of 40 characters are shorter.
const LABELS: u32 = 500;

/// The longest name of a runner, fingerprint of a token, and key of a claim.
const NAME: u32 = 64;

/// The longest title of a runner.
const TITLE: u32 = 100;

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0018_runners"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (table, name, column) in columns() {
            if !manager.has_column(table, name).await? {
                manager.alter_table(Table::alter().table(table).add_column(column).take()).await?;
            }
        }
        create_index(manager, index("runner", &["fingerprint"], true)).await?;
        create_index(manager, index("job", &["claim"], true)).await?;
        manager.exec_stmt(title_the_servers_own()).await?;
        manager.exec_stmt(mark_jobs_of_forks()).await?;
        let columns = [
            big_pk_auto("id"),
            string_len("runner", NAME),
            big_integer("project_id"),
            big_integer("used_at"),
        ];
        let built = belongs(&mut table("runner_project", columns), "project_id", "project");
        manager.create_table(alike(built, manager.get_connection()).await?.if_not_exists().take()).await?;
        create_index(manager, index("runner_project", &["project_id", "runner"], true)).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

/// The new columns, each with its table and name.
fn columns() -> Vec<(&'static str, &'static str, ColumnDef)> {
    vec![
        ("runner", "title", string_len("title", TITLE).default("").take()),
        ("runner", "fingerprint", string_len_null("fingerprint", NAME)),
        ("runner", "rules", text_null("rules")),
        ("runner", "facts", text_null("facts")),
        ("runner", "is_draining", boolean("is_draining").default(false).take()),
        ("runner", "added_at", big_integer_null("added_at")),
        ("runner", "removed_at", big_integer_null("removed_at")),
        ("job", "labels", string_len("labels", LABELS).default("").take()),
        ("job", "is_from_fork", boolean("is_from_fork").default(false).take()),
        ("job", "claim", string_len_null("claim", NAME)),
    ]
}

/// So far the server's own runner was the only one.
fn title_the_servers_own() -> UpdateStatement {
    Query::update()
        .table("runner")
        .value("title", "this server")
        .and_where(Expr::col("fingerprint").is_null())
        .take()
}

/// Marks open jobs of pull requests. A job that ended is marked when it waits again.
fn mark_jobs_of_forks() -> UpdateStatement {
    let of_forks =
        Query::select().column("id").from("build").and_where(Expr::col("git_ref").like("refs/pull/%")).take();
    Query::update()
        .table("job")
        .value("is_from_fork", true)
        .and_where(Expr::col("status").is_in(["held", "enqueued", "pending"]))
        .and_where(Expr::col("build_id").in_subquery(of_forks))
        .take()
}

#[cfg(test)]
mod tests {
    use super::super::tests::upgraded::Upgraded;

    const BEFORE: &[&str] = &[
        "INSERT INTO user (id, forge_id, login, name, avatar_url, token, created_at, signed_in_at) \
         VALUES (1, 7, 'anna', 'Anna', '', x'', 0, 0)",
        "INSERT INTO project (id, owner_id, forge_id, owner, name, private, default_branch, html_url, clone_url, \
         created_at) VALUES (1, 1, 5, 'anna', 'hello', 1, 'main', '', '', 0)",
        "INSERT INTO build (id, project_id, number, git_ref, sha, status, trigger, author, message, created_at) VALUES \
         (1, 1, 1, 'refs/heads/main', 'a', 'enqueued', '', '', '', 0), \
         (2, 1, 2, 'refs/pull/7/head', 'b', 'pending', '', '', '', 0)",
        "INSERT INTO job (id, build_id, project_id, spec, status, attempt, cancel_requested, phases, created_at) VALUES \
         (1, 1, 1, '{}', 'enqueued', 0, 0, '[]', 0), (2, 2, 1, '{}', 'held', 0, 0, '[]', 0), \
         (3, 2, 1, '{}', 'pending', 1, 0, '[]', 0), (4, 2, 1, '{}', 'success', 1, 0, '[]', 0)",
        "INSERT INTO runner (name, slots, busy, seen_at) VALUES ('0123456789ab', 2, 0, 5)",
    ];

    #[tokio::test]
    async fn open_jobs_of_forks_are_marked_and_the_runner_gets_a_title() {
        let db = Upgraded::from(16, BEFORE).await;
        assert_eq!(
            db.texts("SELECT CAST(id AS TEXT) FROM job WHERE is_from_fork ORDER BY id").await,
            ["2", "3"]
        );
        assert_eq!(db.texts("SELECT labels FROM job WHERE claim IS NULL").await, [""; 4]);
        let runner = "SELECT name || ' ' || title FROM runner WHERE NOT is_draining AND rules IS NULL";
        assert_eq!(db.texts(runner).await, ["0123456789ab this server"]);
    }
}
