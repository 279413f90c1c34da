//! Runs the store's tests on real database servers. Each of these tests starts a server, and has all tests of the store
//! run on it.
//!
//! The tests run in another process, in which [`Stage`](super::Stage) makes its databases on the server. Tests of
//! SQLite alone are left out, by the names of their modules.

mod moves;
mod proxy;
mod sessions;

use super::{super::*, HERE, KEY, NOW, Stage, change, hook_settings};
use crate::store::database::Transaction;
use kozmic_model::{
    build::Build,
    event::Change,
    git::GitRef,
    ids::{CredentialId, ProjectId},
    job::Outcome,
    registry::CredentialDraft,
    status::Status,
};
use kozmic_testkit::{
    authority::Authority, database::DatabaseOptions, mariadb::MariaDb, pgbouncer::PgBouncer,
    postgres::Postgres,
};
use sea_orm::sqlx::{self, ConnectOptions, mysql::MySqlConnectOptions, postgres::PgConnectOptions};
use std::{
    path::Path,
    process::{Command, Output},
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
};
use tokio::{
    sync::{Barrier, Notify},
    task::JoinSet,
};

/// Variable with the address of a server's database `admin`. Tests make their databases on the same server.
const SERVER: &str = "KOZMIC_STORE_TESTS_ON";

/// A database to which anybody may connect in order to make another one.
const ADMIN: &str = "admin";

/// Modules whose tests are about SQLite, or that start servers by themselves.
const LEFT_OUT: [&str; 6] = [
    "store::database::",
    "store::schema::",
    "store::takeover::",
    "store::tests::servers::",
    "store::tests::rights::",
    "::on_sqlite::",
];

/// The address of a new database: in a file in `dir`, or on the server on which the tests run.
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

/// Runs all tests of the store whose names match the filter on a server. Fails if fewer than `least` tests were found.
async fn all_pass_on(server: String, filter: &'static str, least: usize) {
    let tests = move || -> Output {
        let mut tests = Command::new(std::env::current_exe().unwrap());
        tests.env(SERVER, server).env("RUST_BACKTRACE", "0").args([filter, "--test-threads=4"]);
        LEFT_OUT.iter().for_each(|one| {
            tests.args(["--skip", one]);
        });
        tests.output().unwrap()
    };
    let done = tokio::task::spawn_blocking(tests).await.unwrap();
    let said = String::from_utf8_lossy(&done.stdout);
    assert!(done.status.success(), "{said}\n{}", String::from_utf8_lossy(&done.stderr));
    let passed = said.lines().filter(|line| line.ends_with("... ok")).count();
    assert!(passed >= least, "only {passed} tests ran:\n{said}");
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
    all_pass_on(server.url(ADMIN), "store::", 70).await;
}

#[tokio::test]
async fn postgresql_behind_a_pooler_of_transactions_keeps_all_promises_of_the_store() {
    let server = postgres().await;
    let pooler = PgBouncer::before(&server).await.unwrap();
    all_pass_on(pooler.url(ADMIN), "store::tests::", 20).await;
}

#[tokio::test]
async fn mariadb_keeps_all_promises_of_the_store() {
    let server = MariaDb::start().await.unwrap();
    server.execute(&format!("CREATE DATABASE {ADMIN}")).await.unwrap();
    all_pass_on(server.url(ADMIN), "store::", 70).await;
}

