//! The database: what is true. Every other part may be lost and found again from here.
//!
//! One method is one unit of work; no transaction leaves its method. Every transaction that writes goes through
//! `Store::write`. The methods stand in one file for each noun.

mod access;
mod look;
mod seal;
mod migrations;
mod rows;
mod read;
mod users;
mod sessions;
mod tokens;
mod accounts;
mod audit;
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
mod approvals;
mod cached_images;
mod auto_builder;
mod names;
mod uploads;
mod artifacts;
mod kernel_images;
mod pulls;
mod monitor;
mod old_attempts;
mod outbox;
mod mails;
mod mail_links;
mod mail_counts;
mod runners;
mod import;
#[cfg(test)]
mod tests;

pub use access::sqlite::{address_of, directory_of, file_of};
pub use accounts::LinkOutcome;
pub use approvals::{Approval, Approved};
pub use artifacts::NewArtifact;
pub use auto_builder::{LoadedConfiguration, Watched};
pub use builds::{BuildFilter, Page, PageAsked};
pub use cached_images::NewCachedImage;
pub use deliveries::{Door, NewDelivery, Stored, WaitingDelivery};
pub use enqueue::{Enqueued, HookCall, Planned};
pub use import::{
    BuildTaken, Foreign, ForeignBuilds, LARGEST_ID, Lost, NewBuild, NewHook, NewJob, NewProject, NewUser,
    Still, Taken,
};
pub use jobs::{ClaimedJob, Lane, Lease};
pub use look::{Condition, look};
pub use mails::WaitingMail;
pub use missed::{Ear, Hearing, MissedCount};
pub use monitor::{HistoryMark, Monitored};
pub use moves::{Heard, ProjectChange, RefAtForge};
pub use names::IMAGES;
pub use outbox::{Outgoing, Subject, Way};
pub use projects::ProjectLine;
pub use pulls::Puller;
pub use sessions::{NewSession, SessionLine, SessionLook};
pub use tokens::TokenHolder;
pub use uploads::Upload;
pub use users::Avatar;

use access::Access;
use anyhow::{Context, Result};
use kozmic_model::{audit::Actor, time::Timestamp};
use sea_orm::{
    ActiveValue::Set, ConnectionTrait, DatabaseTransaction, DbErr, EntityTrait, sea_query::OnConflict,
};
use sea_orm_migration::MigratorTrait;
use secrecy::SecretString;
use std::{sync::Arc, time::Duration};
use tokio::time::timeout;

/// Longest wait for a note that nobody depends on.
const ASIDE: Duration = Duration::from_millis(500);

/// Longest time that it may take to close the database.
const FAREWELL: Duration = Duration::from_secs(5);

/// A handle to the database; cheap to clone.
#[derive(Clone)]
pub struct Store {
    db: Access,
    /// One connection for all that writes.
    writer: Access,
    vault: Arc<seal::Vault>,
    /// The one who makes the changes that go through this handle.
    actor: Arc<Actor>,
}

impl Store {
    /// Opens the database at `url` (`sqlite:///path/kozmic.db?mode=rwc`) and brings its tables up to date.
    /// `secret_key` seals tokens and secrets at rest.
    ///
    /// # Errors
    /// The database cannot be opened, or is newer than this program.
    pub async fn open(url: &str, secret_key: &SecretString) -> Result<Self> {
        let name = file_of(url).map(|file| format!(" {}", file.display())).unwrap_or_default();
        let opened = access::open(url).await;
        let (db, writer) = opened.with_context(|| format!("open the database{name}"))?;
        let tables = writer.connection().await?;
        migrations::Migrator::up(&tables, None).await.context("bring the database's tables up to date")?;
        let vault = Arc::new(seal::Vault::new(secret_key));
        Ok(Self { db, writer, vault, actor: Arc::default() })
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// It does not.
    pub async fn ping(&self) -> Result<()> {
        self.db.execute_unprepared("SELECT 1").await.context("ask the database")?;
        Ok(())
    }

    /// Whether the database takes writes: writes something that nobody needs.
    ///
    /// # Errors
    /// It does not.
    pub async fn try_writing(&self, now: Timestamp) -> Result<()> {
        let row = rows::pulse::ActiveModel { id: Set(1), at: Set(now.0) };
        let newest =
            OnConflict::column(rows::pulse::Column::Id).update_column(rows::pulse::Column::At).to_owned();
        let beat = rows::pulse::Entity::insert(row).on_conflict(newest);
        beat.exec_without_returning(&self.writer).await.context("write to the database")?;
        Ok(())
    }

    /// Brings all that is written into the database's one file and closes it, for whoever ends in order. It takes a few
    /// seconds at most, and where it fails nothing is lost: the files beside that one have the rest.
    pub async fn close(&self) {
        match timeout(FAREWELL, self.writer.close()).await {
            Ok(Ok(())) => tracing::debug!("the database is whole in its file"),
            Ok(Err(fault)) => tracing::warn!(%fault, "a part of the database stays in the files beside it"),
            Err(_) => tracing::warn!("a part of the database stays in the files beside it: it was in use"),
        }
    }

    /// Begins a transaction that writes.
    async fn write(&self) -> Result<DatabaseTransaction> {
        self.writer.begin().await.context("begin a transaction")
    }
}

/// Writes a note that nobody depends on. It is left out while the database takes no writes: what can be read then is
/// still to be read.
async fn aside<T>(note: impl Future<Output = Result<T, DbErr>>) {
    match timeout(ASIDE, note).await {
        Ok(Ok(_)) => {}
        Ok(Err(fault)) => tracing::debug!(%fault, "a note was left out"),
        Err(_) => tracing::debug!("a note was left out: the database takes no writes now"),
    }
}
