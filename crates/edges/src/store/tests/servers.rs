//! The same promises on real database servers: each of these tests starts one, and has all tests of the store run on it.
//!
//! The tests run once more in a process of their own, in which [`Stage`](super::Stage) makes its databases there. Tests of
//! what only SQLite has are left out, by the names of their modules.

use kozmic_testkit::{mariadb::MariaDb, pgbouncer::PgBouncer, postgres::Postgres};
use sea_orm::sqlx::{self, ConnectOptions, mysql::MySqlConnectOptions, postgres::PgConnectOptions};
use std::{
    path::Path,
    process::{Command, Output},
    sync::atomic::{AtomicUsize, Ordering},
};

/// Variable with the address of a server's database `admin`, beside which tests make theirs.
const SERVER: &str = "KOZMIC_STORE_TESTS_ON";

/// A database that anybody may connect to, to make another one.
const ADMIN: &str = "admin";

/// Modules whose tests are about SQLite, or that start servers by themselves.
const LEFT_OUT: [&str; 5] =
    ["store::database::", "store::schema::", "store::takeover::", "store::tests::servers::", "::on_sqlite::"];

/// The number of tests that there are at least: fewer were not found.
const LEAST: usize = 70;

/// The address of a new database: in a file there, or on the server that the tests run on.
pub(super) async fn fresh_database(dir: &Path) -> String {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let Ok(server) = std::env::var(SERVER) else {
        return format!("sqlite://{}?mode=rwc", dir.join("kozmic.db").display());
    };
    let name = format!("stage_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
    let make = sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"));
    if server.starts_with("mysql") {
        let mut admin = server.parse::<MySqlConnectOptions>().unwrap().connect().await.unwrap();
        sqlx::raw_sql(make).execute(&mut admin).await.unwrap();
    } else {
        let admin = server.parse::<PgConnectOptions>().unwrap().extra_float_digits(None);
        sqlx::raw_sql(make).execute(&mut admin.connect().await.unwrap()).await.unwrap();
    }
    server.replace(&format!("/{ADMIN}"), &format!("/{name}"))
}

/// Runs all tests of the store on a server.
async fn all_pass_on(server: String) {
    let tests = move || -> Output {
        let mut tests = Command::new(std::env::current_exe().unwrap());
        tests.env(SERVER, server).env("RUST_BACKTRACE", "0").args(["store::", "--test-threads=4"]);
        LEFT_OUT.iter().for_each(|one| {
            tests.args(["--skip", one]);
        });
        tests.output().unwrap()
    };
    let done = tokio::task::spawn_blocking(tests).await.unwrap();
    let said = String::from_utf8_lossy(&done.stdout);
    assert!(done.status.success(), "{said}\n{}", String::from_utf8_lossy(&done.stderr));
    let passed = said.lines().filter(|line| line.ends_with("... ok")).count();
    assert!(passed >= LEAST, "only {passed} tests ran:\n{said}");
}

async fn postgres() -> Postgres {
    let server = Postgres::start().await.unwrap();
    server.execute("ALTER ROLE kozmic CREATEDB").await.unwrap();
    server.execute(&format!("CREATE DATABASE {ADMIN} OWNER kozmic")).await.unwrap();
    server
}

#[tokio::test]
async fn postgresql_keeps_all_promises_of_the_store() {
    let server = postgres().await;
    all_pass_on(server.url(ADMIN)).await;
}

#[tokio::test]
async fn postgresql_behind_a_pooler_of_transactions_keeps_all_promises_of_the_store() {
    let server = postgres().await;
    let pooler = PgBouncer::before(&server).await.unwrap();
    all_pass_on(pooler.url(ADMIN)).await;
}

#[tokio::test]
async fn mariadb_keeps_all_promises_of_the_store() {
    let server = MariaDb::start().await.unwrap();
    server.execute(&format!("CREATE DATABASE {ADMIN}")).await.unwrap();
    all_pass_on(server.url(ADMIN)).await;
}
