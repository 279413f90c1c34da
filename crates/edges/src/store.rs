//! The database: the only source of truth. The state of every other part may be lost, and is restored from here.
//!
//! The store's methods stand in groups, a module or folder for each: `store.queue()`, `store.people()`, and so on. One
//! method is one unit of work; no transaction leaves its method. The modules are listed in the order of use: no module
//! uses one below it.

mod rows;
mod database;
mod schema;
mod read;
mod page;
mod installation;
mod audit;
mod outbox;
mod deliveries;
mod people;
mod configuration;
mod queue;
mod builds;
mod projects;
mod missed;
mod hooks;
mod keys;
mod auto_builder;
mod artifacts;
mod images;
mod runners;
mod takeover;
mod transfer;
#[cfg(test)]
mod tests;

pub use artifacts::{Artifacts, IMAGES, NewArtifact, Upload};
pub use audit::AuditTrail;
pub use auto_builder::{AutoBuilder, Watched};
pub use builds::{BuildFilter, Builds, HistoryMark, Monitored};
pub use configuration::{InForce, LoadedConfiguration};
pub use database::{
    in_use::is_in_use,
    sqlite::{address_of, directory_of, file_of},
};
pub use deliveries::{Deliveries, Endpoint, NewDelivery, Stored, WaitingDelivery};
pub use hooks::Hooks;
pub use images::{Images, NewCachedImage, Puller};
pub use installation::{Holder, Installation};
pub use keys::Keys;
pub use missed::{Hearing, MissedCount, MissedDeliveries, Subscription};
pub use outbox::{LaneState, Outbox, OutboxLane, Outgoing, Recipient, Subject, WaitingMail};
pub use page::{Page, PageAsked};
pub use people::{Avatar, LinkOutcome, NewSession, People, SessionLine, SessionLook, TokenHolder};
pub use projects::{ProjectLine, Projects};
pub use queue::{
    Among, Approval, Approved, ClaimedJob, Enqueued, Heard, HookCall, Lane, Lease, Planned, ProjectChange,
    Queue, RefAtForge,
};
pub use runners::{NewRunner, Noted, Removed, RunnerReport, Runners};
pub use schema::{Condition, WrongTables, look::look};
pub use takeover::{
    BuildTaken, Foreign, ForeignBuilds, LARGEST_ID, Lost, NewBuild, NewHook, NewJob, NewProject, NewUser,
    Still, Taken, Takeover,
};

pub use database::address::{AddressFault, ServerAddress, is_address as is_server, shown_address};
pub use database::passing::is_away;
pub use transfer::Moved;

use anyhow::{Context, Result, ensure};
use database::{Database, Vault};
use kozmic_model::{audit::Actor, time::Timestamp};
use sea_orm::{ActiveValue::Set, ConnectionTrait, EntityTrait, sea_query::OnConflict};
use secrecy::SecretString;
use std::{path::Path, sync::Arc, time::Duration};
use tokio::time::timeout;

/// The most connections to a database server, unless a caller wants another number.
const CONNECTIONS: u32 = 16;

/// Longest time that it may take to close the database.
const FAREWELL: Duration = Duration::from_secs(5);

/// A handle to the database; cheap to clone.
#[derive(Clone)]
pub struct Store {
    db: Database,
}

impl Store {
    /// Opens the database at `url` (`sqlite:///path/kozmic.db?mode=rwc`) and brings its tables up to date.
    /// `secret_key` seals tokens and secrets at rest.
    ///
    /// # Errors
    /// The database cannot be opened, or is newer than this program.
    pub async fn open(url: &str, secret_key: &SecretString) -> Result<Self> {
        Self::open_with(url, secret_key, CONNECTIONS).await
    }

    /// The same, with at most this many connections to a database server.
    ///
    /// # Errors
    /// As for [`Store::open`].
    pub async fn open_with(url: &str, secret_key: &SecretString, connections: u32) -> Result<Self> {
        // Boxed, because the compiler limits the depth of nested futures, and everybody opens a store.
        let store = Self { db: Box::pin(prepared(url, secret_key, connections)).await? };
        Box::pin(store.check_key()).await?;
        Ok(store)
    }

