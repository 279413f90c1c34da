//! The database's tables, step by step, forward only. A step is never edited after its release.
//!
//! SQLite went through all steps. A server begins with the tables as step 16 left them. All later steps are the same
//! for all databases. SQLite's file is brought up to date when it is opened. A server's tables may be in use by other
//! processes, so they wait for `kozmic migrate`.

pub(super) mod look;
mod rights;
mod tables;
mod m0001_create_tables;
mod m0002_teams;
mod m0003_auto_builder;
mod m0004_attempts_end;
mod m0005_order_pushes;
mod m0006_missed_deliveries;
mod m0007_names;
mod m0008_taken_over;
mod m0009_pulse;
mod m0010_gone_refs;
mod m0011_forks;
mod m0012_pulls;
mod m0013_sudo;
mod m0014_doors;
mod m0015_audit;
mod m0016_mail;
mod m0016_servers;
mod m0017_hook_labels;
mod m0017_indexes;
mod m0017_installation;
mod m0018_runners;
mod m0019_runner_projects;
mod m0019_hook_wake;

use super::database::{Database, explained::explained};
use anyhow::{Context, Result, bail};
use sea_orm::{ConnectionTrait, DbBackend, Statement};
use sea_orm_migration::{MigrationTrait, MigratorTrait};

/// The steps of SQLite.
pub(super) struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        let first: Vec<Box<dyn MigrationTrait>> = vec![
            Box::new(m0001_create_tables::Migration),
            Box::new(m0002_teams::Migration),
            Box::new(m0003_auto_builder::Migration),
            Box::new(m0004_attempts_end::Migration),
            Box::new(m0005_order_pushes::Migration),
            Box::new(m0006_missed_deliveries::Migration),
            Box::new(m0007_names::Migration),
            Box::new(m0008_taken_over::Migration),
            Box::new(m0009_pulse::Migration),
            Box::new(m0010_gone_refs::Migration),
            Box::new(m0011_forks::Migration),
            Box::new(m0012_pulls::Migration),
            Box::new(m0013_sudo::Migration),
            Box::new(m0014_doors::Migration),
            Box::new(m0015_audit::Migration),
            Box::new(m0016_mail::Migration),
        ];
        first.into_iter().chain(later()).collect()
    }
}

/// The steps of a server.
struct ServerMigrator;

impl MigratorTrait for ServerMigrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        let first: Box<dyn MigrationTrait> = Box::new(m0016_servers::Migration);
        std::iter::once(first).chain(later()).collect()
    }
}

/// The steps that all databases share.
fn later() -> Vec<Box<dyn MigrationTrait>> {
    vec![
        Box::new(m0017_installation::Migration),
        Box::new(m0017_indexes::Migration),
        Box::new(m0017_hook_labels::Migration),
        Box::new(m0018_runners::Migration),
        Box::new(m0019_runner_projects::Migration),
        Box::new(m0019_hook_wake::Migration),
    ]
}

/// Condition of a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// The database has no tables: they are made when a server starts.
    Missing,
    /// The tables are as this program needs them.
    Ready,
    /// The tables lack this many steps.
    Behind(usize),
}

/// Tables that this program does not work with.
#[derive(Debug, thiserror::Error)]
pub enum WrongTables {
    /// They are older.
    #[error(
        "its tables are older than this program: stop all servers on it, make a backup, and run `kozmic migrate`"
    )]
    Older,
    /// They are newer: they went through this unknown step.
    #[error("it is newer than this program, which does not know its step {0}: run a newer kozmic")]
    Newer(String),
    /// They belong to another program; the name of one of them.
    #[error("it has tables that are not Kozmic's, such as {0}: give Kozmic a database of its own")]
    Foreign(String),
}

/// Makes sure that a database has the tables that this program needs.
///
/// # Errors
/// The tables are newer than this program, or they are on a server and older.
pub(super) async fn prepare(db: &Database) -> Result<()> {
    if !db.has_many_writers() {
        return bring_up(db).await;
    }
    match condition(&db.writer).await? {
        Condition::Ready => rights::try_writing(db).await,
        Condition::Missing => bring_up(db).await,
        Condition::Behind(_) => bail!(WrongTables::Older),
    }
}

