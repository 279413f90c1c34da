//! A database server: PostgreSQL, MariaDB or MySQL. One pool of connections reads and writes.
//!
//! The server separates writers by row locks, at READ COMMITTED. If the server undoes work, or its connection is lost
//! before its end, the work is tried again (`passing`).

use super::{
    address::{AddressFault, ServerAddress},
    packet, passing,
    pool::{self, LINE},
    pooler, refusal, text,
};
use anyhow::{Context, Result, anyhow, bail, ensure};
use sea_orm::{
    AccessMode, ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, ExecResult,
    IsolationLevel, QueryResult, SqlxMySqlConnector, SqlxPostgresConnector, Statement, TransactionOptions,
    TransactionTrait,
    sqlx::{self, ConnectOptions as _, Executor, mysql::MySqlPoolOptions, postgres::PgPoolOptions},
};
use std::time::Duration;
use tokio::time::timeout;

/// Longest time that one statement may take.
const PATIENCE: Duration = Duration::from_secs(90);

/// The oldest PostgreSQL that works, as `server_version_num` counts.
const OLDEST_POSTGRES: i32 = 140_000;

/// Settings of each session on MariaDB and MySQL: a statement by itself is committed, what others commit is seen, a text
/// that is too long is an error, and the number 0 of a row that moves stays 0.
const SESSION: [&str; 3] = [
    "SET SESSION autocommit = 1",
    "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
    "SET SESSION sql_mode = CONCAT(@@sql_mode, ',STRICT_ALL_TABLES,NO_AUTO_VALUE_ON_ZERO')",
];

/// A database server; cheap to clone.
#[derive(Clone)]
pub(in crate::store) struct ServerAccess {
    db: DatabaseConnection,
    /// Set if a pooler gives each transaction any of its connections. Then each statement needs a transaction, which
    /// keeps its parts on one connection.
    is_pooled: bool,
    /// The largest statement in bytes; none: there is no such limit.
    largest: Option<usize>,
}

impl ServerAccess {
    /// Opens the database at an address, with at most this many connections.
    pub(in crate::store) async fn open(url: &str, connections: u32) -> Result<Self> {
        let address = ServerAddress::read(url).map_err(misread)?;
        if let Some((file, fault)) = address.missing_file() {
            bail!("its address names {file}: {fault}");
        }
        match address.is_postgres() {
            true => open_postgres(&address, connections).await,
            false => open_mysql(&address, connections).await,
        }
    }

    /// The largest statement in bytes; none: there is no such limit.
    pub(super) fn largest_statement(&self) -> Option<usize> {
        self.largest
    }

    pub(in crate::store) fn connection(&self) -> DatabaseConnection {
        self.db.clone()
    }

    pub(in crate::store) async fn begin(&self) -> Result<DatabaseTransaction, DbErr> {
        let begun = within(self.db.begin_with_options(TransactionOptions::default())).await?;
        if self.is_pooled {
            // Other sessions may have prepared statements on the pooler's connection under the names that we use.
            within(begun.execute_unprepared("DEALLOCATE ALL")).await?;
        }
        Ok(begun)
    }

    /// Begins a transaction that reads all tables as they are at its first statement.
    pub(super) async fn snapshot(&self) -> Result<DatabaseTransaction, DbErr> {
        if self.db.get_database_backend() == DbBackend::MySql {
            let (isolation_level, access_mode) = (IsolationLevel::RepeatableRead, AccessMode::ReadOnly);
            return within(self.db.begin_with_config(Some(isolation_level), Some(access_mode))).await;
        }
        let begun = self.begin().await?;
        let options = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY";
        within(begun.execute_unprepared(options)).await?;
        Ok(begun)
    }

    pub(in crate::store) async fn close(&self) -> Result<(), DbErr> {
        self.db.close_by_ref().await
    }
}

/// Waits for a statement, with a time limit.
pub(super) async fn within<T>(statement: impl Future<Output = Result<T, DbErr>>) -> Result<T, DbErr> {
    match timeout(PATIENCE, statement).await {
        Ok(done) => done,
        Err(_) => Err(passing::no_answer(PATIENCE)),
    }
}

async fn open_postgres(address: &ServerAddress, connections: u32) -> Result<ServerAccess> {
    let options = address.postgres().map_err(|_| misread(AddressFault::NoAddress))?;
    // A pooler refuses a session that begins with parameters which it does not know.
    let options = options.extra_float_digits(None).application_name("kozmic").disable_statement_logging();
    let is_pooled = answer(address, pooler::is_between(&options)).await?;
    let pool: PgPoolOptions = pool::options(connections);
    let (pool, options) = match is_pooled {
        // A prepared statement does not outlive its transaction behind a pooler.
        true => (pool, options.statement_cache_capacity(0)),
        false => {
            let pool = pool.after_connect(|session, _| Box::pin(pooler::ensure_direct(session)));
            (pool, pooler::direct(options))
        }
    };
    let pool =
        pool.connect_with(options).await.map_err(|fault| anyhow!(refusal::in_words(&fault, address)))?;
    let server =
        ServerAccess { db: SqlxPostgresConnector::from_sqlx_postgres_pool(pool), is_pooled, largest: None };
    let version = server.told("SELECT current_setting('server_version_num')").await?;
    let number = version.parse::<i32>().with_context(|| format!("read the server's version {version}"))?;
    ensure!(
        number >= OLDEST_POSTGRES,
        "PostgreSQL 14 or newer is needed, and this server is {}",
        number / 10_000
    );
    let level = server.told("SELECT current_setting('default_transaction_isolation')").await?;
    ensure!(
        level == "read committed",
        "its default_transaction_isolation is \"{level}\", and has to be \"read committed\""
    );
    let encoding = server.told("SELECT current_setting('server_encoding')").await?;
    ensure!(
        encoding == "UTF8",
        "its encoding is {encoding}, and has to be UTF8: CREATE DATABASE … ENCODING 'UTF8'"
    );
    Ok(server)
}

