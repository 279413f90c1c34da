//! A database in a file of SQLite's: connections that read, and one that writes. Each connection is usable, or it is
//! thrown away.
//!
//! SQLite ends a transaction by itself when the disk is full, cannot be written, or memory is short. A connection whose
//! transaction ended so takes part in nothing any more: what is written by it later may never be committed. So no
//! connection is used again after a statement on it failed, or while it is inside of a transaction that is nobody's.
//! The part of this that only SQLite needs stands in `sqlite`.

use super::sqlite::{self, Connections, Identity, Side};
use futures_util::future::BoxFuture;
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, ExecResult, QueryResult,
    Statement,
};
use std::sync::Arc;
use tokio::sync::{Mutex, RwLock, RwLockReadGuard};

/// The connections of one side; cheap to clone.
#[derive(Clone)]
pub(in crate::store) struct FileAccess {
    database: Arc<Database>,
    side: Side,
}

/// The database as this process has it open.
struct Database {
    url: String,
    /// Held for reading while a statement runs or waits for the writer, and for writing only to open it anew: no
    /// statement may be under way on the old connections then. So nothing reads by [`FileAccess`] between the beginning and
    /// the end of a transaction that writes.
    open: RwLock<Open>,
    /// One at a time opens it anew.
    anew: Mutex<()>,
}

/// The connections that are open, and the files that they were opened on.
struct Open {
    reader: Connections,
    writer: Connections,
    identity: Identity,
}

impl Open {
    async fn at(url: &str) -> Result<Self, DbErr> {
        let writer = sqlite::connect(url, Side::Writing).await?;
        let reader = sqlite::connect(url, Side::Reading).await?;
        Ok(Self { reader, writer, identity: Identity::of(url)? })
    }
}

/// Opens a database; gives the way to read and the way to write.
///
/// # Errors
/// It cannot be opened, or is in memory only.
pub(super) async fn open(url: &str) -> anyhow::Result<(FileAccess, FileAccess)> {
    let open = Open::at(url).await.map_err(|fault| sqlite::refusal(url, fault))?;
    let is_kept = sqlite::is_in_a_file(&open.writer).await?;
    anyhow::ensure!(is_kept, "it is in memory only, and would be gone with this process");
    let open = RwLock::new(open);
    let database = Arc::new(Database { url: url.to_owned(), open, anew: Mutex::default() });
    let way = |side| FileAccess { database: Arc::clone(&database), side };
    Ok((way(Side::Reading), way(Side::Writing)))
}

impl FileAccess {
    /// The connections as such, for what happens before anybody else is there.
    pub(super) async fn connection(&self) -> Result<DatabaseConnection, DbErr> {
        let open = self.database.sound().await?;
        Ok(self.of(&open).clone())
    }

    /// Begins a transaction that writes. Boxed: all that writes stands around it, and the compiler's depth has an end.
    pub(super) fn begin(&self) -> BoxFuture<'_, Result<DatabaseTransaction, DbErr>> {
        Box::pin(async {
            let open = self.database.sound().await?;
            sqlite::begin(self.of(&open)).await
        })
    }

    /// Brings the whole database into its one file and closes it, for both ways.
    pub(super) async fn close(&self) -> Result<(), DbErr> {
        let open = self.database.sound().await?;
        sqlite::close(&open.reader, &open.writer).await
    }

    fn of<'a>(&self, open: &'a Open) -> &'a DatabaseConnection {
        match self.side {
            Side::Reading => &open.reader.db,
            Side::Writing => &open.writer.db,
        }
    }
}

impl Database {
    /// The database, whose files are those that were opened.
    async fn sound(&self) -> Result<RwLockReadGuard<'_, Open>, DbErr> {
        loop {
            let open = self.open.read().await;
            if open.identity.holds() {
                return Ok(open);
            }
            drop(open);
            self.open_anew().await?;
        }
    }

    /// Brings what is written into the database's file and opens it anew, after one of the files beside it was taken
    /// away: what is written to a file that nobody finds any more is lost with the process.
    async fn open_anew(&self) -> Result<(), DbErr> {
        let _alone = self.anew.lock().await;
        let (writer, identity) = {
            let open = self.open.read().await;
            (open.writer.clone(), open.identity.clone())
        };
        if identity.holds() {
            return Ok(());
        }
        identity.is_still_there()?;
        // With the one writer in hand there is no transaction, and with the lock no question.
        let last = sqlite::Last::of(&writer).await;
        let mut open = self.open.write().await;
        let saved = match last {
            Ok(last) => last.save().await,
            Err(fault) => Err(fault),
        };
        if saved.is_err() {
            // One that was thrown away had what its successor does not find; those that read have it, too.
            sqlite::Last::of(&open.reader).await?.save().await?;
        }
        for side in [&open.reader, &open.writer] {
            side.db.close_by_ref().await?;
        }
        identity.is_still_there()?;
        *open = Open::at(&self.url).await?;
        tracing::warn!("a file beside the database was taken away; nothing is lost, and it was opened anew");
        Ok(())
    }
}

#[async_trait::async_trait]
impl ConnectionTrait for FileAccess {
    fn get_database_backend(&self) -> DbBackend {
        DbBackend::Sqlite
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        let open = self.database.sound().await?;
        self.of(&open).execute_raw(statement).await
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        let open = self.database.sound().await?;
        self.of(&open).execute_unprepared(sql).await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        let open = self.database.sound().await?;
        self.of(&open).query_one_raw(statement).await
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        let open = self.database.sound().await?;
        self.of(&open).query_all_raw(statement).await
    }
}