/// Brings a database's tables up to date; gives its condition before that.
pub(super) async fn migrate(db: &Database) -> Result<Condition> {
    let before = condition(&db.writer).await?;
    bring_up(db).await?;
    Ok(before)
}

async fn bring_up(db: &Database) -> Result<()> {
    let done = match db.writer.get_database_backend() {
        DbBackend::Sqlite => Migrator::up(&db.connection().await?, None).await,
        // MySQL makes tables outside of transactions, and cannot undo that.
        DbBackend::MySql => ServerMigrator::up(&db.connection().await?, None).await,
        _ => {
            let tx = db.writer.begin().await?;
            let done = ServerMigrator::up(&tx, None).await;
            match done {
                Ok(()) => tx.commit().await,
                fault => fault,
            }
        }
    };
    done.map_err(explained).context("bring the database's tables up to date")
}

/// Condition of a database, by the steps that it went through.
///
/// # Errors
/// The database is newer than this program, or has tables that are not Kozmic's.
pub(super) async fn condition(db: &impl ConnectionTrait) -> Result<Condition> {
    match steps(db).await? {
        Some(done) => judged(&done, db.get_database_backend()),
        None => Ok(Condition::Missing),
    }
}

/// The names of the steps that a database went through; none if it has no tables.
async fn steps(db: &impl ConnectionTrait) -> Result<Option<Vec<String>>> {
    let tables = tables(db).await?;
    if tables.is_empty() {
        return Ok(None);
    }
    if !tables.iter().any(|table| table == "seaql_migrations") {
        bail!(WrongTables::Foreign(tables[0].clone()));
    }
    let done = texts(db, "SELECT version FROM seaql_migrations").await?;
    // MariaDB makes tables outside of transactions. If the first start was cut off, the next one goes on.
    let is_begun = done.is_empty() && db.get_database_backend() == DbBackend::MySql;
    Ok((!is_begun).then_some(done))
}

/// The names of a database's tables, without those that SQLite made for itself.
pub(super) async fn tables(db: &impl ConnectionTrait) -> Result<Vec<String>> {
    let tables = match db.get_database_backend() {
        DbBackend::Postgres => {
            // The view of the standard leaves out tables for which this user has no right.
            "SELECT CAST(tablename AS text) FROM pg_catalog.pg_tables WHERE schemaname = current_schema()"
        }
        DbBackend::MySql => {
            "SELECT CAST(table_name AS CHAR) FROM information_schema.tables \
             WHERE table_schema = DATABASE() AND table_type = 'BASE TABLE'"
        }
        _ => "SELECT name FROM sqlite_schema WHERE type = 'table' AND substr(name, 1, 7) <> 'sqlite_'",
    };
    texts(db, tables).await
}

/// The first column of a query's rows.
async fn texts(db: &impl ConnectionTrait, query: &str) -> Result<Vec<String>> {
    let rows = db.query_all_raw(Statement::from_string(db.get_database_backend(), query)).await;
    let rows = rows.context("look at the database's tables")?;
    rows.iter().map(|row| row.try_get_by_index(0).context("read the name of a table or step")).collect()
}

/// Condition of a database that went through some steps.
fn judged(done: &[String], backend: DbBackend) -> Result<Condition> {
    let known = match backend {
        DbBackend::Sqlite => Migrator::migrations(),
        _ => ServerMigrator::migrations(),
    };
    let known = known.iter().map(|step| step.name().to_owned()).collect::<Vec<_>>();
    if let Some(step) = done.iter().find(|step| !known.contains(step)) {
        bail!(WrongTables::Newer(step.clone()));
    }
    Ok(match known.len() - known.iter().filter(|step| done.contains(step)).count() {
        0 => Condition::Ready,
        behind => Condition::Behind(behind),
    })
}

#[cfg(test)]
mod tests {
    mod indexes;
    pub(super) mod upgraded;
}