async fn open_mysql(address: &ServerAddress, connections: u32) -> Result<ServerAccess> {
    let options = address.mysql().map_err(|_| misread(AddressFault::NoAddress))?;
    let options = options.charset("utf8mb4").collation("utf8mb4_bin").disable_statement_logging();
    let first = answer(address, options.connect()).await?;
    let _ = sqlx::Connection::close(first).await;
    let pool: MySqlPoolOptions = pool::options(connections);
    let pool = pool.after_connect(|session, _| {
        Box::pin(async move {
            for set in SESSION {
                session.execute(sqlx::raw_sql(set)).await?;
            }
            Ok(())
        })
    });
    let pool =
        pool.connect_with(options).await.map_err(|fault| anyhow!(refusal::in_words(&fault, address)))?;
    let db = SqlxMySqlConnector::from_sqlx_mysql_pool(pool);
    let mut server = ServerAccess { db, is_pooled: false, largest: None };
    let version = server.told("SELECT CAST(VERSION() AS CHAR)").await?;
    let oldest = if version.contains("MariaDB") { (10, 6) } else { (8, 0) };
    ensure!(
        number(&version) >= oldest,
        "MariaDB 10.6, MySQL 8.0 or newer is needed, and this server is {version}"
    );
    let largest = server.told("SELECT CAST(@@max_allowed_packet AS CHAR)").await?;
    server.largest = largest.parse().ok();
    let log = server.told("SELECT CAST(IF(@@log_bin, @@binlog_format, '') AS CHAR)").await?;
    ensure!(
        log != "STATEMENT",
        "its binlog_format is STATEMENT, which takes no writes at READ COMMITTED: set it to ROW"
    );
    Ok(server)
}

/// Major and minor number of a version such as `10.11.6-MariaDB`.
fn number(version: &str) -> (u32, u32) {
    // Old clients get `5.5.5-` before the version.
    let version = version.strip_prefix("5.5.5-").unwrap_or(version);
    let mut numbers = version.split(|character: char| !character.is_ascii_digit()).map(|part| part.parse());
    let mut next = || numbers.next().and_then(Result::ok).unwrap_or_default();
    (next(), next())
}

fn misread(right: AddressFault) -> anyhow::Error {
    anyhow!("its address needs to be {right}")
}

/// Waits for the first connections, with a time limit.
async fn answer<T>(
    address: &ServerAddress,
    connecting: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T> {
    let limit = LINE.as_secs();
    let answered = timeout(LINE, connecting).await;
    let answered = answered.map_err(|_| anyhow!("no {} answers there within {limit} s", address.server()))?;
    answered.map_err(|fault| anyhow!(refusal::in_words(&fault, address)))
}

impl ServerAccess {
    /// The answer to a question that returns one text.
    pub(in crate::store) async fn told(&self, question: &str) -> Result<String> {
        let asked = Statement::from_string(self.db.get_database_backend(), question);
        let row = self.query_one_raw(asked).await.context("ask the server about itself")?;
        Ok(row.context("the server told nothing about itself")?.try_get_by_index(0)?)
    }
}

/// Executes one statement by itself, and tries again after a temporary fault.
macro_rules! alone {
    ($self:ident, $db:ident => $work:expr) => {{
        let mut tries = 1;
        loop {
            let done = async {
                if !$self.is_pooled {
                    let $db = &$self.db;
                    return within($work).await;
                }
                let tx = $self.begin().await?;
                let $db = &tx;
                let done = within($work).await?;
                tx.commit().await?;
                Ok(done)
            };
            let fault = match done.await {
                Ok(done) => return Ok(done),
                Err(fault) => fault,
            };
            if !passing::pause("a statement", &fault, &mut tries).await {
                return Err(fault);
            }
        }
    }};
}

#[async_trait::async_trait]
impl ConnectionTrait for ServerAccess {
    fn get_database_backend(&self) -> DbBackend {
        self.db.get_database_backend()
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        packet::judge(&statement, self.largest)?;
        let statement = text::kept(statement);
        alone!(self, db => db.execute_raw(statement.clone()))
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        alone!(self, db => db.execute_unprepared(sql))
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        packet::judge(&statement, self.largest)?;
        let statement = text::kept(statement);
        alone!(self, db => db.query_one_raw(statement.clone()))
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        let statement = text::kept(statement);
        alone!(self, db => db.query_all_raw(statement.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_servers_write_them() {
        for (version, expected) in [
            ("10.11.6-MariaDB-0+deb12u1", (10, 11)),
            ("5.5.5-10.6.12-MariaDB", (10, 6)),
            ("8.0.36", (8, 0)),
            ("8.4.0-0ubuntu1", (8, 4)),
            ("odd", (0, 0)),
        ] {
            assert_eq!(number(version), expected, "{version}");
        }
    }
}
