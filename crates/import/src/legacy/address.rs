//! The address of the original's database, as people write it: for Kozmic, or copied from the original's settings.

use anyhow::{Context, Result, ensure};
use sea_orm::sqlx::{ConnectOptions as _, mysql::MySqlConnectOptions};
use url::Url;

/// Example of an address.
const EXAMPLE: &str = "mysql://user:password@host/database";

/// Advice after a text that is not an address.
const HINT: &str = "Characters such as / ? # % in a password are written percent-encoded: %2F %3F %23 %25";

/// An address in its parts.
pub(super) struct Address {
    /// The options for the connection.
    pub(super) options: MySqlConnectOptions,
    /// The part that names the installation, without user and password.
    pub(super) source: String,
}

impl Address {
    /// Reads `mysql://…`, `mariadb://…`, or an address of SQLAlchemy's, such as `mysql+pymysql://…`.
    ///
    /// # Errors
    /// The text is not such an address, or names no database.
    pub(super) fn parse(text: &str) -> Result<Self> {
        // The text contains a password: a message must never show it.
        let (scheme, rest) = text.trim().split_once("://").unwrap_or_default();
        let is_known = matches!(scheme.split('+').next(), Some("mysql" | "mariadb"));
        let url = Url::parse(&format!("mysql://{rest}")).ok().filter(|_| is_known);
        let url = url
            .with_context(|| format!("the address of the old database is to look like {EXAMPLE}. {HINT}"))?;
        let database = url.path().trim_matches('/');
        ensure!(!database.is_empty(), "the address of the old database names no database: {EXAMPLE}. {HINT}");
        let host = url.host_str().filter(|host| !host.is_empty()).unwrap_or("localhost");
        let source = format!("mysql://{host}:{}/{database}", url.port().unwrap_or(3306));
        let options = MySqlConnectOptions::from_url(&url).ok();
        let options =
            options.context("the old database's address has something percent-encoded that is no text")?;
        Ok(Self { options: settled(options, &url, host), source })
    }
}

/// Sets the options that must not depend on the address: the texts' encoding and the time zone.
fn settled(options: MySqlConnectOptions, url: &Url, host: &str) -> MySqlConnectOptions {
    let bare_host = host.trim_start_matches('[').trim_end_matches(']');
    let options = options.host(bare_host).charset("utf8mb4").timezone(Some("+00:00".to_owned()));
    let options = options.collation("utf8mb4_unicode_ci").disable_statement_logging();
    // PyMySQL and MySQLdb use this key.
    match url.query_pairs().find(|(key, _)| key == "unix_socket") {
        Some((_, path)) => options.socket(&*path),
        None => options,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> String {
        Address::parse(text).unwrap().source
    }

    #[test]
    fn an_installation_is_known_without_its_password() {
        for text in [
            "mysql://kozmic:hush@db.example/ci",
            "mariadb://kozmic:hush@db.example/ci?charset=utf8",
            "mysql+pymysql://kozmic:hush@db.example/ci?charset=utf8&use_unicode=0",
            " mysql+mysqldb://kozmic@db.example:3306/ci\n",
        ] {
            assert_eq!(source(text), "mysql://db.example:3306/ci", "{text}");
        }
        assert_eq!(source("mysql+pymysql://kozmic:@127.0.0.1/kozmic"), "mysql://127.0.0.1:3306/kozmic");
        assert_eq!(source("mysql:///kozmic?unix_socket=/run/my.sock"), "mysql://localhost:3306/kozmic");
    }

    #[test]
    fn what_is_no_address_is_refused_without_its_password() {
        for wrong in [
            "mysql://kozmic:hush@db.example",
            "postgres://kozmic:hush@db/ci",
            "postgres+mysql://kozmic:hush@db/ci",
            "mysql://kozmic:hu/sh@db/ci",
            "kozmic:hush@db/ci",
            "hush",
        ] {
            let fault = format!("{:#}", Address::parse(wrong).err().unwrap());
            assert!(fault.contains(EXAMPLE) && fault.contains("%2F"), "{fault}");
            assert!(!fault.contains("hush") && !fault.contains("hu/sh"), "{fault}");
        }
        let fault = Address::parse("mysql://kozmic:hush%ff@db/ci").err().unwrap().to_string();
        assert!(fault.contains("percent-encoded") && !fault.contains("hush"), "{fault}");
    }

    #[test]
    fn the_host_the_password_and_the_encoding_are_those_that_are_meant() {
        let Address { options, source } =
            Address::parse("mysql+pymysql://me:p%40ss%2Fword@[::1]:3307/ci?charset=latin1").unwrap();
        let shown = format!("{options:?}");
        assert!(shown.contains("\"::1\"") && shown.contains("utf8mb4"), "{shown}");
        assert!(shown.contains("p@ss/word") && !shown.contains("latin1"), "{shown}");
        assert_eq!(source, "mysql://[::1]:3307/ci");
    }
}
