//! Adds pull requests from forks: the project's rule, the user who pushed, and approvals. Jobs of forks that wait are
//! held from now on; jobs that are running continue.

use super::tables::{belongs, index, table};
use sea_orm::{ConnectionTrait, DbErr, sea_query::Table};
use sea_orm_migration::{
    MigrationName, MigrationTrait, SchemaManager,
    schema::{big_integer, big_integer_null, big_pk_auto, boolean, string, string_null},
};

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0011_forks"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let columns = [
            ("project", string("forks").default("after_approval").take()),
            ("build", boolean("needs_approval").default(false).take()),
            ("build", big_integer_null("pusher_id")),
            ("build", string_null("pusher")),
        ];
        for (table, column) in columns {
            manager.alter_table(Table::alter().table(table).add_column(column).take()).await?;
        }
        let columns = [
            big_pk_auto("id"),
            big_integer("project_id"),
            big_integer("pull_request"),
            string("sha"),
            big_integer("user_id"),
            big_integer("at"),
            big_integer_null("pusher_id"),
            big_integer_null("ended_at"),
        ];
        manager.create_table(belongs(&mut table("approval", columns), "project_id", "project")).await?;
        manager.create_index(index("approval", &["project_id", "pull_request"], false)).await?;
        for step in HELD {
            manager.get_connection().execute_unprepared(step).await?;
        }
        Ok(())
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

/// Holds waiting jobs of forks that never had an attempt. A job with an earlier attempt goes on waiting: a user asked
/// for its next attempt, or an interruption caused it.
const HELD: [&str; 4] = [
    "UPDATE build SET needs_approval = 1 WHERE git_ref LIKE 'refs/pull/%'",
    "UPDATE job SET status = 'held' WHERE status = 'enqueued' AND attempt = 0 \
     AND build_id IN (SELECT id FROM build WHERE needs_approval = 1)",
    "UPDATE build SET status = 'held', hooked = 'held' WHERE needs_approval = 1 AND status = 'enqueued' \
     AND NOT EXISTS (SELECT 1 FROM job WHERE job.build_id = build.id AND job.status <> 'held')",
    "INSERT OR IGNORE INTO outbox (kind, subject, version, tries, not_before, created_at) \
     SELECT 'commit_status', id, 1, 0, 0, 0 FROM build WHERE status = 'held'",
];

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
         (2, 1, 2, 'refs/pull/7/head', 'b', 'enqueued', '', '', '', 0), \
         (3, 1, 3, 'refs/pull/8/head', 'c', 'pending', '', '', '', 0)",
        "INSERT INTO job (id, build_id, project_id, spec, status, attempt, cancel_requested, phases, created_at) VALUES \
         (1, 1, 1, '{}', 'enqueued', 0, 0, '[]', 0), (2, 2, 1, '{}', 'enqueued', 0, 0, '[]', 0), \
         (3, 3, 1, '{}', 'pending', 1, 0, '[]', 0), (4, 3, 1, '{}', 'enqueued', 1, 0, '[]', 0)",
    ];

    #[tokio::test]
    async fn what_waits_of_a_fork_is_held_and_what_runs_goes_on() {
        let db = Upgraded::from(10, BEFORE).await;
        let jobs = db.texts("SELECT status FROM job ORDER BY id").await;
        assert_eq!(jobs, ["enqueued", "held", "pending", "enqueued"]);
        assert_eq!(db.texts("SELECT status FROM build ORDER BY id").await, ["enqueued", "held", "pending"]);
        assert_eq!(db.texts("SELECT forks FROM project").await, ["after_approval"]);
        assert_eq!(db.texts("SELECT kind || ' ' || subject FROM outbox").await, ["commit_status 2"]);
    }
}
