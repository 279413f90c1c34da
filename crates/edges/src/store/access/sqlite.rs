//! The part that only SQLite needs: its opening, the reasons to throw a connection away, and its files, which somebody
//! may take away while they are open.

use super::Side;
use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DatabaseTransaction, DbErr, RuntimeErr,
    SqliteTransactionMode, TransactionOptions, TransactionTrait,
    sqlx::{
        self, Connection, Sqlite, SqliteConnection,
        pool::{PoolConnection, PoolOptions},
        sqlite::{SqliteConnectOptions, SqliteSynchronous},
    },
};
use std::{
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Number of connections that read.
const READERS: u32 = 8;

/// Longest time that a write waits while another program holds the database: a backup, say. A caller that waits for
/// less gives up by itself.
const PATIENCE: Duration = Duration::from_secs(90);

/// Longest time to wait in line behind such a write: a little longer.
const LINE: Duration = Duration::from_secs(120);

/// The connections of one side.
#[derive(Clone)]
pub(super) struct Connections {
    pub(super) db: DatabaseConnection,
    trust: Arc<Trust>,
}

/// Opens the connections for one side. SQLite has one writer at a time; whoever comes in between sleeps and tries
/// again, and out of turn, while before the one connection that writes everybody waits in line.
pub(super) async fn connect(url: &str, side: Side) -> Result<Connections, DbErr> {
    let mut options = ConnectOptions::new(url);
    options.sqlx_logging(false).acquire_timeout(LINE);
    options.max_connections(match side {
        Side::Reading => READERS,
        Side::Writing => 1,
    });
    // A new connection opens the files anew, which others may have moved: only for a reason.
    options.idle_timeout(None::<Duration>).max_lifetime(None::<Duration>);
    // FULL: a webhook that was answered survives a loss of power.
    options.map_sqlx_sqlite_opts(|sqlite| {
        sqlite.synchronous(SqliteSynchronous::Full).busy_timeout(PATIENCE).foreign_keys(true)
    });
    let trust = Arc::new(Trust::default());
    let of_pool = Arc::clone(&trust);
    options.map_sqlx_sqlite_pool_opts(move |pool| distrustful(pool, &of_pool, side));
    let mut db = Database::connect(options).await?;
    let of_statements = Arc::clone(&trust);
    db.set_metric_callback(move |statement| {
        if statement.failed {
            of_statements.lose();
        }
    });
    db.execute_unprepared("PRAGMA journal_mode = WAL").await?;
    Ok(Connections { db, trust })
}

/// The directory of the database at an address, if it is in a file.
pub fn directory_of(url: &str) -> Option<PathBuf> {
    let options = url.parse::<SqliteConnectOptions>().ok()?;
    let directory = options.get_filename().parent().filter(|directory| !directory.as_os_str().is_empty());
    directory.filter(|directory| directory.is_dir()).map(Path::to_owned)
}

/// IMMEDIATE: SQLite refuses to turn a reading transaction into a writing one while others write.
pub(super) async fn begin(writer: &DatabaseConnection) -> Result<DatabaseTransaction, DbErr> {
    let immediate = Some(SqliteTransactionMode::Immediate);
    let options = TransactionOptions { sqlite_transaction_mode: immediate, ..TransactionOptions::default() };
    writer.begin_with_options(options).await
}

/// The time since which connections are trusted: none that is older than the last statement that failed. It may be one
/// that fell back to reading only, while the disk could not be written.
#[derive(Default)]
struct Trust(Mutex<Option<Instant>>);

impl Trust {
    fn lose(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// For a last use of connections that still have files which a new one would not find.
    fn regain(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn holds(&self, age: Duration) -> bool {
        let lost = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lost.is_none_or(|lost| age < lost.elapsed())
    }
}

/// Throws away connections that are not to be trusted. One that comes back from a write is tried: its transaction may
/// have ended in any way, or not at all, if who began it was dropped.
fn distrustful(pool: PoolOptions<Sqlite>, trust: &Arc<Trust>, side: Side) -> PoolOptions<Sqlite> {
    let trust = Arc::clone(trust);
    let pool = pool.before_acquire(move |_, state| {
        let is_trusted = trust.holds(state.age);
        Box::pin(async move { Ok(is_trusted) })
    });
    match side {
        Side::Reading => pool,
        Side::Writing => pool.after_release(|connection, _| Box::pin(is_idle(connection))),
    }
}

/// Whether a connection is in no transaction, in its own eyes and in SQLite's: each refuses this one otherwise.
async fn is_idle(connection: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    let Ok(tried) = connection.begin_with("BEGIN").await else { return Ok(false) };
    Ok(tried.rollback().await.is_ok())
}

/// The files of a database: they can be moved, removed or replaced while they are open, and SQLite writes on.
#[derive(Clone)]
pub(super) struct Identity {
    /// The database itself, then what is beside it. None: it is in memory.
    files: Option<[(PathBuf, Option<File>); 3]>,
}

/// Device and inode.
type File = (u64, u64);

impl Identity {
    /// The files of a database that was opened just now.
    pub(super) fn of(url: &str) -> Result<Self, DbErr> {
        let options = url.parse::<SqliteConnectOptions>().map_err(fault)?;
        let path = options.get_filename().to_owned();
        if !path.exists() {
            return Ok(Self { files: None });
        }
        let beside = |suffix: &str| {
            let mut path = path.clone().into_os_string();
            path.push(suffix);
            PathBuf::from(path)
        };
        let paths = [path.clone(), beside("-wal"), beside("-shm")];
        let files = paths.map(|path| {
            let file = file(&path);
            (path, file)
        });
        Ok(Self { files: Some(files) })
    }

    /// Whether all of them are where they were.
    pub(super) fn holds(&self) -> bool {
        self.files.iter().flatten().all(|(path, was)| file(path) == *was)
    }

    /// # Errors
    /// The database itself is not where it was: nothing can be saved then.
    pub(super) fn is_still_there(&self) -> Result<(), DbErr> {
        match self.files.iter().flatten().next() {
            Some((path, was)) if file(path) != *was => Err(fault(sqlx::Error::Configuration(
                format!(
                    "the database's file {} was moved, removed or replaced while Kozmic had it open: stop Kozmic, put \
                     the file back, and start it again",
                    path.display()
                )
                .into(),
            ))),
            _ => Ok(()),
        }
    }
}

fn file(path: &Path) -> Option<File> {
    path.metadata().ok().map(|found| (found.dev(), found.ino()))
}

/// A connection of a side, taken out of use.
pub(super) struct Last(Option<PoolConnection<Sqlite>>);

impl Last {
    /// The one that was open before, if it is; none is there once the side was closed.
    pub(super) async fn of(side: &Connections) -> Result<Self, DbErr> {
        side.trust.regain();
        let pool = side.db.get_sqlite_connection_pool();
        match pool.is_closed() {
            true => Ok(Self(None)),
            false => Ok(Self(Some(pool.acquire().await.map_err(fault)?))),
        }
    }

    /// Brings into the database's file all that stands only beside it.
    pub(super) async fn save(self) -> Result<(), DbErr> {
        let Some(mut connection) = self.0 else { return Ok(()) };
        let checkpoint = sqlx::query_as::<_, (i64, i64, i64)>("PRAGMA wal_checkpoint(TRUNCATE)");
        let (busy, _, _) = checkpoint.fetch_one(&mut *connection).await.map_err(fault)?;
        match busy {
            0 => Ok(()),
            _ => Err(fault(sqlx::Error::Configuration("another program keeps the database busy".into()))),
        }
    }
}

fn fault(cause: sqlx::Error) -> DbErr {
    DbErr::Conn(RuntimeErr::SqlxError(cause.into()))
}
