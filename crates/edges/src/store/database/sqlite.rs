//! The code that depends on SQLite itself: opening a database, throwing connections away, and noticing that a file was
//! taken away while it was open.

#[cfg(test)]
mod tests;

use anyhow::anyhow;
use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DatabaseTransaction, DbErr, RuntimeErr,
    SqliteTransactionMode, TransactionOptions, TransactionTrait,
    sqlx::{
        self, ConnectOptions as _, Connection, Sqlite, SqliteConnection,
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
use tokio::time::timeout;

/// The purpose of connections: to read or to write.
#[derive(Clone, Copy)]
pub(super) enum Side {
    /// Connections that only read.
    Reading,
    /// The connection that writes.
    Writing,
}

/// Number of connections that read.
const READERS: u32 = 8;

/// Longest time that a write waits while another program holds the database, for example a backup. Callers with a
/// shorter limit give up by themselves.
const PATIENCE: Duration = Duration::from_secs(90);

/// Longest time to wait for others when the database is closed.
const FAREWELL: Duration = Duration::from_secs(1);

/// Longest time to wait for a connection behind such a write: a little longer.
const LINE: Duration = Duration::from_secs(120);

/// The connections for reading or for writing.
#[derive(Clone)]
pub(super) struct Connections {
    pub(super) db: DatabaseConnection,
    trust: Arc<Trust>,
}

/// Opens the connections for reading or for writing. SQLite allows one writer at a time. A second writing connection
/// would sleep and try again, without a fair order; callers wait in order for a single connection.
pub(super) async fn connect(url: &str, side: Side) -> Result<Connections, DbErr> {
    let mut options = ConnectOptions::new(url);
    options.sqlx_logging(false).acquire_timeout(LINE);
    options.max_connections(match side {
        Side::Reading => READERS,
        Side::Writing => 1,
    });
    // A new connection opens the files anew, and somebody may have moved them: open one only for a reason.
    options.idle_timeout(None::<Duration>).max_lifetime(None::<Duration>);
    // FULL: a webhook that was answered is not lost in a power failure.
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

/// The file of the database at an address; none if this is not an address of SQLite's, or the database would be in
/// memory.
pub fn file_of(url: &str) -> Option<PathBuf> {
    let options = url.strip_prefix("sqlite:").and_then(|_| url.parse::<SqliteConnectOptions>().ok())?;
    let file = options.get_filename().to_owned();
    let name = file.to_str()?;
    let is_elsewhere = name.is_empty() || name == ":memory:" || name.starts_with("file:");
    // The options as SQLite's driver read them, with a file name that is valid in any address.
    let read = options.filename("kozmic").to_url_lossy();
    let is_odd =
        read.query_pairs().any(|(name, value)| name == "vfs" || (name == "mode" && value == "memory"));
    if is_elsewhere || is_odd { None } else { Some(file) }
}

/// The address of the database in a file, without options.
pub fn address_of(file: &Path) -> String {
    format!("sqlite://{}", file.display().to_string().replace('%', "%25").replace('?', "%3F"))
}

/// The directory of the database at an address, if it is in a file.
pub fn directory_of(url: &str) -> Option<PathBuf> {
    let file = file_of(url)?;
    let directory = file.parent().filter(|directory| !directory.as_os_str().is_empty());
    directory.filter(|directory| directory.is_dir()).map(Path::to_owned)
}

/// The reason why a database was not opened, without repetition.
pub(super) fn refusal(url: &str, fault: DbErr) -> anyhow::Error {
    let file = file_of(url).filter(|file| !file.exists());
    let directory =
        file.as_deref().and_then(Path::parent).filter(|directory| !directory.as_os_str().is_empty());
    if let Some(directory) = directory.filter(|directory| !directory.is_dir()) {
        return anyhow!("there is no directory {}", directory.display());
    }
    if file.is_some() && !makes_file(url) {
        return anyhow!("there is no such file; with ?mode=rwc behind the address it is made");
    }
    match fault {
        DbErr::Conn(RuntimeErr::SqlxError(fault))
        | DbErr::Exec(RuntimeErr::SqlxError(fault))
        | DbErr::Query(RuntimeErr::SqlxError(fault)) => in_words(file_of(url).as_deref(), &fault),
        fault => fault.into(),
    }
}

/// SQLite's own message, unless the system has a better reason why the file cannot be opened.
fn in_words(file: Option<&Path>, fault: &sqlx::Error) -> anyhow::Error {
    let reason = file.and_then(|file| std::fs::OpenOptions::new().read(true).write(true).open(file).err());
    match (reason, fault.as_database_error()) {
        (Some(reason), _) => anyhow!("{reason}"),
        (None, Some(said)) => anyhow!("{}", said.message()),
        (None, None) => anyhow!("{fault}"),
    }
}

/// True if opening the address makes a missing file.
fn makes_file(url: &str) -> bool {
    let options = url.parse::<SqliteConnectOptions>();
    let read = options.map(|options| options.filename("kozmic").to_url_lossy());
    read.is_ok_and(|read| read.query_pairs().any(|(name, value)| name == "mode" && value == "rwc"))
}

/// The names of the steps that a database's tables went through; none if the file does not exist yet. No file is made
/// or changed. Changes in a file beside the database count only after a server has opened the database.
pub(in crate::store) async fn steps(url: &str) -> anyhow::Result<Option<Vec<String>>> {
    let file =
        file_of(url).ok_or_else(|| anyhow!("it is in memory only, and would be gone with this process"))?;
    if !file.exists() && makes_file(url) {
        let directory = file.parent().filter(|directory| !directory.as_os_str().is_empty());
        return match directory.filter(|directory| !directory.is_dir()) {
            Some(directory) => Err(anyhow!("there is no directory {}", directory.display())),
            None => Ok(None),
        };
    }
    let asked = async {
        let mut db =
            SqliteConnectOptions::new().filename(&file).read_only(true).immutable(true).connect().await?;
        let tables = "SELECT count(*) FROM sqlite_schema WHERE name = 'seaql_migrations'";
        let (tables,) = sqlx::query_as::<_, (i64,)>(tables).fetch_one(&mut db).await?;
        let steps = match tables {
            0 => Vec::new(),
            _ => {
                sqlx::query_as::<_, (String,)>("SELECT version FROM seaql_migrations")
                    .fetch_all(&mut db)
                    .await?
            }
        };
        db.close().await?;
        Ok(steps.into_iter().map(|(step,)| step).collect())
    };
    asked.await.map(Some).map_err(|cause| refusal(url, fault(cause)))
}

/// True if SQLite itself says that it keeps the database in an existing file.
pub(super) async fn is_in_a_file(side: &Connections) -> Result<bool, DbErr> {
    let list = sqlx::query_as::<_, (i64, String, Option<String>)>("PRAGMA database_list");
    let list = list.fetch_all(side.db.get_sqlite_connection_pool()).await.map_err(fault)?;
    Ok(list.iter().any(|(_, name, file)| {
        name == "main" && file.as_ref().is_some_and(|file| !file.is_empty() && Path::new(file).exists())
    }))
}

/// Begins a transaction that writes. It is IMMEDIATE: SQLite refuses to turn a reading transaction into a writing one
/// while others write.
pub(super) async fn begin(writer: &DatabaseConnection) -> Result<DatabaseTransaction, DbErr> {
    let immediate = Some(SqliteTransactionMode::Immediate);
    let options = TransactionOptions { sqlite_transaction_mode: immediate, ..TransactionOptions::default() };
    writer.begin_with_options(options).await
}

/// The time of the last statement that failed: older connections are not trusted. Such a connection may have fallen
/// back to reading only while the disk could not be written.
#[derive(Default)]
struct Trust(Mutex<Option<Instant>>);

impl Trust {
    fn lose(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// Trusts old connections again, for a last use: they have files open that a new connection would not find.
    fn regain(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn holds(&self, age: Duration) -> bool {
        let lost = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lost.is_none_or(|lost| age < lost.elapsed())
    }
}

/// Throws connections away that are not trusted. A connection is tested after a write: its transaction may have ended
/// in any way, or may still be open if its owner was dropped.
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

/// True if a connection is in no transaction, for the driver and for SQLite. Each of them refuses a nested BEGIN.
async fn is_idle(connection: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    let Ok(tried) = connection.begin_with("BEGIN").await else { return Ok(false) };
    Ok(tried.rollback().await.is_ok())
}

/// The identity of a database's files. Files can be moved, removed or replaced while they are open, and SQLite goes on
/// writing.
#[derive(Clone)]
pub(super) struct Identity {
    /// The database itself, then the files beside it. None if the database is in memory.
    files: Option<[(PathBuf, Option<File>); 3]>,
}

/// Device and inode.
type File = (u64, u64);

impl Identity {
    /// The identity of a database's files just after the database was opened.
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

    /// True if all files are still at their paths.
    pub(super) fn holds(&self) -> bool {
        self.files.iter().flatten().all(|(path, was)| file(path) == *was)
    }

    /// # Errors
    /// The database itself is not at its path any more: nothing can be saved then.
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

/// A connection for a last use, taken out of its pool; none if the pool was closed.
pub(super) struct Last(Option<PoolConnection<Sqlite>>);

impl Last {
    /// A connection that was opened before, if there is one; none if the pool was closed.
    pub(super) async fn of(side: &Connections) -> Result<Self, DbErr> {
        side.trust.regain();
        let pool = side.db.get_sqlite_connection_pool();
        match pool.is_closed() {
            true => Ok(Self(None)),
            false => Ok(Self(Some(pool.acquire().await.map_err(fault)?))),
        }
    }

    /// Limits the time to wait for other programs.
    pub(super) async fn wait_at_most(&mut self, limit: Duration) -> Result<(), DbErr> {
        let Some(connection) = &mut self.0 else { return Ok(()) };
        let limit = sqlx::AssertSqlSafe(format!("PRAGMA busy_timeout = {}", limit.as_millis()));
        sqlx::raw_sql(limit).execute(&mut **connection).await.map(drop).map_err(fault)
    }

    /// Writes all changes that are only in the files beside the database into the database's file.
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

/// Writes all changes into the database's file, and closes the connections. The last connection removes the files
/// beside the database.
pub(super) async fn close(reader: &Connections, writer: &Connections) -> Result<(), DbErr> {
    // If somebody still reads, fewer changes are written into the file.
    let _ = timeout(FAREWELL, reader.db.close_by_ref()).await;
    let mut last = Last::of(writer).await?;
    last.wait_at_most(FAREWELL).await?;
    last.save().await?;
    writer.db.close_by_ref().await
}

fn fault(cause: sqlx::Error) -> DbErr {
    DbErr::Conn(RuntimeErr::SqlxError(cause.into()))
}
