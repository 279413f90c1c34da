//! Adds the rules of a hook that say which events wake it.

use super::tables::add_text;
use sea_orm::DbErr;
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager};

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0019_hook_wake"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        add_text(manager, "hook", "wake", "{}").await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::upgraded::Upgraded;

    #[tokio::test]
    async fn a_hook_that_was_there_has_no_rules() {
        let before = [
            "INSERT INTO user (id, forge_id, login, name, avatar_url, token, created_at, signed_in_at) \
             VALUES (1, 7, 'anna', 'Anna', '', x'', 0, 0)",
            "INSERT INTO project (id, owner_id, forge_id, owner, name, private, default_branch, html_url, clone_url, \
             created_at) VALUES (1, 1, 5, 'anna', 'hello', 0, 'main', '', '', 0)",
            "INSERT INTO hook (id, project_id, title, image, script, secret, created_at) \
             VALUES (3, 1, 'Tests', 'debian', '', x'', 0)",
        ];
        let db = Upgraded::from(16, &before).await;
        assert_eq!(db.texts("SELECT title || wake FROM hook").await, ["Tests{}"]);
    }
}
