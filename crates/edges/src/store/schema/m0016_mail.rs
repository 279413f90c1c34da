//! Adds mail addresses that wait to be confirmed, and the number of mails per person. An address that a person typed
//! earlier waits, too: a link to confirm it is sent at the first start.

use super::tables::{belongs, index, table};
use crate::clock;
use sea_orm::{
    DbErr, Value,
    sea_query::{Expr, ExprTrait, Func, InsertStatement, Query, Table, UpdateStatement},
};
use sea_orm_migration::{
    MigrationName, MigrationTrait, SchemaManager,
    schema::{big_integer, big_integer_null, big_pk_auto, integer, integer_null, string, string_null},
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
            ("mail", big_integer_null("counted_from")),
            ("mail", integer_null("number")),
        ];
        for (table, column) in columns {
            manager.alter_table(Table::alter().table(table).add_column(column).take()).await?;
        }
        let columns = [
            big_pk_auto("id"),
            big_integer("user_id"),
            string("kind"),
            big_integer("began_at"),
            integer("mails"),
        ];
        manager.create_table(belongs(&mut table("mail_count", columns), "user_id", "user")).await?;
        manager.create_index(index("mail_count", &["user_id", "kind"], true)).await?;
        manager.exec_stmt(let_typed_addresses_wait()).await?;
        manager.exec_stmt(send_links()).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

/// Marks typed addresses as unconfirmed. The forge vouches for its own address. An imported address stays in use until
/// its person signs in here.
fn let_typed_addresses_wait() -> UpdateStatement {
    let lower = |column: &'static str| Expr::expr(Func::lower(Expr::col(column)));
    let imported =
        Query::select().column("own_id").from("imported").and_where(Expr::col("kind").eq("user")).take();
    let is_imported = Expr::col("id").in_subquery(imported).and(Expr::col("signed_in_at").eq(0));
    Query::update()
        .table("user")
        .value("mail_unconfirmed", Expr::col("mail_address"))
        .value("mail_address", Value::String(None))
        .and_where(Expr::col("mail_address").is_not_null())
        .and_where(Expr::col("email").is_null().or(lower("mail_address").ne(lower("email"))))
        .and_where(is_imported.not())
        .take()
}

/// Puts a link into the outbox for each person who wants mail at an address that waits.
fn send_links() -> InsertStatement {
    let now = clock::now().0;
    let links = Query::select()
        .expr(Expr::val("mail_link"))
        .column("id")
        .expr(Expr::val(1))
        .expr(Expr::val(0))
        .expr(Expr::val(now))
        .expr(Expr::val(now))
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
    use super::super::tests::upgraded::Upgraded;

    #[tokio::test]
    async fn addresses_that_nobody_vouched_for_wait_for_the_link_that_goes_there() {
        let people = [
            "(1, 'forge', 'a@example.com', NULL, 1)",
            "(2, 'same', 'a@example.com', 'A@example.com', 1)",
            "(3, 'typed', 'a@example.com', 'a@work.example', 1)",
            "(4, 'quiet', NULL, 'b@work.example', 0)",
            "(5, 'alone', NULL, 'c@work.example', 1)",
            "(6, 'imported', NULL, 'd@work.example', 1)",
        ];
        let insert = |person: &str| {
            let values = format!("{}, {}, '', '', x'', 0, 0)", person.trim_end_matches(')'), &person[1..2]);
            format!(
                "INSERT INTO user (id, login, email, mail_address, mail_is_on, forge_id, name, avatar_url, token, \
                 created_at, signed_in_at) VALUES {values}"
            )
        };
        let imported = "INSERT INTO imported (source, kind, foreign_id, own_id) VALUES ('old', 'user', 9, 6)";
        let before = people.map(insert).into_iter().chain([imported.to_owned()]).collect::<Vec<_>>();
        let db = Upgraded::from(15, &before).await;
        let select = "SELECT login || ' ' || COALESCE(mail_address, '-') || ' ' || COALESCE(mail_unconfirmed, '-') \
                      || ' ' || (SELECT COUNT(*) FROM outbox WHERE kind = 'mail_link' AND subject = user.id) \
                      FROM user ORDER BY id";
        let rows = db.texts(select).await;
        assert_eq!(
            rows,
            [
                "forge - - 0",
                "same A@example.com - 0",
                "typed - a@work.example 1",
                "quiet - b@work.example 0",
                "alone - c@work.example 1",
                "imported d@work.example - 0"
            ]
        );
    }
}
