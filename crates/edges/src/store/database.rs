//! The database as the groups of the store use it: connections that read, transactions that write, and the seal.

mod access;
mod seal;
pub(super) mod sqlite;

use access::Access;
use anyhow::{Context, Result};
use futures_util::future::BoxFuture;
use kozmic_model::audit::Actor;
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, ExecResult, QueryResult,
    Statement,
};
pub(in crate::store) use seal::Vault;
use std::{path::Path, sync::Arc, time::Duration};
use tokio::time::timeout;

/// Longest wait for a note that nobody depends on.
const ASIDE: Duration = Duration::from_millis(500);

/// The database, and the one who makes the changes that go through this handle; cheap to clone.
#[derive(Clone)]
pub(super) struct Database {
    /// Connections that only read.
    pub(super) reader: Access,
    /// For statements that write by themselves.
    pub(super) writer: Access,
    /// The seal of tokens and secrets.
    pub(super) vault: Arc<Vault>,
    /// The one who makes the changes.
    pub(super) actor: Arc<Actor>,
}

impl Database {
    /// Opens the database at an address.
    pub(super) async fn open(url: &str, vault: Vault) -> Result<Self> {
        let (reader, writer) = access::open(url).await?;
        Ok(Self { reader, writer, vault: Arc::new(vault), actor: Arc::default() })
    }

    /// Begins a transaction that writes. Boxed: all that writes stands around it, and the compiler's depth has an end.
    pub(super) fn write(&self) -> BoxFuture<'_, Result<Transaction>> {
        Box::pin(async {
            let begun = self.writer.begin().await.context("begin a transaction")?;
            Ok(Transaction(Arc::new(begun)))
        })
    }

    /// Makes a change: all of it or, on an error, nothing.
    pub(super) async fn change<T, Work>(
        &self,
        what: &'static str,
        work: impl Fn(Transaction) -> Work,
    ) -> Result<T>
    where
        Work: Future<Output = Result<T>>,
    {
        let tx = self.write().await?;
        let outcome = work(tx.clone()).await?;
        tx.commit().await.with_context(|| format!("commit {what}"))?;
        Ok(outcome)
    }

    /// A connection as such, for the steps that make tables.
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

    /// Closes the database, for both ways.
    pub(super) async fn close(&self) -> Result<(), DbErr> {
        self.writer.close().await
    }
}

/// A handle to a transaction that writes; cheap to clone.
#[derive(Clone)]
pub(super) struct Transaction(Arc<DatabaseTransaction>);

impl Transaction {
    /// Makes all that was written in it true.
    async fn commit(self) -> Result<()> {
        let whole = Arc::into_inner(self.0).context("a part of the work goes on after its end")?;
        Ok(whole.commit().await?)
    }
}

#[async_trait::async_trait]
impl ConnectionTrait for Transaction {
    fn get_database_backend(&self) -> DbBackend {
        self.0.get_database_backend()
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        self.0.execute_raw(statement).await
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        self.0.execute_unprepared(sql).await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        self.0.query_one_raw(statement).await
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        self.0.query_all_raw(statement).await
    }
}

/// Writes a note that nobody depends on. It is left out while the database takes no writes: what can be read then is
/// still to be read.
pub(super) async fn aside<T>(note: impl Future<Output = Result<T, DbErr>>) {
    match timeout(ASIDE, note).await {
        Ok(Ok(_)) => {}
        Ok(Err(fault)) => tracing::debug!(%fault, "a note was left out"),
        Err(_) => tracing::debug!("a note was left out: the database takes no writes now"),
    }
}
