//! Adds the reason why an attempt ended. Interrupted jobs get another attempt by themselves, unless their hook says
//! otherwise.

use sea_orm::{
    DbErr,
    sea_query::{ColumnDef, Table},
};
use sea_orm_migration::{
    MigrationName, MigrationTrait, SchemaManager,
    schema::{integer, string, string_null},
};

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0004_attempts_end"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (table, column) in new_columns() {
            manager.alter_table(Table::alter().table(table).add_column(column).take()).await?;
        }
        Ok(())
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

/// The new columns. The reason why earlier attempts ended is not known, and no earlier job counts as interrupted.
fn new_columns() -> Vec<(&'static str, ColumnDef)> {
    vec![
        ("job", string_null("ending")),
        ("job", integer("interruptions").default(0).take()),
        ("job", string_null("cache_key")),
        ("attempt", string_null("ending")),
        ("hook", string("if_interrupted").default("again").take()),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::tests::upgraded::Upgraded;

    /// Rows of an installation after the third step.
    const BEFORE: &[&str] = &[
        "INSERT INTO user (id, forge_id, login, name, avatar_url, token, created_at, signed_in_at) \
         VALUES (1, 7, 'anna', 'Anna', '', x'', 0, 0)",
        "INSERT INTO project (id, owner_id, forge_id, owner, name, private, default_branch, html_url, clone_url, \
         created_at) VALUES (1, 1, 5, 'anna', 'hello', 0, 'main', '', '', 0)",
        "INSERT INTO hook (id, project_id, title, image, script, secret, created_at) \
         VALUES (3, 1, 'Tests', 'debian', '', x'', 0)",
        "INSERT INTO build (id, project_id, number, git_ref, sha, status, trigger, author, message, created_at) \
         VALUES (2, 1, 1, 'refs/heads/main', 'a', 'failure', '\"push\"', '{}', 'One', 0)",
        "INSERT INTO job (id, build_id, project_id, spec, status, attempt, cancel_requested, phases, created_at) \
         VALUES (4, 2, 1, '{}', 'failure', 2, 0, '[]', 0)",
        "INSERT INTO attempt (job_id, number, status, phases) VALUES (4, 1, 'error', '[]')",
    ];

    #[tokio::test]
    async fn jobs_that_were_there_were_never_interrupted_and_their_hooks_run_again() {
        let db = Upgraded::from(3, BEFORE).await;
        let all = "SELECT h.if_interrupted || j.interruptions || coalesce(j.ending, '-') || coalesce(a.ending, '-') \
                   FROM hook h, job j, attempt a";
        assert_eq!(db.texts(all).await, ["again0--"]);
    }
}
