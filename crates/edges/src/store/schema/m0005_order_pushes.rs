//! Adds the order of pushes: the moves of refs, and the position of each build in the order of its ref.

use super::tables::{belongs, index, table};
use sea_orm::{
    ConnectionTrait, DbErr,
    sea_query::{ColumnDef, Table, TableCreateStatement},
};
use sea_orm_migration::{
    MigrationName, MigrationTrait, SchemaManager,
    schema::{big_integer, big_integer_null, big_pk_auto, boolean, string, string_null, text},
};

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0005_order_pushes"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(ref_move()).await?;
        for (table, column) in new_columns() {
            manager.alter_table(Table::alter().table(table).add_column(column).take()).await?;
        }
        for step in CARRIED_OVER {
            manager.get_connection().execute_unprepared(step).await?;
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
    ("ref_move", &["project_id", "git_ref", "uuid"], true),
    ("ref_move", &["project_id", "git_ref", "at"], false),
    ("build", &["project_id", "position"], false),
    ("build", &["project_id", "git_ref", "position"], false),
    ("build", &["project_id", "sha"], false),
];

/// Fills the new table. Earlier builds are in the order of their ids. The last build of each ref counts as the place
/// where the ref was seen.
const CARRIED_OVER: &[&str] = &[
    "UPDATE build SET position = id * 1048576",
    "INSERT INTO ref_move (project_id, git_ref, uuid, after, sha, at, source, created_at) \
     SELECT project_id, git_ref, 'build:' || id, sha, sha, COALESCE(pushed_at, created_at), 'told', created_at \
     FROM build ORDER BY id",
    "INSERT INTO ref_move (project_id, git_ref, uuid, after, sha, at, source, created_at) \
     SELECT build.project_id, build.git_ref, 'seen:' || id, sha, sha, last.at, 'seen', created_at \
     FROM build JOIN (SELECT MAX(id) AS build_id, MAX(COALESCE(pushed_at, created_at)) AS at \
     FROM build GROUP BY project_id, git_ref) AS last ON last.build_id = build.id ORDER BY id",
];

fn new_columns() -> Vec<(&'static str, ColumnDef)> {
    vec![
        ("build", big_integer("position").default(0).take()),
        ("build", boolean("ref_is_gone").default(false).take()),
        ("job", big_integer_null("move_id")),
        ("job", string_null("canceled_by")),
    ]
}

/// The moves of a ref, from deliveries and from the forge's answers about the ref's present commit.
fn ref_move() -> TableCreateStatement {
    let columns = [
        big_pk_auto("id"),
        big_integer("project_id"),
        text("git_ref"),
        string("uuid"),
        string_null("before"),
        string("after"),
        string_null("sha"),
        big_integer("at"),
        string("source"),
        big_integer("created_at"),
    ];
    belongs(&mut table("ref_move", columns), "project_id", "project")
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
        "INSERT INTO build (id, project_id, number, git_ref, sha, status, trigger, author, message, created_at, \
         pushed_at) VALUES (2, 1, 2, 'main', 'b', 'success', '\"push\"', '{}', 'One', 200, 9000), \
         (3, 1, 3, 'x', 'c', 'success', '\"push\"', '{}', 'One', 300, NULL), \
         (4, 1, 4, 'main', 'd', 'success', '\"push\"', '{}', 'One', 400, 7000)",
    ];

    #[tokio::test]
    async fn builds_keep_the_order_of_their_ids_and_the_last_one_of_a_ref_stays_the_newest() {
        let db = Upgraded::from(3, BEFORE).await;
        let order = "SELECT sha FROM build ORDER BY position DESC";
        assert_eq!(db.texts(order).await, ["d", "c", "b"]);
        let moves = "SELECT git_ref || ' ' || sha || ' ' || at || ' ' || source FROM ref_move ORDER BY id";
        assert_eq!(
            db.texts(moves).await,
            ["main b 9000 told", "x c 300 told", "main d 7000 told", "x c 300 seen", "main d 9000 seen"]
        );
        db.execute("DELETE FROM project").await.unwrap();
        assert!(db.texts(moves).await.is_empty(), "they go with their project");
    }
}