/// Fills many tables, moves the installation through other databases, and compares the numbers of rows.
#[tokio::test]
async fn an_installation_moves_from_sqlite_to_each_server_and_back() {
    let (postgres, mariadb) = (Postgres::start().await.unwrap(), MariaDb::start().await.unwrap());
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str| format!("sqlite://{}?mode=rwc", dir.path().join(name).display());
    let stage = Stage::at(&file("first.db"), tempfile::tempdir().unwrap()).await;
    for digit in ['a', 'b', 'c'] {
        stage.push(digit).await;
        stage.run(1).await;
    }
    stage.other_project().await;
    stage.store.runners().note_built("here", stage.project, NOW).await.unwrap();
    let gone = stage.store.hooks().add_hook(stage.project, &hook_settings(), NOW).await.unwrap().id;
    stage.store.hooks().delete_hook(gone).await.unwrap();
    let dropped = credential(&stage.store, stage.project).await;
    stage.store.keys().remove_credential(stage.project, dropped).await.unwrap();
    let builds = all_builds(&stage.store, stage.project).await;
    assert_eq!(builds.len(), 3);
    stage.store.close().await;
    let mut at = file("first.db");
    let mut first = None;
    let servers = [postgres.fresh_database().await.unwrap(), mariadb.fresh_database().await.unwrap()];
    for next in [servers[0].clone(), file("second.db"), servers[1].clone(), file("third.db")] {
        let moved = transfer(&at, &next).await.unwrap();
        assert!(moved.iter().any(|moved| moved.table == "build" && moved.rows == 3), "{moved:?}");
        assert_eq!(&moved, first.get_or_insert(moved.clone()), "{}", shown_address(&next));
        let fault = transfer(&at, &next).await.unwrap_err().to_string();
        assert!(fault.contains("has rows already"), "{fault}");
        at = next;
    }
    for url in [&servers[0], &servers[1], &file("third.db")] {
        let store = Store::open(url, &KEY.into()).await.unwrap();
        assert_eq!(store.runners().built_by("here").await.unwrap(), [stage.project].into());
        store.runners().note_built("there", stage.project, NOW).await.unwrap();
        assert_eq!(all_builds(&store, stage.project).await, builds);
        assert!(store.people().token_of(stage.user).await.is_ok(), "with the same key");
        // A number that was given once means nothing else.
        let hook = store.hooks().add_hook(stage.project, &hook_settings(), NOW).await.unwrap().id;
        assert_eq!(hook.0, gone.0 + 1, "{}", shown_address(url));
        assert_eq!(credential(&store, stage.project).await.0, dropped.0 + 1, "{}", shown_address(url));
    }
}

/// Keeps a credential; gives its number.
async fn credential(store: &Store, project: ProjectId) -> CredentialId {
    let text = str::to_owned;
    let draft =
        CredentialDraft { registry: text("hub.example"), username: text("anna"), password: text("secret") };
    store.keys().keep_credential(project, &draft, NOW).await.unwrap();
    store.keys().credentials(project).await.unwrap()[0].id
}

/// Reads the log of statements of a server in which only one change happens.
#[tokio::test]
async fn the_end_of_a_job_takes_each_lock_once_and_in_order() {
    let server = MariaDb::start().await.unwrap();
    let url = server.fresh_database().await.unwrap();
    let stage = Stage::at(&url, tempfile::tempdir().unwrap()).await;
    stage.push('a').await;
    let job =
        stage.store.queue().claim_job(Lane::Containers, HERE, Among::All, NOW).await.unwrap().unwrap().job;
    server.execute("SET GLOBAL log_output = 'TABLE'; SET GLOBAL general_log = ON").await.unwrap();
    let ended = stage.store.queue().finish_job(job.attempt(), &Outcome::Returned(0), NOW).await.unwrap();
    assert_eq!(ended.map(|build| build.status), Some(Status::Success));
    let locks = "SELECT REGEXP_SUBSTR(argument, '(?<=FROM `)[a-z_]+') FROM mysql.general_log \
                 WHERE command_type = 'Execute' AND argument LIKE 'SELECT % FOR UPDATE' ORDER BY event_time";
    assert_eq!(server.execute(locks).await.unwrap().lines().collect::<Vec<_>>(), ["project", "build", "job"]);
}

