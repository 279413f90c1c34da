//! Moves of an installation while others write.

use super::super::*;
use crate::store::{shown_address, transfer};
use kozmic_testkit::{mariadb::MariaDb, postgres::Postgres};
use sea_orm::{ConnectionTrait, Statement};
use std::time::Duration;
use tokio::time::timeout;

/// Longest time to wait for a move to come to a lock.
const LIMIT: Duration = Duration::from_secs(60);

/// A change of two tables is committed after the move read the first of them, and before it reads the second.
#[tokio::test]
async fn a_move_copies_a_change_whole_or_not_at_all() {
    let server = Postgres::start().await.unwrap();
    let from = server.fresh_database().await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let to = format!("sqlite://{}?mode=rwc", dir.path().join("to.db").display());
    let stage = Stage::at(&from, tempfile::tempdir().unwrap()).await;
    stage.store.try_writing(NOW).await.unwrap();
    let change = stage.store.db.begin().await.unwrap();
    change.execute_unprepared("LOCK TABLE ref_move IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let addresses = (from.clone(), to.clone());
    let moving = tokio::spawn(async move { transfer(&addresses.0, &addresses.1).await });
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'";
    let comes = async { while server.execute(waiting).await.unwrap() == "0" {} };
    timeout(LIMIT, comes).await.expect("the move comes to the lock");
    change.execute_unprepared("UPDATE \"user\" SET login = 'later'").await.unwrap();
    change.execute_unprepared("UPDATE pulse SET at = 2").await.unwrap();
    change.commit().await.unwrap();
    moving.await.unwrap().unwrap();
    let moved = Store::open(&to, &KEY.into()).await.unwrap();
    let moved =
        texts(&moved.db.reader, "SELECT login FROM user UNION ALL SELECT CAST(at AS TEXT) FROM pulse").await;
    assert_eq!(moved, ["anna".to_owned(), NOW.0.to_string()]);
}

#[tokio::test]
async fn a_snapshot_shows_no_later_change() {
    let (postgres, mariadb) = (Postgres::start().await.unwrap(), MariaDb::start().await.unwrap());
    for url in [postgres.fresh_database().await.unwrap(), mariadb.fresh_database().await.unwrap()] {
        let stage = Stage::at(&url, tempfile::tempdir().unwrap()).await;
        let snapshot = stage.store.db.snapshot().await.unwrap();
        let first = texts(&snapshot, "SELECT CAST(full_name AS CHAR(9)) FROM watched").await;
        stage.store.try_writing(NOW).await.unwrap();
        let written = texts(&snapshot, "SELECT CAST(at AS CHAR(9)) FROM pulse").await;
        assert_eq!((first, written), (Vec::new(), Vec::new()), "{}", shown_address(&url));
    }
}

/// The first column of a query's rows.
async fn texts(db: &impl ConnectionTrait, query: &str) -> Vec<String> {
    let rows = db.query_all_raw(Statement::from_string(db.get_database_backend(), query)).await.unwrap();
    rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect()
}
