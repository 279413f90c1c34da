//! A database that no server uses while this command works on it.

use crate::{data_dir::DataDir, failure::Failure, sole::Sole};
use kozmic_edges::store::{self, Store};
use std::fs::File;

/// A database that this command has for itself.
pub(super) enum Held {
    /// A file of SQLite, with the lock of its directory if that is another data directory.
    File { _lock: Option<File> },
    /// A database on a server.
    Server { store: Box<Store>, sole: Box<Sole> },
}

impl Held {
    /// Takes a database. Fails if a server uses it, wherever that server's data directory is.
    pub(super) async fn take(url: &str, dir: &DataDir) -> Result<Self, Failure> {
        match store::file_of(url) {
            Some(file) => {
                let lock = dir.lock_beside(&file)?;
                if !dir.has(&file) && store::is_in_use(&file).await.map_err(Failure::Other)? {
                    return Err(Failure::FileInUse { path: file });
                }
                Ok(Self::File { _lock: lock })
            }
            None => {
                let store = Store::open_as_it_is(url).await.map_err(Failure::Other)?;
                match Sole::take(&store, dir).await {
                    Ok(sole) => Ok(Self::Server { store: Box::new(store), sole: Box::new(sole) }),
                    Err(failure) => {
                        store.close().await;
                        Err(failure)
                    }
                }
            }
        }
    }

    /// Does work while the database is held.
    pub(super) async fn during<T>(
        &self,
        work: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        match self {
            Self::File { .. } => work.await,
            Self::Server { sole, .. } => tokio::select! {
                done = work => done,
                () = sole.keep() => Err(Failure::DatabaseTaken),
            },
        }
    }

    /// Leaves the database to servers.
    pub(super) async fn leave(self) {
        if let Self::Server { store, sole } = self {
            sole.leave().await;
            store.close().await;
        }
    }
}
