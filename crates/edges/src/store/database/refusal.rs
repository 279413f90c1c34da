//! A server's refusal of a connection in one sentence, without the address: the address contains a password.

use super::address::ServerAddress;
use sea_orm::sqlx::{self, error::DatabaseError, mysql::MySqlDatabaseError};

/// The refusal in words.
pub(super) fn in_words(fault: &sqlx::Error, address: &ServerAddress) -> String {
    let server = address.server();
    match fault {
        sqlx::Error::Database(said) if is_of_account(said.as_ref()) => {
            format!("{}: the user, the password or the database is wrong, or not made yet", said.message())
        }
        sqlx::Error::Database(said) => said.message().to_owned(),
        sqlx::Error::Tls(fault) if fault.to_string().contains("UnknownIssuer") => {
            let option = if address.is_postgres() { "sslrootcert" } else { "ssl-ca" };
            format!(
                "no safe connection could be made: {fault}: name the file with its authority's certificate by {option}"
            )
        }
        sqlx::Error::Tls(fault) => format!("no safe connection could be made: {fault}"),
        sqlx::Error::Io(fault) => {
            format!("no {server} answers there ({fault}): does the server run, and are host and port right?")
        }
        sqlx::Error::Protocol(_) => format!("no {server} answers there, but another program"),
        fault => fault.to_string(),
    }
}

/// True if the server does not let this user into this database.
fn is_of_account(said: &dyn DatabaseError) -> bool {
    if let Some(said) = said.try_downcast_ref::<MySqlDatabaseError>() {
        return [1044, 1045, 1049, 1698].contains(&said.number());
    }
    said.code().is_some_and(|code| ["28000", "28P01", "3D000"].contains(&&*code))
}
