//! Access to a database of any kind: single statements, and the beginning of transactions.

use super::{
    address,
    file::{self, FileAccess},
    server::ServerAccess,
};
use anyhow::Result;
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, ExecResult, QueryResult,
    Statement,
};

/// Connections to the database; cheap to clone.
#[derive(Clone)]
pub(in crate::store) enum Access {
    /// A file of SQLite.
    File(FileAccess),
    /// A server.
    Server(ServerAccess),
}

/// Opens a database; gives the access to read and the access to write. To a server there are at most this many
/// connections.
pub(super) async fn open(url: &str, connections: u32) -> Result<(Access, Access)> {
    if address::is_address(url) {
        let server = ServerAccess::open(url, connections).await?;
        return Ok((Access::Server(server.clone()), Access::Server(server)));
    }
    anyhow::ensure!(
        url.starts_with("sqlite:"),
        "no such kind of database is known: its address begins with sqlite:, postgres:// or mysql://"
    );
    let (reader, writer) = file::open(url).await?;
    Ok((Access::File(reader), Access::File(writer)))
}

impl Access {
    /// The plain connections, for work at the start, before anybody else uses the database.
    pub(super) async fn connection(&self) -> Result<DatabaseConnection, DbErr> {
        match self {
            Self::File(file) => file.connection().await,
            Self::Server(server) => Ok(server.connection()),
        }
    }

    /// Begins a transaction that writes.
    pub(in crate::store) async fn begin(&self) -> Result<DatabaseTransaction, DbErr> {
        match self {
            Self::File(file) => file.begin().await,
            Self::Server(server) => server.begin().await,
        }
    }

    /// The largest statement in bytes; none: there is no such limit.
    pub(in crate::store) fn largest_statement(&self) -> Option<usize> {
        match self {
            Self::File(_) => None,
            Self::Server(server) => server.largest_statement(),
        }
    }

    /// Begins a transaction that reads all tables as they are at its first statement.
    pub(super) async fn snapshot(&self) -> Result<DatabaseTransaction, DbErr> {
        match self {
            Self::File(file) => file.begin().await,
            Self::Server(server) => server.snapshot().await,
        }
    }

    /// Closes the database. All changes are written into a file's database before that.
    pub(super) async fn close(&self) -> Result<(), DbErr> {
        match self {
            Self::File(file) => file.close().await,
            Self::Server(server) => server.close().await,
        }
    }
}

#[async_trait::async_trait]
impl ConnectionTrait for Access {
    fn get_database_backend(&self) -> DbBackend {
        match self {
            Self::File(file) => file.get_database_backend(),
            Self::Server(server) => server.get_database_backend(),
        }
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        match self {
            Self::File(file) => file.execute_raw(statement).await,
            Self::Server(server) => server.execute_raw(statement).await,
        }
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        match self {
            Self::File(file) => file.execute_unprepared(sql).await,
            Self::Server(server) => server.execute_unprepared(sql).await,
        }
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        match self {
            Self::File(file) => file.query_one_raw(statement).await,
            Self::Server(server) => server.query_one_raw(statement).await,
        }
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        match self {
            Self::File(file) => file.query_all_raw(statement).await,
            Self::Server(server) => server.query_all_raw(statement).await,
        }
    }
}
