//! Addresses for mail that wait to be confirmed, and the number of mails that people get within an hour. An address that
//! somebody once typed waits, too: a link to confirm it goes there with the first start.

use super::tables::{belongs, index, table};
use sea_orm::{
    DbErr, Value,
    sea_query::{Alias, Expr, ExprTrait, Func, Query, SelectStatement, Table, UpdateStatement},
};
use sea_orm_migration::{
    MigrationName, MigrationTrait, SchemaManager,
    schema::{big_integer, big_integer_null, big_pk_auto, boolean, integer, string, string_null},
};

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0016_mail"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let columns = [
            ("user", string_null("mail_unconfirmed")),
            ("mail", boolean("counted").default(false).take()),
            ("mail", big_integer_null("last_until")),
        ];
        for (table, column) in columns {
            manager.alter_table(Table::alter().table(table).add_column(column).take()).await?;
        }
        let columns = [
            big_pk_auto("id"),
            big_integer("user_id"),
            string("kind"),
            big_integer("began_at"),
            integer("used"),
        ];
        manager.create_table(belongs(&mut table("mail_quota", columns), "user_id", "user")).await?;
        manager.create_index(index("mail_quota", &["user_id", "kind"], true)).await?;
        manager.exec_stmt(let_typed_addresses_wait()).await?;
        manager.exec_stmt(send_links()).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

/// The forge vouches for its own address.
fn let_typed_addresses_wait() -> UpdateStatement {
    let lower = |column: &'static str| Func::lower(Expr::col(Alias::new(column)));
    let is_forges = Expr::expr(lower("mail_address")).eq(lower("email"));
    Query::update()
        .table("user")
        .value("mail_unconfirmed", Expr::col("mail_address"))
        .value("mail_address", Value::String(None))
        .and_where(Expr::col("mail_address").is_not_null())
        .and_where(Expr::col("email").is_null().or(is_forges.not()))
        .take()
}

fn send_links() -> sea_orm::sea_query::InsertStatement {
    let links: SelectStatement = Query::select()
        .expr(Expr::val("mail_link"))
        .column("id")
        .expr(Expr::val(1))
        .expr(Expr::val(0))
        .expr(Expr::val(0_i64))
        .expr(Expr::val(0_i64))
        .from("user")
        .and_where(Expr::col("mail_unconfirmed").is_not_null())
        .and_where(Expr::col("mail_is_on").eq(true))
        .take();
    let columns = ["kind", "subject", "version", "tries", "not_before", "created_at"];
    let mut insert = Query::insert();
    insert.into_table("outbox").columns(columns);
    insert.select_from(links).expect("as many values as columns");
    insert
}

#[cfg(test)]
mod tests {
    use super::super::Migrator;
    use sea_orm::{ConnectOptions, ConnectionTrait, Database, DbBackend, Statement};
    use sea_orm_migration::MigratorTrait;

    #[tokio::test]
    async fn addresses_that_nobody_vouched_for_wait_for_the_link_that_goes_there() {
        let dir = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}?mode=rwc", dir.path().join("db").display());
        let db = Database::connect(ConnectOptions::new(url)).await.unwrap();
        Migrator::up(&db, Some(15)).await.unwrap();
        let people = [
            "(1, 'forge', 'a@example.com', NULL, 1)",
            "(2, 'same', 'a@example.com', 'A@example.com', 1)",
            "(3, 'typed', 'a@example.com', 'a@work.example', 1)",
            "(4, 'quiet', NULL, 'b@work.example', 0)",
            "(5, 'alone', NULL, 'c@work.example', 1)",
        ];
        for person in people {
            let insert = "INSERT INTO user (id, login, email, mail_address, mail_is_on, forge_id, name, avatar_url, \
                          token, created_at, signed_in_at)";
            let values = format!("{}, {}, '', '', x'', 0, 0)", person.trim_end_matches(')'), &person[1..2]);
            db.execute_unprepared(&format!("{insert} VALUES {values}")).await.unwrap();
        }
        Migrator::up(&db, None).await.unwrap();
        let select = "SELECT login || ' ' || COALESCE(mail_address, '-') || ' ' || COALESCE(mail_unconfirmed, '-') \
                      || ' ' || (SELECT COUNT(*) FROM outbox WHERE kind = 'mail_link' AND subject = user.id) \
                      FROM user ORDER BY id";
        let rows = db.query_all_raw(Statement::from_string(DbBackend::Sqlite, select)).await.unwrap();
        let rows = rows.iter().map(|row| row.try_get_by_index::<String>(0).unwrap()).collect::<Vec<_>>();
        assert_eq!(
            rows,
            [
                "forge - - 0",
                "same A@example.com - 0",
                "typed - a@work.example 1",
                "quiet - b@work.example 0",
                "alone - c@work.example 1"
            ]
        );
    }
}
