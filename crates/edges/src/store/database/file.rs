//! A database in a file of SQLite: connections that read, and one that writes. A connection that may be broken is
//! thrown away.
//!
//! SQLite ends a transaction by itself when the disk is full, cannot be written, or memory is short. After that, the
//! connection must not be used again: a later write by it may never be committed. So no connection is used again after
//! a statement on it failed, or while it is inside of a transaction that has no owner any more. Only the code that
//! depends on SQLite itself is in `sqlite`.

use super::sqlite::{self, Connections, Identity, Side};
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

/// The database as this process has opened it.
struct Database {
    url: String,
    /// Held for reading while a statement runs or waits for the writer. Held for writing only while the database is
    /// opened anew: no statement may use the old connections then. So no statement reads by [`FileAccess`] between the
    /// beginning and the end of a transaction that writes.
    open: RwLock<Open>,
    /// Held by the one task that opens the database anew.
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

/// Opens a database; gives the access to read and the access to write.
///
/// # Errors
/// The database cannot be opened, or is in memory only.
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
    /// The plain connections, for work at the start, before anybody else uses the database.
    pub(super) async fn connection(&self) -> Result<DatabaseConnection, DbErr> {
        let open = self.database.sound().await?;
        Ok(self.of(&open).clone())
    }

    /// Begins a transaction that writes.
    pub(super) async fn begin(&self) -> Result<DatabaseTransaction, DbErr> {
        let open = self.database.sound().await?;
        sqlite::begin(self.of(&open)).await
    }

    /// Writes all changes into the database's one file and closes it, for reading and for writing.
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
    /// The open database, after a check that its files are still those that were opened.
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

    /// Writes all changes into the database's file and opens it anew, after one of the files beside it was taken away.
    /// Otherwise, changes would go to a file without a name, and be lost with the process.
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
        // The only writing connection is held here, so no transaction is open. The lock keeps all other statements out.
        let last = sqlite::Last::of(&writer).await;
        let mut open = self.open.write().await;
        let saved = match last {
            Ok(last) => last.save().await,
            Err(fault) => Err(fault),
        };
        if saved.is_err() {
            // The old writing connection may have been thrown away, and a new one does not find its files. The reading
            // connections still have them open.
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
