//! MariaDB, asked by its own client.

use std::path::Path;
use std::process::Output;

use anyhow::{Context, Result};
use kozmic_testkit::database::DatabaseOptions;
use kozmic_testkit::mariadb::MariaDb;
use percent_encoding::percent_decode_str;
use tokio::process::Command;
use url::Url;

use super::{Server, Words};

impl Server for MariaDb {
    const WORDS: Words = Words {
        scheme: "mysql",
        user: "SELECT SUBSTRING_INDEX(CURRENT_USER(), '@', 1)",
        data_directory: "SELECT @@datadir",
        sleep: "SELECT SLEEP(600)",
        setting: ("max-connections", "SELECT @@max_connections"),
        is_durable: ("SELECT @@innodb_flush_log_at_trx_commit", "1"),
        is_encrypted: ("SHOW STATUS LIKE 'Ssl_cipher'", "AES"),
        no_table: "doesn't exist",
        no_entry: "Access denied",
        no_trust: "certificate",
        no_tls: "Access denied",
        no_server: "Can't connect",
        broken_off: "Lost connection",
    };

    own_methods!();

    /// The client knows no addresses, so each part becomes an option.
    async fn ask(url: &str, sql: &str) -> Result<Output> {
        let url = Url::parse(url)?;
        let plain = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let mut client = Command::new("mariadb");
        client.args(["--no-defaults", "--protocol=tcp", "--skip-column-names", "--execute", sql]);
        client.args(["--raw", "--batch", "--default-character-set=utf8mb4"]);
        client.arg(format!("--host={}", url.host_str().context("a host")?));
        client.arg(format!("--port={}", url.port().context("a port")?));
        client.arg(format!("--user={}", plain(url.username())));
        client.arg(format!("--password={}", plain(url.password().context("a password")?)));
        match url.query_pairs().find(|(name, _)| name == "ssl-ca") {
            Some((_, file)) => client.arg("--ssl-verify-server-cert").arg(format!("--ssl-ca={file}")),
            None => client.arg("--skip-ssl"),
        };
        client.arg(url.path().trim_start_matches('/'));
        client.output().await.context("run mariadb")
    }

    fn within(database: &str, sql: &str) -> String {
        format!("USE {database}; {sql}")
    }

    fn without_tls(url: &str) -> String {
        url.split('?').next().unwrap_or_default().to_owned()
    }
}

#[tokio::test]
async fn a_server_may_have_a_log_of_statements() -> Result<()> {
    let server = MariaDb::start_with_log_of_statements().await?;
    assert_eq!(server.execute("SELECT @@log_bin, @@binlog_format").await?, "1\tSTATEMENT");
    Ok(())
}