    /// Opens the database at an address as it is: its tables may be older, or missing. Only its installation may be
    /// looked at.
    ///
    /// # Errors
    /// The database cannot be opened.
    pub async fn open_as_it_is(url: &str) -> Result<Self> {
        Ok(Self { db: open(url, &SecretString::default(), CONNECTIONS).await? })
    }

    /// Checks that the secret key is the installation's. A database server gives its data to whoever has its address,
    /// so a server with another key is refused. Whoever has the file of SQLite may have lost the key beside it.
    async fn check_key(&self) -> Result<()> {
        if self.installation().has_key().await? {
            return Ok(());
        }
        ensure!(
            !self.is_on_server(),
            "the secrets in the database were sealed with another secret key: copy the file secret_key from the data \
             directory of the server before, or set KOZMIC_SECRET_KEY to its key; if that key is lost, run kozmic \
             migrate --accept-secret-key"
        );
        tracing::error!(
            "the secret key is another one than before: everybody has to sign in again, and Restore hooks has to be \
             pressed in the settings of each project"
        );
        self.installation().note_key().await
    }

    /// True if the database is on a server, which other processes may use, too.
    pub fn is_on_server(&self) -> bool {
        self.db.has_many_writers()
    }

    /// A handle to the same database, for changes that `actor` makes. Changes through a handle without an actor count
    /// as Kozmic's own.
    #[must_use]
    pub fn acting(&self, actor: Actor) -> Self {
        Self { db: Database { actor: Arc::new(actor), ..self.db.clone() } }
    }

    /// Checks that the database answers.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn ping(&self) -> Result<()> {
        self.db.reader.execute_unprepared("SELECT 1").await.context("ask the database")?;
        Ok(())
    }

    /// Checks that the database takes writes, by writing a row that nobody needs.
    ///
    /// # Errors
    /// The database does not take the write.
    pub async fn try_writing(&self, now: Timestamp) -> Result<()> {
        let row = rows::pulse::ActiveModel { id: Set(1), at: Set(now.0) };
        let newest =
            OnConflict::column(rows::pulse::Column::Id).update_column(rows::pulse::Column::At).to_owned();
        let beat = rows::pulse::Entity::insert(row).on_conflict(newest);
        beat.exec_without_returning(&self.db.writer).await.context("write to the database")?;
        Ok(())
    }

    /// Writes a copy of the database, so that something can be tried on the copy.
    ///
    /// # Errors
    /// The database does not answer, or the file cannot be written.
    pub async fn copy_to(&self, file: &Path) -> Result<Self> {
        self.db.copy_to(file).await?;
        let copy = open(&address_of(file), &SecretString::default(), CONNECTIONS).await?;
        Ok(Self { db: Database { vault: Arc::clone(&self.db.vault), ..copy } })
    }

    /// Closes the database at an orderly end of the process, after all changes were written into the one file of
    /// SQLite's database. This takes a few seconds at most. If it fails, nothing is lost: the remaining changes are in
    /// the files beside the database.
    pub async fn close(&self) {
        let left = match self.db.has_many_writers() {
            true => "the connections to the database server were not ended in order",
            false => "a part of the database stays in the files beside it",
        };
        match timeout(FAREWELL, self.db.close()).await {
            Ok(Ok(())) => tracing::debug!("the database is closed"),
            Ok(Err(fault)) => tracing::warn!(%fault, "{left}"),
            Err(_) => tracing::warn!("{left}: the database was in use"),
        }
    }
}

async fn open(url: &str, secret_key: &SecretString, connections: u32) -> Result<Database> {
    let opened = Box::pin(Database::open(url, Vault::new(secret_key), connections)).await;
    opened.with_context(|| format!("open the database {}", name_of(url)))
}

/// Opens a database, and makes sure that it has the tables that this program needs.
async fn prepared(url: &str, secret_key: &SecretString, connections: u32) -> Result<Database> {
    let db = open(url, secret_key, connections).await?;
    schema::prepare(&db).await.with_context(|| format!("the database {}", name_of(url)))?;
    Ok(db)
}

/// Does work with a database, and closes the database. The reason why the work failed tells more than a fault of the
/// end.
async fn closing<T>(db: &Database, work: impl Future<Output = Result<T>>) -> Result<T> {
    let done = work.await;
    let closed = Box::pin(db.close()).await.context("close the database");
    let done = done?;
    closed.map(|()| done)
}

