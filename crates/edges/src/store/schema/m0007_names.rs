//! Gives each name an owner: a branch of a repository. A name that was given earlier belongs to the branch whose push
//! got it last, so that links keep their targets. Jobs now note since when they wait.

use super::tables::{belongs, index, table};
use sea_orm::{
    ConnectionTrait, DbErr,
    sea_query::{Table, TableCreateStatement},
};
use sea_orm_migration::{
    MigrationName, MigrationTrait, SchemaManager,
    schema::{big_integer, big_integer_null, big_pk_auto, boolean, integer, string, text, text_null},
};

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0007_names"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // The table has no foreign key to the project: a link outlives its project.
        let columns =
            [big_pk_auto("id"), string("place"), string("key"), text("owner"), text("plain"), text("name")];
        manager.create_table(table("given_name", columns)).await?;
        manager.create_index(index("given_name", &["place", "key"], true)).await?;
        manager.create_index(index("given_name", &["place", "owner", "plain"], true)).await?;
        manager.create_table(upload()).await?;
        manager.create_index(index("upload", &["job_id", "name"], true)).await?;
        let drops_artifacts = boolean("drops_artifacts").default(false).take();
        manager.alter_table(Table::alter().table("project").add_column(drops_artifacts).take()).await?;
        for table in ["job", "attempt"] {
            let queued_at = big_integer_null("queued_at");
            manager.alter_table(Table::alter().table(table).add_column(queued_at).take()).await?;
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

/// Uploads to a hub that have begun, so that each is finished after a crash without another upload.
fn upload() -> TableCreateStatement {
    let columns = [
        big_pk_auto("id"),
        big_integer("job_id"),
        integer("attempt"),
        string("name"),
        string("sha256"),
        text_null("before"),
        boolean("is_done"),
    ];
    belongs(&mut table("upload", columns), "job_id", "job")
}

/// Fills the new tables. A stable name belongs to the owner of the artifact with the newest push behind it. The name of
/// an image does, too. The series of an artifact is the name of its versions, with a star for the commit. For a job's
/// first attempt, the waiting began when the job was created.
const CARRIED_OVER: &[&str] = &[
    "CREATE TEMPORARY TABLE published AS \
     SELECT a.place_kind AS place, a.stable, \
            replace(a.versioned, '-' || substr(b.sha, 1, 10), '-*') AS series, \
            lower(p.owner || '/' || p.name) || ' ' || b.git_ref AS whose, j.kind, \
            CASE WHEN json_valid(j.spec) THEN json_extract(j.spec, '$.origin.kernel') END AS kernel, \
            CASE WHEN json_valid(j.spec) THEN lower(rtrim(rtrim(json_extract(j.spec, '$.image'), \
                 replace(json_extract(j.spec, '$.image'), ':', '')), ':')) END AS base, b.git_ref, \
            a.pushed_at, a.build_id, a.id \
     FROM artifact a JOIN job j ON j.id = a.job_id JOIN build b ON b.id = a.build_id \
     JOIN project p ON p.id = a.project_id",
    "INSERT OR IGNORE INTO given_name (place, key, owner, plain, name) \
     SELECT place, lower(stable), \
            CASE WHEN kernel = 'dependent' THEN 'kernels on ' || base || ' ' || git_ref ELSE kind || ' ' || whose END, \
            stable, stable \
     FROM published ORDER BY pushed_at DESC, build_id DESC, id DESC",
    "INSERT OR IGNORE INTO given_name (place, key, owner, plain, name) \
     SELECT place, lower(series), \
            CASE WHEN kernel = 'dependent' THEN 'kernel part ' || whose ELSE kind || ' ' || whose END, series, series \
     FROM published ORDER BY pushed_at DESC, build_id DESC, id DESC",
    "DROP TABLE published",
    "INSERT OR IGNORE INTO given_name (place, key, owner, plain, name) \
     SELECT 'image', i.name, 'kernel ' || lower(p.owner || '/' || p.name) || ' ' || b.git_ref, i.name, i.name \
     FROM kernel_image i JOIN build b ON b.id = i.build_id JOIN project p ON p.id = b.project_id \
     WHERE i.is_current ORDER BY i.pushed_at DESC, i.build_id DESC, i.id DESC",
    "UPDATE job SET queued_at = created_at WHERE attempt <= 1",
    "UPDATE attempt SET queued_at = (SELECT created_at FROM job WHERE job.id = attempt.job_id) WHERE number = 1",
];

#[cfg(test)]
mod tests {
    use super::super::tests::upgraded::Upgraded;

    /// Rows of an installation after the third step: two branches share a link, and a third one has its own.
    const BEFORE: &[&str] = &[
        "INSERT INTO user (id, forge_id, login, name, avatar_url, token, created_at, signed_in_at) \
         VALUES (1, 7, 'anna', 'Anna', '', x'', 0, 0)",
        "INSERT INTO project (id, owner_id, forge_id, owner, name, private, default_branch, html_url, clone_url, \
         created_at) VALUES (1, 1, 5, 'Anna', 'core', 0, 'main', '', '', 0)",
        "INSERT INTO build (id, project_id, number, git_ref, sha, status, trigger, author, message, created_at) VALUES \
         (1, 1, 1, 'refs/heads/feature/x', 'aaaaaaaaaaaaaaaa', 'success', '\"push\"', '{}', '', 0), \
         (2, 1, 2, 'refs/heads/feature-x', 'bbbbbbbbbbbbbbbb', 'success', '\"push\"', '{}', '', 0), \
         (3, 1, 3, 'refs/heads/main', 'cccccccccccccccc', 'success', '\"push\"', '{}', '', 0)",
        "INSERT INTO job (id, build_id, project_id, spec, status, attempt, cancel_requested, phases, created_at, kind) \
         VALUES (1, 1, 1, 'no json', 'success', 1, 0, '[]', 5, 'recipe'), (2, 2, 1, '{}', 'success', 2, 0, '[]', 0, \
         'recipe'), (3, 3, 1, '{\"image\":\"Anna/base:main\",\"origin\":{\"kernel\":\"dependent\"}}', 'success', 1, 0, \
         '[]', 0, 'kernel')",
        "INSERT INTO attempt (job_id, number, status, phases) VALUES (1, 1, 'error', '[]')",
        "INSERT INTO artifact (project_id, build_id, job_id, format, versioned, stable, place_kind, place, size, \
         sha256, pushed_at, created_at) VALUES \
         (1, 2, 2, 'binary', 'Anna-core-feature-x-bbbbbbbbbb', 'Anna-core-feature-x', 'binary', '', 1, '', 10, 0), \
         (1, 1, 1, 'binary', 'Anna-core-feature-x-aaaaaaaaaa', 'Anna-core-feature-x', 'binary', '', 1, '', 20, 0), \
         (1, 3, 3, 'kernel', 'z-main-core-cccccccccc.efi', 'z-main.efi', 'kernel', '', 1, '', 30, 0)",
        "INSERT INTO kernel_image (runner, name, image_id, is_current, pushed_at, build_id) VALUES \
         ('here', 'anna/core:feature-x', 'sha256:1', 1, 20, 1), ('here', 'anna/core:gone', 'sha256:2', 1, 20, 99)",
    ];

    #[tokio::test]
    async fn links_that_are_there_belong_to_whose_push_was_last() {
        let db = Upgraded::from(3, BEFORE).await;
        let query = "SELECT place || ' ' || name || ' = ' || owner FROM given_name ORDER BY place, name";
        let names = db.texts(query).await;
        assert_eq!(
            names,
            [
                "binary Anna-core-feature-x = recipe anna/core refs/heads/feature/x",
                "binary Anna-core-feature-x-* = recipe anna/core refs/heads/feature/x",
                "image anna/core:feature-x = kernel anna/core refs/heads/feature/x",
                "kernel z-main-core-*.efi = kernel part anna/core refs/heads/main",
                "kernel z-main.efi = kernels on anna/base refs/heads/main",
            ]
        );
        let query =
            "SELECT group_concat(coalesce(queued_at, '-')) FROM (SELECT queued_at FROM job ORDER BY id)";
        assert_eq!(db.texts(query).await, ["5,-,0"]);
    }
}