/// Moves rows that MariaDB takes only with care: the number 0, and more bytes than one statement may have.
#[tokio::test]
async fn odd_rows_move_to_a_database_on_which_a_server_was_started() {
    let options = DatabaseOptions::default().setting("max-allowed-packet", "4M");
    let mariadb = MariaDb::start_with(options).await.unwrap();
    let to = mariadb.fresh_database().await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let from = format!("sqlite://{}?mode=rwc", dir.path().join("kozmic.db").display());
    let stage = Stage::at(&from, tempfile::tempdir().unwrap()).await;
    for id in 0..50 {
        let row = rows::hearing::ActiveModel {
            id: Set(id),
            door: Set(format!("door:{id}")),
            hook_id: Set(None),
            forge_id: Set(id),
            seen_at: Set(0),
            heads: Set("x".repeat(300 << 10)),
            fault: Set(None),
        };
        rows::hearing::Entity::insert(row).exec_without_returning(&stage.store.db.writer).await.unwrap();
    }
    stage.store.close().await;
    let started = Store::open(&to, &"another key".repeat(4).into()).await.unwrap();
    started.try_writing(NOW).await.unwrap();
    started.close().await;
    let moved = transfer(&from, &to).await.unwrap();
    assert!(moved.iter().any(|moved| moved.table == "hearing" && moved.rows == 50), "{moved:?}");
    let numbers = format!("SELECT min(id), max(id) FROM {}.hearing", kozmic_testkit::database::name_of(&to));
    assert_eq!(mariadb.execute(&numbers).await.unwrap(), "0\t49");
    Store::open(&to, &KEY.into()).await.unwrap().close().await;
}

async fn all_builds(store: &Store, project: ProjectId) -> Vec<Build> {
    let asked = PageAsked { number: 1, size: 100 };
    store.builds().builds(project, &BuildFilter::default(), asked).await.unwrap().items
}

#[tokio::test]
async fn a_server_that_goes_away_and_comes_back_costs_nothing_that_was_answered() {
    let mut server = postgres().await;
    let url = server.fresh_database().await.unwrap();
    let stage = Arc::new(Stage::at(&url, tempfile::tempdir().unwrap()).await);
    let name = kozmic_testkit::database::name_of(&url).to_owned();
    let (pushing, begun) = (Arc::clone(&stage), Arc::new(Notify::new()));
    let told = Arc::clone(&begun);
    let pushes = tokio::spawn(async move {
        for number in 0..40 {
            push_until_answered(&pushing, &format!("b{number}")).await;
            told.notify_one();
        }
    });
    begun.notified().await;
    for _ in 0..5 {
        server.kill_connections(&name).await.unwrap();
    }
    server.stop().await.unwrap();
    server.start_again().await.unwrap();
    pushes.await.unwrap();
    let builds = all_builds(&stage.store, stage.project).await;
    assert_eq!(
        builds.iter().map(|build| build.number).collect::<Vec<_>>(),
        (1..=40).rev().collect::<Vec<_>>()
    );
}

/// Pushes to a branch. If the server went away while it committed, nobody knows the outcome. Then the delivery is
/// handled again.
async fn push_until_answered(stage: &Stage, branch: &str) {
    let delivery = stage.delivered(branch).await;
    let change = || Change { git_ref: GitRef::Branch(branch.into()), ..change('a') };
    for _ in 0..20 {
        if stage.try_enqueue(delivery, change()).await.is_ok() {
            return;
        }
    }
    panic!("the server does not come back");
}

#[tokio::test]
async fn a_server_with_a_certificate_is_known_by_its_authority() {
    let (known, other) = (Authority::new("known").unwrap(), Authority::new("other").unwrap());
    let options = || DatabaseOptions::default().tls(&known).unwrap();
    let (postgres, mariadb) =
        (Postgres::start_with(options()).await.unwrap(), MariaDb::start_with(options()).await.unwrap());
    let file = other.certificate();
    for (url, wrong) in [
        (postgres.fresh_database().await.unwrap(), postgres.url_trusting("postgres", &file)),
        (mariadb.fresh_database().await.unwrap(), mariadb.url_trusting("mysql", &file)),
    ] {
        Store::open(&url, &KEY.into()).await.unwrap().ping().await.unwrap();
        let fault = format!("{:#}", Store::open(&wrong, &KEY.into()).await.err().expect("it is refused"));
        assert!(fault.contains("certificate") && !fault.contains("kozmic:"), "{fault}");
    }
}

