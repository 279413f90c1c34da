//! MariaDB, with its own client.

use std::process::Output;

use anyhow::{Context, Result};
use kozmic_testkit::authority::Authority;
use kozmic_testkit::database::{DatabaseOptions, name_of};
use kozmic_testkit::mariadb::MariaDb;
use percent_encoding::percent_decode_str;
use tokio::process::Command;
use url::Url;

use crate::support::{LIMIT, left_behind, temporary};

/// Asks for something by an address, as this client does, which knows no addresses.
async fn ask(url: &str, sql: &str) -> Result<Output> {
    let url = Url::parse(url)?;
    let plain = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let mut client = Command::new("mariadb");
    client.args(["--no-defaults", "--protocol=tcp", "--skip-column-names", "--execute", sql]);
    client.arg("--default-character-set=utf8mb4");
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

fn said(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn complaint(output: &Output) -> String {
    assert!(!output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[tokio::test]
async fn a_database_is_made_filled_and_reached_by_its_address() -> Result<()> {
    let server = MariaDb::start().await?;
    server
        .execute("CREATE DATABASE old; CREATE TABLE old.builds (id INT, title TEXT); INSERT INTO old.builds VALUES (1, 'Grüße'), (2, NULL);")
        .await?;
    assert_eq!(server.execute("SELECT id, title FROM old.builds ORDER BY id").await?, "1\tGrüße\n2\tNULL");
    let wrong = server.execute("SELECT * FROM old.nothing").await;
    assert!(wrong.is_err_and(|error| error.to_string().contains("doesn't exist")));

    let url = server.url("old");
    let parts = Url::parse(&url)?;
    assert_eq!((parts.scheme(), parts.host_str(), parts.path()), ("mysql", Some("127.0.0.1"), "/old"));
    assert_eq!(said(&ask(&url, "SELECT COUNT(*) FROM builds").await?), "2");
    let wrong = url.replace("kozmic-password", "wrong");
    assert!(complaint(&ask(&wrong, "SELECT 1").await?).contains("Access denied"));
    Ok(())
}

#[tokio::test]
async fn fresh_databases_are_empty_and_apart_and_keep_any_text() -> Result<()> {
    let (user, password) = ("Zoë \"x\"'s:\\", "p@ss/w#rd?&=%25 'ü\"\\$1");
    let server = MariaDb::start_with(DatabaseOptions::default().login(user, password)).await?;
    let (one, other) = tokio::try_join!(server.fresh_database(), server.fresh_database())?;
    assert_eq!(said(&ask(&one, "CREATE TABLE builds (title TEXT); SHOW TABLES").await?), "builds");
    ask(&one, "INSERT INTO builds VALUES ('Grüße 🚀')").await?;
    assert_eq!(said(&ask(&one, "SELECT title FROM builds").await?), "Grüße 🚀");
    assert_eq!(said(&ask(&other, "SHOW TABLES").await?), "");
    Ok(())
}

#[tokio::test]
async fn tls_is_had_by_the_right_authority_only() -> Result<()> {
    let (authority, other) = (Authority::new("ours")?, Authority::new("theirs")?);
    let server = MariaDb::start_with(DatabaseOptions::default().tls(&authority)?).await?;
    let url = server.fresh_database().await?;
    assert!(said(&ask(&url, "SHOW STATUS LIKE 'Ssl_cipher'").await?).contains("AES"));
    let by_other = server.url_trusting(name_of(&url), &other.certificate());
    assert!(complaint(&ask(&by_other, "SELECT 1").await?).contains("certificate"));
    let plain = url.split_once('?').context("parameters")?.0;
    assert!(complaint(&ask(plain, "SELECT 1").await?).contains("Access denied"));
    Ok(())
}

#[tokio::test]
async fn connections_break_off_when_killed_and_over_a_stop_but_data_stay() -> Result<()> {
    let mut server = MariaDb::start_with(DatabaseOptions::default().durable()).await?;
    let url = server.fresh_database().await?;
    ask(&url, "CREATE TABLE kept (id INT); INSERT INTO kept VALUES (1)").await?;
    let waiting = ask(&url, "SELECT SLEEP(600)");
    let killed = async {
        loop {
            if server.kill_connections(name_of(&url)).await? > 0 {
                return anyhow::Ok(());
            }
        }
    };
    let (waiting, ()) = tokio::time::timeout(LIMIT, async { tokio::try_join!(waiting, killed) }).await??;
    assert!(complaint(&waiting).contains("Lost connection"));

    server.stop().await?;
    assert!(complaint(&ask(&url, "SELECT 1").await?).contains("Can't connect"));
    server.start_again().await?;
    assert_eq!(said(&ask(&url, "SELECT COUNT(*) FROM kept").await?), "1");
    assert_eq!(server.execute("SELECT @@innodb_flush_log_at_trx_commit").await?, "1");
    Ok(())
}

#[tokio::test]
async fn a_server_with_a_log_of_statements_ends_with_its_test_and_leaves_nothing() -> Result<()> {
    let server = MariaDb::start_with_log_of_statements().await?;
    assert_eq!(server.execute("SELECT @@log_bin, @@binlog_format").await?, "1\tSTATEMENT");
    let dir = temporary(&server.execute("SELECT @@datadir").await?)?;
    assert!(!left_behind(&dir)?.is_empty());
    let panicked = tokio::spawn(async move {
        let _server = server;
        panic!("as a test does");
    });
    assert!(panicked.await.is_err_and(|error| error.is_panic()));
    assert_eq!(left_behind(&dir)?, Vec::<String>::new());
    Ok(())
}
