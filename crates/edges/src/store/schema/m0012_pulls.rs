//! Adds the repositories of images that projects pulled. If a project has a login for the registry, the images of its
//! hooks and earlier jobs count as pulled with that login.

use super::tables::{index, table};
use kozmic_model::{image::ImageName, registry::host_of};
use sea_orm::{ConnectionTrait, DbErr, Statement};
use sea_orm_migration::{
    MigrationName, MigrationTrait, SchemaManager,
    schema::{big_integer, big_pk_auto, string},
};
use std::collections::BTreeSet;

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0012_pulls"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    /// The project has no foreign key: an image that was pulled with its login outlives the project.
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let columns = [
            big_pk_auto("id"),
            string("runner"),
            string("repository"),
            big_integer("project_id"),
            string("state"),
        ];
        manager.create_table(table("pull", columns)).await?;
        manager.create_index(index("pull", &["runner", "repository", "project_id"], true)).await?;
        brought_before(manager.get_connection()).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

async fn brought_before(db: &impl ConnectionTrait) -> Result<(), DbErr> {
    let select = "SELECT DISTINCT i.project_id, i.image, c.registry, r.name FROM \
         (SELECT project_id, image FROM hook \
          UNION SELECT project_id, json_extract(spec, '$.image') FROM job WHERE json_valid(spec)) i \
         JOIN registry_credential c ON c.project_id = i.project_id JOIN runner r WHERE i.image IS NOT NULL";
    let found = db.query_all_raw(Statement::from_string(db.get_database_backend(), select)).await?;
    let mut pulls = BTreeSet::new();
    for row in found {
        let (project, image) = (row.try_get_by_index::<i64>(0)?, row.try_get_by_index::<String>(1)?);
        let (registry, runner) = (row.try_get_by_index::<String>(2)?, row.try_get_by_index::<String>(3)?);
        let Ok(image) = image.parse::<ImageName>() else { continue };
        if !image.is_official() && host_of(image.registry()) == registry {
            pulls.insert((runner, image.listed_repository().to_owned(), project));
        }
    }
    for (runner, repository, project) in pulls {
        let insert =
            "INSERT INTO pull (runner, repository, project_id, state) VALUES (?, ?, ?, 'with_login')";
        let values = [runner.into(), repository.into(), project.into()];
        db.execute_raw(Statement::from_sql_and_values(db.get_database_backend(), insert, values)).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::tests::upgraded::Upgraded;

    const BEFORE: &[&str] = &[
        "INSERT INTO user (id, forge_id, login, name, avatar_url, token, created_at, signed_in_at) \
         VALUES (1, 7, 'anna', 'Anna', '', x'', 0, 0)",
        "INSERT INTO project (id, owner_id, forge_id, owner, name, private, default_branch, html_url, clone_url, \
         created_at) VALUES (1, 1, 5, 'anna', 'a', 1, 'main', '', '', 0), (2, 1, 6, 'anna', 'b', 1, 'main', '', '', 0)",
        "INSERT INTO hook (id, project_id, title, image, script, secret, created_at) VALUES \
         (1, 1, '', 'ghcr.io/team/a:1', '', x'', 0), (2, 1, '', 'debian', '', x'', 0), (3, 1, '', 'team/b', '', x'', 0), \
         (4, 1, '', 'quay.io/team/c', '', x'', 0), (5, 2, '', 'ghcr.io/team/d', '', x'', 0), \
         (6, 1, '', 'GHCR.IO/no image', '', x'', 0), (7, 1, '', 'ghcr.io/team/a:2', '', x'', 0)",
        "INSERT INTO build (id, project_id, number, git_ref, sha, status, trigger, author, message, created_at) VALUES \
         (1, 1, 1, 'refs/heads/main', 'a', 'success', '', '', '', 0)",
        "INSERT INTO job (id, build_id, project_id, spec, status, attempt, cancel_requested, phases, created_at) VALUES \
         (1, 1, 1, '{\"image\":\"ghcr.io/team/recipe:1\"}', 'success', 1, 0, '[]', 0), \
         (2, 1, 1, 'no json', 'success', 1, 0, '[]', 0), (3, 1, 1, '{}', 'success', 1, 0, '[]', 0)",
        "INSERT INTO registry_credential (id, project_id, registry, username, password, created_at) VALUES \
         (1, 1, 'ghcr.io', 'bot', x'', 0), (2, 1, 'docker.io', 'bot', x'', 0)",
        "INSERT INTO runner (name, slots, busy, seen_at) VALUES ('here', 1, 0, 0)",
    ];

    #[tokio::test]
    async fn what_a_project_pulled_with_its_login_is_its_own() {
        let db = Upgraded::from(11, BEFORE).await;
        let select =
            "SELECT runner || ' ' || repository || ' ' || project_id || ' ' || state FROM pull ORDER BY 1";
        let rows = db.texts(select).await;
        assert_eq!(
            rows,
            [
                "here ghcr.io/team/a 1 with_login",
                "here ghcr.io/team/recipe 1 with_login",
                "here team/b 1 with_login"
            ]
        );
    }
}