#[tokio::test]
async fn tables_of_another_version_or_program_are_refused_with_the_command_that_helps() {
    let (postgres, mariadb) = (Postgres::start().await.unwrap(), MariaDb::start().await.unwrap());
    for url in [postgres.fresh_database().await.unwrap(), mariadb.fresh_database().await.unwrap()] {
        let refused =
            async || format!("{:#}", Store::open(&url, &KEY.into()).await.err().expect("it is refused"));
        let store = Store::open(&url, &KEY.into()).await.unwrap();
        let change = async |statement: &'static str| {
            store.db.writer.execute_unprepared(statement).await.unwrap();
        };
        assert_eq!(look(&url).await.unwrap(), Condition::Ready);
        change("DELETE FROM seaql_migrations WHERE version LIKE 'm0017%'").await;
        let fault = refused().await;
        assert!(fault.contains("older than this program") && fault.contains("kozmic migrate"), "{fault}");
        assert!(matches!(migrate(&url).await.unwrap(), Condition::Behind(_)));
        change("INSERT INTO seaql_migrations VALUES ('m9999_later', 0)").await;
        let fault = refused().await;
        assert!(fault.contains("m9999_later") && fault.contains("run a newer kozmic"), "{fault}");
        change("DROP TABLE seaql_migrations").await;
        let fault = refused().await;
        assert!(fault.contains("tables that are not Kozmic's"), "{fault}");
    }
}

#[tokio::test]
async fn a_database_without_its_lock_takes_no_change() {
    let (postgres, mariadb) = (Postgres::start().await.unwrap(), MariaDb::start().await.unwrap());
    for url in [postgres.fresh_database().await.unwrap(), mariadb.fresh_database().await.unwrap()] {
        let stage = Stage::at(&url, tempfile::tempdir().unwrap()).await;
        stage.store.db.writer.execute_unprepared("DELETE FROM change_lock").await.unwrap();
        let refused = stage.store.hooks().add_hook(stage.project, &hook_settings(), NOW).await;
        let fault = format!("{:#}", refused.unwrap_err());
        assert!(fault.contains("change_lock has lost its row"), "{fault}");
    }
}

/// Each change takes the lock that the other one needs next. So the server undoes one of them.
#[tokio::test]
async fn two_changes_that_wait_for_each_other_are_both_made_in_the_end() {
    let (postgres, mariadb) = (Postgres::start().await.unwrap(), MariaDb::start().await.unwrap());
    for url in [postgres.fresh_database().await.unwrap(), mariadb.fresh_database().await.unwrap()] {
        let stage = Stage::at(&url, tempfile::tempdir().unwrap()).await;
        let projects = [stage.project.0, stage.other_project().await.0];
        let (both, tries) = (Arc::new(Barrier::new(2)), Arc::new(AtomicUsize::new(0)));
        let mut changes = JoinSet::new();
        for [first, second] in [projects, [projects[1], projects[0]]] {
            let (db, both, tries) = (stage.store.db.clone(), Arc::clone(&both), Arc::clone(&tries));
            changes.spawn(async move {
                let (both, tries, is_new) = (&both, &tries, &AtomicBool::new(true));
                let change = move |tx: Transaction| async move {
                    tries.fetch_add(1, Ordering::Relaxed);
                    tx.lock_project(first).await?;
                    if is_new.swap(false, Ordering::Relaxed) {
                        both.wait().await;
                    }
                    tx.lock_project(second).await
                };
                db.change_in_parallel("nothing", change).await.unwrap();
            });
        }
        changes.join_all().await;
        assert!(tries.load(Ordering::Relaxed) > 2, "{}", shown_address(&url));
    }
}
