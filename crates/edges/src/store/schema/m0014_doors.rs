//! Adds the organization that admitted a user, and the scopes of API tokens. Existing tokens keep all rights and never
//! expire.

use sea_orm::{DbErr, sea_query::Table};
use sea_orm_migration::{
    MigrationName, MigrationTrait, SchemaManager,
    schema::{big_integer_null, string, string_null},
};

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0014_doors"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    /// The project of a token has no foreign key: if the project is removed, the token gives access to nothing.
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let columns = [
            ("user", string_null("admitted_by")),
            ("api_token", string("scope").default("all").take()),
            ("api_token", big_integer_null("project_id")),
            ("api_token", big_integer_null("expires_at")),
        ];
        for (table, column) in columns {
            manager.alter_table(Table::alter().table(table).add_column(column).take()).await?;
        }
        Ok(())
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::upgraded::Upgraded;

    #[tokio::test]
    async fn a_token_from_before_has_all_rights_and_no_end() {
        let before = [
            "INSERT INTO user (id, forge_id, login, name, avatar_url, token, created_at, signed_in_at) \
             VALUES (1, 7, 'anna', 'Anna', '', x'', 0, 0)",
            "INSERT INTO api_token (id, user_id, title, fingerprint, created_at) VALUES (1, 1, 'Deploys', 'f', 0)",
        ];
        let db = Upgraded::from(13, &before).await;
        let select = "SELECT scope FROM api_token JOIN user ON user.id = user_id \
                      WHERE project_id IS NULL AND expires_at IS NULL AND admitted_by IS NULL";
        let rows = db.texts(select).await;
        assert_eq!(rows, ["all"]);
    }
}
