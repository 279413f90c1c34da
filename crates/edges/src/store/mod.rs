//! The database: what is true. Every other part may be lost and found again from here.
//!
//! One method is one unit of work; no transaction leaves its method. Every transaction that writes goes through
//! `Store::write`. The methods stand in one file for each noun.

mod seal;
mod migrations;
mod rows;
mod read;
mod users;
mod accounts;
mod projects;
mod members;
mod deploy_keys;
mod credentials;
mod graves;
mod hooks;
mod deliveries;
mod missed;
mod moves;
mod superseded;
mod enqueue;
mod builds;
mod jobs;
mod cancel;
mod attempts;
mod cached_images;
mod auto_builder;
mod names;
mod artifacts;
mod kernel_images;
mod monitor;
mod outbox;
mod mails;
mod runners;
mod import;
#[cfg(test)]
mod tests;

pub use accounts::{ApiToken, SessionLine};
pub use artifacts::NewArtifact;
pub use auto_builder::{LoadedConfiguration, Watched};
pub use builds::{BuildFilter, Page};
pub use deliveries::{Door, NewDelivery, Stored, WaitingDelivery};
pub use enqueue::{Enqueued, Planned};
pub use import::{
    BuildTaken, Foreign, ForeignBuilds, LARGEST_ID, Lost, NewBuild, NewHook, NewJob, NewProject, NewUser,
    Still, Taken,
};
pub use jobs::{ClaimedJob, Lane};
pub use mails::WaitingMail;
pub use missed::{Ear, Hearing, MissedCount};
pub use monitor::{HistoryMark, Monitored};
pub use moves::Heard;
pub use names::IMAGES;
pub use outbox::{Outgoing, Subject, Way};
pub use projects::ProjectLine;
pub use users::{Avatar, NewSession};

use anyhow::{Context, Result};
use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DatabaseTransaction,
    SqliteTransactionMode, TransactionOptions, TransactionTrait, sqlx::sqlite::SqliteSynchronous,
};
use sea_orm_migration::MigratorTrait;
use secrecy::SecretString;
use std::{sync::Arc, time::Duration};

/// A handle to the database; cheap to clone.
#[derive(Clone)]
pub struct Store {
    db: DatabaseConnection,
    /// One connection for all that writes. SQLite has one writer at a time; whoever comes in between sleeps and tries
    /// again, for up to 100 ms and out of turn, while here everybody waits in line.
    writer: DatabaseConnection,
    vault: Arc<seal::Vault>,
}

impl Store {
    /// Opens the database at `url` (`sqlite:///path/kozmic.db?mode=rwc`) and brings its tables up to date.
    /// `secret_key` seals tokens and secrets at rest.
    ///
    /// # Errors
    /// The database cannot be opened, or is newer than this program.
    pub async fn open(url: &str, secret_key: &SecretString) -> Result<Self> {
        let mut options = ConnectOptions::new(url);
        options.max_connections(8).acquire_timeout(Duration::from_secs(20)).sqlx_logging(false);
        options.map_sqlx_sqlite_opts(|sqlite| {
            // FULL: a webhook that was answered survives a loss of power.
            sqlite
                .synchronous(SqliteSynchronous::Full)
                .busy_timeout(Duration::from_secs(20))
                .foreign_keys(true)
        });
        let db = Database::connect(options.clone()).await.context("open the database")?;
        db.execute_unprepared("PRAGMA journal_mode = WAL").await.context("switch the database to WAL")?;
        migrations::Migrator::up(&db, None).await.context("bring the database's tables up to date")?;
        options.max_connections(1);
        let writer = Database::connect(options).await.context("open the database to write")?;
        Ok(Self { db, writer, vault: Arc::new(seal::Vault::new(secret_key)) })
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// It does not.
    pub async fn ping(&self) -> Result<()> {
        self.db.ping().await.context("ask the database")
    }

    /// Begins a transaction that writes. IMMEDIATE: SQLite refuses to turn a reading one into a writing one
    /// while others write.
    async fn write(&self) -> Result<DatabaseTransaction> {
        let immediate = Some(SqliteTransactionMode::Immediate);
        let options =
            TransactionOptions { sqlite_transaction_mode: immediate, ..TransactionOptions::default() };
        self.writer.begin_with_options(options).await.context("begin a transaction")
    }
}
