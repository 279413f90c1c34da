//! Adds facts about rows that were taken over from the original: hooks that nobody restored yet, and projects whose
//! badge is public.

use sea_orm::{ConnectionTrait, DbErr, sea_query::Table};
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager, schema::boolean};

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0008_taken_over"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let columns = [
            ("hook", boolean("unsigned").default(false).take()),
            ("hook", boolean("is_own").default(true).take()),
            ("project", boolean("open_badge").default(false).take()),
        ];
        for (table, column) in columns {
            manager.alter_table(Table::alter().table(table).add_column(column).take()).await?;
        }
        manager.get_connection().execute_unprepared(UNSIGNED).await?;
        Ok(())
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

/// Marks hooks that nobody restored: a hook that was taken over with its webhook, and that got no delivery. Deliveries
/// are deleted after a while, but the hook calls that they caused stay. A call that was taken over has the delivery 0.
const UNSIGNED: &str = "UPDATE hook SET unsigned = 1 WHERE webhook_id IS NOT NULL \
    AND id IN (SELECT own_id FROM imported WHERE kind = 'hook') \
    AND NOT EXISTS (SELECT 1 FROM delivery WHERE delivery.door = 'hook:' || hook.id) \
    AND NOT EXISTS (SELECT 1 FROM hook_call WHERE hook_call.hook_id = hook.id AND hook_call.delivery_id <> 0)";

#[cfg(test)]
mod tests {
    use super::super::tests::upgraded::Upgraded;

    /// Rows of an installation after the third step.
    const BEFORE: &[&str] = &[
        "INSERT INTO user (id, forge_id, login, name, avatar_url, token, created_at, signed_in_at) \
         VALUES (1, 7, 'anna', 'Anna', '', x'', 0, 0)",
        "INSERT INTO project (id, owner_id, forge_id, owner, name, private, default_branch, html_url, clone_url, \
         created_at) VALUES (1, 1, 5, 'anna', 'hello', 1, 'main', '', '', 0)",
        "INSERT INTO hook (id, project_id, title, image, script, secret, webhook_id, created_at) VALUES \
         (1, 1, 'own', '', '', x'', 10, 0), (2, 1, 'taken over', '', '', x'', 20, 0), \
         (3, 1, 'taken over and called', '', '', x'', 30, 0), (4, 1, 'never connected', '', '', x'', NULL, 0), \
         (5, 1, 'taken over and called long ago', '', '', x'', 50, 0)",
        "INSERT INTO imported (source, kind, foreign_id, own_id) \
         VALUES ('s', 'hook', 7, 2), ('s', 'hook', 8, 3), ('s', 'hook', 9, 4), \
         ('s', 'hook', 10, 5), ('s', 'project', 1, 1)",
        "INSERT INTO delivery (door, hook_id, uuid, event, payload, state, received_at) \
         VALUES ('hook:3', 3, 'u', 'push', x'', 'settled', 0)",
        "INSERT INTO build (id, project_id, number, git_ref, sha, status, trigger, author, message, created_at) \
         VALUES (2, 1, 1, 'refs/heads/main', 'a', 'failure', '\"push\"', '{}', 'One', 0)",
        "INSERT INTO hook_call (hook_id, build_id, delivery_id) VALUES (2, 2, 0), (5, 2, 44)",
    ];

    #[tokio::test]
    async fn only_webhooks_that_nobody_restored_are_unsigned_and_no_badge_is_opened() {
        let db = Upgraded::from(3, BEFORE).await;
        let query = "SELECT group_concat(id || unsigned || is_own) || ' ' || (SELECT open_badge FROM project) FROM hook";
        assert_eq!(db.texts(query).await, ["101,211,301,401,501 0"]);
    }
}