/// The database at an address, for people: SQLite's file, or a server's address without user, password and options.
pub fn name_of(url: &str) -> String {
    file_of(url).map_or_else(|| shown_address(url), |file| file.display().to_string())
}

/// Brings the tables of the database at an address up to date; gives its condition before that.
///
/// # Errors
/// The database cannot be opened or written, or is newer than this program.
pub async fn migrate(url: &str) -> Result<Condition> {
    let db = open(url, &SecretString::default(), CONNECTIONS).await?;
    let before = closing(&db, Box::pin(schema::migrate(&db))).await;
    before.with_context(|| format!("the database {}", name_of(url)))
}

/// Makes a secret key the installation's, although another one sealed the secrets in the database at an address. Those
/// secrets stay closed.
///
/// # Errors
/// The database cannot be opened or written, or its tables are not up to date.
pub async fn accept_key(url: &str, secret_key: &SecretString) -> Result<()> {
    let db = prepared(url, secret_key, CONNECTIONS).await?;
    closing(&db, Installation { db: &db }.note_key()).await
}

/// Moves all rows of the database at one address into the empty one at another; gives the tables with their numbers of
/// rows. No server may use either database meanwhile.
///
/// # Errors
/// One of the databases cannot be opened, the first is not up to date, or the second is not empty. Then nothing was
/// moved.
pub async fn transfer(from: &str, to: &str) -> Result<Vec<Moved>> {
    let key = SecretString::default();
    let (from, to) = (open(from, &key, CONNECTIONS).await?, open(to, &key, CONNECTIONS).await?);
    let moved = Box::pin(transfer::transfer(&from, &to));
    closing(&from, closing(&to, moved)).await
}

/// The groups of methods.
impl Store {
    /// The queue of jobs, from a change to the jobs' end.
    pub fn queue(&self) -> Queue<'_> {
        Queue { db: &self.db }
    }

    /// Builds and jobs, for reading.
    pub fn builds(&self) -> Builds<'_> {
        Builds { db: &self.db }
    }

    /// The installation whose database this is.
    pub fn installation(&self) -> Installation<'_> {
        Installation { db: &self.db }
    }

    /// Deliveries of the forge.
    pub fn deliveries(&self) -> Deliveries<'_> {
        Deliveries { db: &self.db }
    }

    /// Deliveries that did not arrive.
    pub fn missed(&self) -> MissedDeliveries<'_> {
        MissedDeliveries { db: &self.db }
    }

    /// Users, their sessions, tokens and settings.
    pub fn people(&self) -> People<'_> {
        People { db: &self.db }
    }

    /// Projects, and the people in them.
    pub fn projects(&self) -> Projects<'_> {
        Projects { db: &self.db }
    }

    /// Hooks of projects.
    pub fn hooks(&self) -> Hooks<'_> {
        Hooks { db: &self.db }
    }

    /// Deploy keys, and credentials of image registries.
    pub fn keys(&self) -> Keys<'_> {
        Keys { db: &self.db }
    }

    /// The configuration of the Auto Builder that is in force.
    pub fn configuration(&self) -> InForce<'_> {
        InForce { db: &self.db }
    }

    /// The Auto Builder, and the repositories that it watches.
    pub fn auto_builder(&self) -> AutoBuilder<'_> {
        AutoBuilder { db: &self.db }
    }

    /// Images on runners' engines.
    pub fn images(&self) -> Images<'_> {
        Images { db: &self.db }
    }

    /// Artifacts that jobs published.
    pub fn artifacts(&self) -> Artifacts<'_> {
        Artifacts { db: &self.db }
    }

    /// Messages that wait to be sent.
    pub fn outbox(&self) -> Outbox<'_> {
        Outbox { db: &self.db }
    }

    /// Known runners.
    pub fn runners(&self) -> Runners<'_> {
        Runners { db: &self.db }
    }

    /// The audit trail.
    pub fn audit(&self) -> AuditTrail<'_> {
        AuditTrail { db: &self.db }
    }

    /// Rows that are taken over from another installation.
    pub fn takeover(&self) -> Takeover<'_> {
        Takeover { db: &self.db }
    }
}
