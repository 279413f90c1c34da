//! Compares the indexes of all databases: SQLite's steps and the servers' first step make them separately.

use crate::store::{Store, schema, tests::KEY};
use kozmic_testkit::{mariadb::MariaDb, postgres::Postgres};
use sea_orm::{ConnectionTrait, DbBackend};
use std::collections::BTreeSet;

/// The indexes of SQLite, without those of primary keys: `table(column,column) unique`.
const OF_SQLITE: &str = "SELECT made.name || '(' || \
    (SELECT group_concat(name) FROM (SELECT name FROM pragma_index_info(one.name) ORDER BY seqno)) \
    || CASE one.\"unique\" WHEN 1 THEN ') unique' ELSE ')' END \
    FROM sqlite_schema made, pragma_index_list(made.name) one \
    WHERE made.type = 'table' AND one.origin <> 'pk'";

/// The same of PostgreSQL.
const OF_POSTGRES: &str = "SELECT made.relname || '(' || string_agg(named.attname, ',' ORDER BY part.place) \
    || CASE WHEN one.indisunique THEN ') unique' ELSE ')' END \
    FROM pg_index one JOIN pg_class made ON made.oid = one.indrelid \
    CROSS JOIN LATERAL unnest(one.indkey::int2[]) WITH ORDINALITY AS part(number, place) \
    JOIN pg_attribute named ON named.attrelid = made.oid AND named.attnum = part.number \
    WHERE made.relnamespace = current_schema()::regnamespace AND NOT one.indisprimary \
    GROUP BY one.indexrelid, made.relname, one.indisunique";

/// The same of MariaDB.
const OF_MARIADB: &str = "SELECT CAST(CONCAT(table_name, '(', \
    GROUP_CONCAT(column_name ORDER BY seq_in_index), IF(non_unique, ')', ') unique')) AS CHAR) \
    FROM information_schema.statistics WHERE table_schema = DATABASE() AND index_name <> 'PRIMARY' \
    GROUP BY table_name, index_name, non_unique";

async fn indexes(url: &str) -> BTreeSet<String> {
    let store = Store::open(url, &KEY.into()).await.unwrap();
    let query = match store.db.reader.get_database_backend() {
        DbBackend::Sqlite => OF_SQLITE,
        DbBackend::Postgres => OF_POSTGRES,
        _ => OF_MARIADB,
    };
    schema::texts(&store.db.reader, query).await.unwrap().into_iter().collect()
}

#[tokio::test]
async fn all_databases_have_the_same_indexes() {
    let dir = tempfile::tempdir().unwrap();
    let (postgres, mariadb) = (Postgres::start().await.unwrap(), MariaDb::start().await.unwrap());
    let of_sqlite = indexes(&format!("sqlite://{}?mode=rwc", dir.path().join("db").display())).await;
    assert!(of_sqlite.contains("build(project_id,number) unique"), "{of_sqlite:?}");
    for url in [postgres.fresh_database().await.unwrap(), mariadb.fresh_database().await.unwrap()] {
        assert_eq!(indexes(&url).await, of_sqlite);
    }
}
