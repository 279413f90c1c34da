//! The part that only SQLite needs: its opening, the reasons to throw a connection away, and its files, which somebody
//! may take away while they are open.

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

/// The side of a database that connections are for.
#[derive(Clone, Copy)]
pub(super) enum Side {
    /// They only read.
    Reading,
    /// The one that writes.
    Writing,
}

/// Number of connections that read.
const READERS: u32 = 8;

/// Longest time that a write waits while another program holds the database: a backup, say. A caller that waits for
/// less gives up by itself.
const PATIENCE: Duration = Duration::from_secs(90);

/// Longest time to wait for others when the database is closed.
const FAREWELL: Duration = Duration::from_secs(1);

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

/// The file of the database at an address; none if it is no such address, or the database would be in memory.
pub fn file_of(url: &str) -> Option<PathBuf> {
    let options = url.strip_prefix("sqlite:").and_then(|_| url.parse::<SqliteConnectOptions>().ok())?;
    let file = options.get_filename().to_owned();
    let name = file.to_str()?;
    let is_elsewhere = name.is_empty() || name == ":memory:" || name.starts_with("file:");
    // As it was read, under a name that makes an address in any case.
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

/// The reason why a database was not opened, said once.
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

/// SQLite's own words, unless the system has a better reason why the file cannot be opened.
fn in_words(file: Option<&Path>, fault: &sqlx::Error) -> anyhow::Error {
    let reason = file.and_then(|file| std::fs::OpenOptions::new().read(true).write(true).open(file).err());
    match (reason, fault.as_database_error()) {
        (Some(reason), _) => anyhow!("{reason}"),
        (None, Some(said)) => anyhow!("{}", said.message()),
        (None, None) => anyhow!("{fault}"),
    }
}

/// Whether a missing file is made when the address is opened.
fn makes_file(url: &str) -> bool {
    let options = url.parse::<SqliteConnectOptions>();
    let read = options.map(|options| options.filename("kozmic").to_url_lossy());
    read.is_ok_and(|read| read.query_pairs().any(|(name, value)| name == "mode" && value == "rwc"))
}

/// The names of the steps that a database's tables went through; none if the file is not there yet. No file is made or
/// changed: what is in a file beside it counts only once a server has opened the database.
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

/// Whether SQLite itself says that it keeps the database in a file which is there.
pub(super) async fn is_in_a_file(side: &Connections) -> Result<bool, DbErr> {
    let list = sqlx::query_as::<_, (i64, String, Option<String>)>("PRAGMA database_list");
    let list = list.fetch_all(side.db.get_sqlite_connection_pool()).await.map_err(fault)?;
    Ok(list.iter().any(|(_, name, file)| {
        name == "main" && file.as_ref().is_some_and(|file| !file.is_empty() && Path::new(file).exists())
    }))
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

    /// Waits no longer than this for other programs.
    pub(super) async fn wait_at_most(&mut self, limit: Duration) -> Result<(), DbErr> {
        let Some(connection) = &mut self.0 else { return Ok(()) };
        let limit = sqlx::AssertSqlSafe(format!("PRAGMA busy_timeout = {}", limit.as_millis()));
        sqlx::raw_sql(limit).execute(&mut **connection).await.map(drop).map_err(fault)
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

/// Brings all that is written into the database's file, and closes the connections. With the last one the files beside
/// it go.
pub(super) async fn close(reader: &Connections, writer: &Connections) -> Result<(), DbErr> {
    // Somebody may still read; then less is brought over.
    let _ = timeout(FAREWELL, reader.db.close_by_ref()).await;
    let mut last = Last::of(writer).await?;
    last.wait_at_most(FAREWELL).await?;
    last.save().await?;
    writer.db.close_by_ref().await
}

fn fault(cause: sqlx::Error) -> DbErr {
    DbErr::Conn(RuntimeErr::SqlxError(cause.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;

    async fn refused(url: &str) -> String {
        let opened = Store::open(url, &"a secret key of more than 32 characters".into()).await;
        format!("{:#}", opened.err().expect("it is refused"))
    }

    #[tokio::test]
    async fn what_keeps_a_database_closed_is_said_once_with_its_file() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("kozmic.db");
        let (url, shown) = (address_of(&file), file.display());
        let missing = "there is no such file; with ?mode=rwc behind the address it is made";
        assert_eq!(refused(&url).await, format!("open the database {shown}: {missing}"));
        let nowhere = refused(&format!("{}?mode=rwc", address_of(&file.join("kozmic.db")))).await;
        assert!(nowhere.ends_with(&format!("there is no directory {shown}")), "{nowhere}");
        std::fs::write(&file, "This is no database.".repeat(100)).unwrap();
        let odd = refused(&url).await;
        assert_eq!(odd.matches("not a database").count(), 1, "{odd}");
    }

    #[tokio::test]
    async fn a_database_in_memory_is_refused_by_what_sqlite_says_of_it() {
        for url in ["sqlite::memory:", "sqlite://file%3Ax%3Fmode%3Dmemory", "sqlite://%3Amemory%3A"] {
            assert!(refused(url).await.contains("it is in memory only"), "{url}");
        }
    }

    #[test]
    fn a_files_address_leads_to_it_whatever_it_is_called() {
        for name in ["/data/50%/kozmic.db", "/what?/kozmic.db", "/%41/:memory:", "/ü b#c"] {
            assert_eq!(
                file_of(&format!("{}?mode=rwc", address_of(Path::new(name)))).unwrap(),
                Path::new(name)
            );
        }
    }

    #[tokio::test]
    async fn a_database_that_was_closed_is_whole_in_its_one_file() {
        let dir = tempfile::tempdir().unwrap();
        let (file, copy) = (dir.path().join("kozmic.db"), dir.path().join("copy.db"));
        let key = "a secret key of more than 32 characters".into();
        let store = Store::open(&format!("{}?mode=rwc", address_of(&file)), &key).await.unwrap();
        store.ping().await.unwrap();
        let beside = dir.path().join("kozmic.db-wal");
        assert!(beside.metadata().unwrap().len() > 0, "until then some of it stands beside it");
        store.close().await;
        assert!(!beside.exists());
        std::fs::copy(&file, &copy).unwrap();
        let store = Store::open(&format!("{}?mode=rw", address_of(&copy)), &key).await;
        assert!(store.unwrap().projects().projects().await.unwrap().is_empty(), "its tables are there");
    }

    #[tokio::test]
    async fn a_reader_that_stays_holds_up_no_end() {
        let dir = tempfile::tempdir().unwrap();
        let url = format!("{}?mode=rwc", address_of(&dir.path().join("kozmic.db")));
        let store = Store::open(&url, &"a secret key of more than 32 characters".into()).await.unwrap();
        let reader = store.db.reader.connection().await.unwrap();
        let held = reader.get_sqlite_connection_pool().acquire().await.unwrap();
        store.close().await;
        assert!(!dir.path().join("kozmic.db-wal").metadata().is_ok_and(|beside| beside.len() > 0));
        drop(held);
    }
}
