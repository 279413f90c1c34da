//! Access to the database for the groups of the store: connections that read, transactions that write, and the seal.

mod text;
pub(super) mod passing;
pub(super) mod explained;
pub(super) mod packet;
pub(super) mod sqlite;
pub(super) mod in_use;
mod file;
mod pool;
mod pooler;
pub(super) mod address;
mod refusal;
pub(super) mod server;
mod access;
mod transaction;
mod seal;

use access::Access;
use anyhow::{Context, Result};
use futures_util::future::BoxFuture;
use kozmic_model::audit::Actor;
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, DbErr, Statement};
pub(in crate::store) use seal::Vault;
use std::{path::Path, sync::Arc, time::Duration};
use tokio::{
    sync::{Mutex, MutexGuard},
    time::timeout,
};
pub(in crate::store) use transaction::Transaction;

/// Longest wait for the write of an optional note.
const ASIDE: Duration = Duration::from_millis(500);

/// The database, and the actor of the changes that go through this handle; cheap to clone.
#[derive(Clone)]
pub(super) struct Database {
    /// Connections that only read.
    pub(super) reader: Access,
    /// Access for single statements that write. If the connection to a server is lost, a statement is executed again,
    /// although it may have been committed. So only statements that may be executed twice go this way.
    pub(super) writer: Access,
    /// The seal of tokens and secrets.
    pub(super) vault: Arc<Vault>,
    /// The actor: the changes count as made by them.
    pub(super) actor: Arc<Actor>,
    /// Held on a server while a change is made by [`Database::change`]: over an `.await`, but only for a limited time.
    pub(super) turn: Arc<Mutex<()>>,
}

impl Database {
    /// Opens the database at an address. To a server there are at most this many connections.
    pub(super) async fn open(url: &str, vault: Vault, connections: u32) -> Result<Self> {
        let (reader, writer) = access::open(url, connections).await?;
        Ok(Self { reader, writer, vault: Arc::new(vault), actor: Arc::default(), turn: Arc::default() })
    }

    /// True if other processes and connections write at the same time: a database server.
    pub(super) fn has_many_writers(&self) -> bool {
        self.writer.get_database_backend() != DbBackend::Sqlite
    }

    /// Begins a transaction that writes. The future is boxed: all code that writes is built around it, and the compiler
    /// limits the depth of nested futures.
    pub(super) fn begin(&self) -> BoxFuture<'_, Result<Transaction>> {
        Box::pin(async {
            let begun = self.writer.begin().await.context("begin a transaction")?;
            Ok(Transaction::new(begun, Arc::clone(&self.actor)))
        })
    }

    /// Begins a transaction that reads all tables as they are at its first statement. Nobody writes into a file until
    /// its end.
    pub(super) async fn snapshot(&self) -> Result<Transaction> {
        let begun = self.writer.snapshot().await.context("begin to read")?;
        Ok(Transaction::new(begun, Arc::default()))
    }

    /// Makes a change: all of it or, on an error, nothing. Only one change by this method is made at a time, on every
    /// kind of database. So facts that the work reads stay true until its end, if all others change them by this
    /// method, too. The work must not call this method: it would wait for itself.
    pub(super) async fn change<T, Work>(
        &self,
        what: &'static str,
        work: impl Fn(Transaction) -> Work,
    ) -> Result<T>
    where
        Work: Future<Output = Result<T>>,
    {
        let alone = |tx: Transaction| {
            let work = &work;
            async move {
                tx.lock_changes().await?;
                work(tx).await
            }
        };
        let _turn = self.turn().await.context("wait for other changes")?;
        self.change_in_parallel(what, alone).await
    }

    /// Waits until this process makes no other change. A change that waits here has no connection, so all others find
    /// one. Only changes of other processes are waited for with a connection in hand. On SQLite, changes wait for the
    /// one connection that writes.
    async fn turn(&self) -> Result<Option<MutexGuard<'_, ()>>, DbErr> {
        match self.has_many_writers() {
            true => server::within(async { Ok(Some(self.turn.lock().await)) }).await,
            false => Ok(None),
        }
    }

    /// Makes a change while others make theirs; for changes that happen often. If the work decides by facts that it
    /// reads, it must take locks itself: first the project's, then the build's, then the job's.
    ///
    /// The work is done again if the server undid it in favour of another change, or if its connection was lost before
    /// the work's end. It is not done again once its commit was sent: nobody knows then if the server received the
    /// commit.
    pub(super) async fn change_in_parallel<T, Work>(
        &self,
        what: &'static str,
        work: impl Fn(Transaction) -> Work,
    ) -> Result<T>
    where
        Work: Future<Output = Result<T>>,
    {
        let mut tries = 1;
        loop {
            let fault = match self.try_change(&work).await {
                Ok((tx, outcome)) => {
                    tx.commit().await.with_context(|| format!("commit {what}"))?;
                    return Ok(outcome);
                }
                Err(fault) => fault,
            };
            let of_database = fault.chain().find_map(|cause| cause.downcast_ref::<DbErr>());
            match of_database.filter(|_| self.has_many_writers()) {
                Some(cause) if passing::pause(what, cause, &mut tries).await => {}
                _ => return Err(fault),
            }
        }
    }

    async fn try_change<T, Work>(&self, work: impl Fn(Transaction) -> Work) -> Result<(Transaction, T)>
    where
        Work: Future<Output = Result<T>>,
    {
        let tx = self.begin().await?;
        // Boxed as the future of `begin` is.
        let outcome = Box::pin(work(tx.clone())).await?;
        Ok((tx, outcome))
    }

    /// A plain connection, for the steps that make tables.
    pub(super) async fn connection(&self) -> Result<DatabaseConnection> {
        Ok(self.writer.connection().await?)
    }

    /// Writes a copy into a file that is not there yet.
    pub(super) async fn copy_to(&self, file: &Path) -> Result<()> {
        let file = file.to_str().context("the path of a database is text")?;
        let copy = Statement::from_sql_and_values(DbBackend::Sqlite, "VACUUM INTO ?", [file.into()]);
        self.writer.execute_raw(copy).await.context("copy the database")?;
        Ok(())
    }

    /// Closes the database, for reading and for writing.
    pub(super) async fn close(&self) -> Result<(), DbErr> {
        self.writer.close().await
    }
}

/// Writes an optional note. The note is left out while the database takes no writes, so that reading still works then.
pub(super) async fn aside<T>(note: impl Future<Output = Result<T, DbErr>>) {
    match timeout(ASIDE, note).await {
        Ok(Ok(_)) => {}
        Ok(Err(fault)) => tracing::debug!(%fault, "a note was left out"),
        Err(_) => tracing::debug!("a note was left out: the database takes no writes now"),
    }
}
