//! Opens a connection to the original's database, or explains the failure in one sentence.

use super::address::Address;
use anyhow::{Error, Result, anyhow};
use sea_orm::{
    DatabaseConnection, DbErr, RuntimeErr,
    sqlx::{
        self, ConnectOptions as _, Connection as _, MySqlConnection,
        mysql::{MySqlDatabaseError, MySqlPoolOptions},
    },
};
use std::{io::ErrorKind, time::Duration};
use tokio::time::timeout;

/// The longest wait for the database.
const LIMIT: Duration = Duration::from_secs(5);

/// The statement is known from MySQL 5.6 on.
const READ_ONLY: &str = "SET SESSION TRANSACTION READ ONLY";

/// The number of a server's error for a statement that it does not know.
const SYNTAX_ERROR: u16 = 1064;

/// Opens the database at an address.
pub(super) async fn open(address: Address) -> Result<DatabaseConnection> {
    let Address { options, source } = address;
    // The first connection is made without the pool: a pool tries again and again, and loses the reason of a refusal.
    let first = async { options.connect().await?.close().await };
    match timeout(LIMIT, first).await {
        Ok(Ok(())) => {}
        Ok(Err(fault)) => return Err(anyhow!("cannot open {source}: {}", refusal(&fault))),
        Err(_) => {
            return Err(anyhow!("cannot open {source}: it does not answer within {} s", LIMIT.as_secs()));
        }
    }
    let pool = MySqlPoolOptions::new().max_connections(1).acquire_timeout(LIMIT);
    let pool = pool.after_connect(|connection, _| Box::pin(promise_to_read_only(connection)));
    Ok(pool.connect_lazy_with(options).into())
}

/// Makes the session read only. If the server does not know the statement, it is read all the same: this program sends
/// only queries.
async fn promise_to_read_only(connection: &mut MySqlConnection) -> Result<(), sqlx::Error> {
    match sqlx::raw_sql(READ_ONLY).execute(connection).await {
        Err(fault) if number(&fault) == Some(SYNTAX_ERROR) => {
            tracing::info!("the old database is too old to promise that nothing is written");
            Ok(())
        }
        done => done.map(drop),
    }
}

/// MySQL's number of a fault.
fn number(fault: &sqlx::Error) -> Option<u16> {
    let fault = fault.as_database_error()?.try_downcast_ref::<MySqlDatabaseError>()?;
    Some(fault.number())
}

/// The reason why a database refused the connection, with advice.
fn refusal(fault: &sqlx::Error) -> String {
    match fault {
        sqlx::Error::Io(cause) => unreachable(cause),
        sqlx::Error::Tls(_) => {
            "the connection cannot be encrypted here: leave ssl-mode out of the address, and go \
                                through ssh -L or the server's socket"
                .to_owned()
        }
        sqlx::Error::Protocol(text) if text.contains("authentication plugin") => format!(
            "its user signs in in a way that is not known here ({text}): give it mysql_native_password"
        ),
        fault => {
            let words = words(fault);
            match number(fault) {
                Some(1045 | 1698) => format!(
                    "it does not accept the user, the password, or a connection without TLS ({words}). Characters such \
                     as / ? # % in a password are written percent-encoded"
                ),
                Some(1049) => format!("it has no database of that name ({words})"),
                Some(_) if words.contains("secure transport") => {
                    format!("it takes encrypted connections only ({words}): go through the server's socket")
                }
                _ => words,
            }
        }
    }
}

fn unreachable(cause: &std::io::Error) -> String {
    match cause.kind() {
        ErrorKind::ConnectionRefused => "nothing listens there (connection refused)".to_owned(),
        ErrorKind::NotFound => "there is no such socket".to_owned(),
        ErrorKind::UnexpectedEof => "it closes the connection at once".to_owned(),
        _ if cause.to_string().contains("lookup address") => format!("its host is not known ({cause})"),
        _ => cause.to_string(),
    }
}

/// The database's own message of a fault, once.
fn words(fault: &sqlx::Error) -> String {
    match fault.as_database_error() {
        Some(fault) => fault.message().to_owned(),
        None => fault.to_string(),
    }
}

/// The reason why a query was not answered.
pub(super) fn unanswered(fault: &DbErr) -> Error {
    match cause(fault) {
        Some(sqlx::Error::Io(cause)) => anyhow!("the connection broke off ({cause})"),
        Some(fault) => anyhow!("{}", words(fault)),
        None => match fault {
            DbErr::Custom(words) => anyhow!("{words}"),
            fault => anyhow!("{fault}"),
        },
    }
}

/// True if the table or column of a query does not exist.
pub(super) fn lacks_something(fault: &DbErr) -> bool {
    matches!(cause(fault).and_then(number), Some(1054 | 1146))
}

fn cause(fault: &DbErr) -> Option<&sqlx::Error> {
    match fault {
        DbErr::Conn(RuntimeErr::SqlxError(fault))
        | DbErr::Exec(RuntimeErr::SqlxError(fault))
        | DbErr::Query(RuntimeErr::SqlxError(fault)) => Some(fault),
        _ => None,
    }
}
