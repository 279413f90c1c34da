//! Database servers, each asked by its own client: one list of cases for PostgreSQL and MariaDB.

/// The methods that both servers have under the same names.
macro_rules! own_methods {
    () => {
        async fn start_with(options: DatabaseOptions) -> Result<Self> {
            Self::start_with(options).await
        }

        fn url(&self, database: &str) -> String {
            self.url(database)
        }

        fn url_trusting(&self, database: &str, authority: &Path) -> String {
            self.url_trusting(database, authority)
        }

        async fn fresh_database(&self) -> Result<String> {
            self.fresh_database().await
        }

        async fn execute(&self, sql: &str) -> Result<String> {
            self.execute(sql).await
        }

        async fn kill_connections(&self, database: &str) -> Result<usize> {
            self.kill_connections(database).await
        }

        async fn stop(&mut self) -> Result<()> {
            self.stop().await
        }

        async fn start_again(&mut self) -> Result<()> {
            self.start_again().await
        }
    };
}

mod mariadb;
mod postgres;

use std::path::Path;
use std::process::Output;

use anyhow::Result;
use kozmic_testkit::authority::Authority;
use kozmic_testkit::database::{DatabaseOptions, name_of};
use url::Url;

use crate::support::{LIMIT, left_behind, temporary};

/// A database server, with its own client.
trait Server: Sized + Send + 'static {
    /// The words of this server.
    const WORDS: Words;

    async fn start_with(options: DatabaseOptions) -> Result<Self>;
    fn url(&self, database: &str) -> String;
    fn url_trusting(&self, database: &str, authority: &Path) -> String;
    async fn fresh_database(&self) -> Result<String>;
    async fn execute(&self, sql: &str) -> Result<String>;
    async fn kill_connections(&self, database: &str) -> Result<usize>;
    async fn stop(&mut self) -> Result<()>;
    async fn start_again(&mut self) -> Result<()>;

    /// Runs a statement by an address, as the server's client does.
    async fn ask(url: &str, sql: &str) -> Result<Output>;
    /// A statement that is run in a database, for `execute`.
    fn within(database: &str, sql: &str) -> String;
    /// The same address, without TLS.
    fn without_tls(url: &str) -> String;
}

/// Statements that differ from server to server, and parts of their complaints.
struct Words {
    scheme: &'static str,
    user: &'static str,
    data_directory: &'static str,
    sleep: &'static str,
    /// A setting's name, and a statement that selects its value.
    setting: (&'static str, &'static str),
    /// A statement, and its answer if transactions are written to the disk.
    is_durable: (&'static str, &'static str),
    /// A statement, and a part of its answer if the connection has TLS.
    is_encrypted: (&'static str, &'static str),
    no_table: &'static str,
    no_entry: &'static str,
    no_trust: &'static str,
    no_tls: &'static str,
    no_server: &'static str,
    broken_off: &'static str,
}

/// Makes a test of each case on both servers.
macro_rules! cases {
    ($($case:ident),+ $(,)?) => {
        mod on_postgresql {
            $(#[tokio::test]
            async fn $case() -> anyhow::Result<()> {
                super::$case::<kozmic_testkit::postgres::Postgres>().await
            })+
        }

        mod on_mariadb {
            $(#[tokio::test]
            async fn $case() -> anyhow::Result<()> {
                super::$case::<kozmic_testkit::mariadb::MariaDb>().await
            })+
        }
    };
}

cases! {
    fresh_databases_are_empty_and_apart_and_keep_any_text,
    a_user_and_a_password_may_have_any_characters,
    tls_is_had_by_the_right_authority_only,
    connections_break_off_when_killed_and_over_a_stop_but_data_stay,
    a_server_leaves_no_process_and_no_directory_even_when_a_test_panics,
}

fn said(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn complaint(output: &Output) -> String {
    assert!(!output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

async fn fresh_databases_are_empty_and_apart_and_keep_any_text<S: Server>() -> Result<()> {
    let server = S::start_with(DatabaseOptions::default()).await?;
    let (one, other) = tokio::try_join!(server.fresh_database(), server.fresh_database())?;
    assert_ne!(one, other);
    let (parts, path) = (Url::parse(&one)?, format!("/{}", name_of(&one)));
    assert_eq!(
        (parts.scheme(), parts.host_str(), parts.path()),
        (S::WORDS.scheme, Some("127.0.0.1"), path.as_str())
    );
    said(&S::ask(&one, "CREATE TABLE builds AS SELECT 'Grüße 🚀' AS title").await?);
    let select = "SELECT title FROM builds";
    assert_eq!(said(&S::ask(&one, select).await?), "Grüße 🚀");
    let refused = complaint(&S::ask(&other, select).await?);
    assert!(refused.contains(S::WORDS.no_table), "{refused}");

    let select = "SELECT title, 1 FROM builds";
    assert_eq!(server.execute(&S::within(name_of(&one), select)).await?, "Grüße 🚀\t1");
    let refused = server.execute(&S::within(name_of(&other), select)).await;
    assert!(refused.is_err_and(|error| error.to_string().contains(S::WORDS.no_table)));
    Ok(())
}

async fn a_user_and_a_password_may_have_any_characters<S: Server>() -> Result<()> {
    let (user, password) = ("Zoë \"x\"'s:\\", "p@ss/w#rd?&=%25 'ü\"\\$1");
    let server = S::start_with(DatabaseOptions::default().login(user, password)).await?;
    let url = server.fresh_database().await?;
    assert_eq!(said(&S::ask(&url, S::WORDS.user).await?), user);
    let refused = complaint(&S::ask(&url.replacen("p%40ss", "pass", 1), "SELECT 1").await?);
    assert!(refused.contains(S::WORDS.no_entry), "{refused}");
    Ok(())
}

async fn tls_is_had_by_the_right_authority_only<S: Server>() -> Result<()> {
    let (authority, other) = (Authority::new("ours")?, Authority::new("theirs")?);
    let server = S::start_with(DatabaseOptions::default().tls(&authority)?).await?;
    let url = server.fresh_database().await?;
    assert_eq!(server.url(name_of(&url)), url);
    let (is_encrypted, answer) = S::WORDS.is_encrypted;
    let encrypted = said(&S::ask(&url, is_encrypted).await?);
    assert!(encrypted.contains(answer), "{encrypted}");
    for (wrong, part) in [
        (server.url_trusting(name_of(&url), &other.certificate()), S::WORDS.no_trust),
        (S::without_tls(&url), S::WORDS.no_tls),
    ] {
        let refused = complaint(&S::ask(&wrong, "SELECT 1").await?);
        assert!(refused.contains(part), "{refused}");
    }
    Ok(())
}

async fn connections_break_off_when_killed_and_over_a_stop_but_data_stay<S: Server>() -> Result<()> {
    let mut server = S::start_with(DatabaseOptions::default().durable()).await?;
    let url = server.fresh_database().await?;
    said(&S::ask(&url, "CREATE TABLE kept AS SELECT 1 AS id").await?);
    assert_eq!(server.kill_connections(name_of(&url)).await?, 0);
    let waiting = S::ask(&url, S::WORDS.sleep);
    let killed = async {
        loop {
            if server.kill_connections(name_of(&url)).await? > 0 {
                return anyhow::Ok(());
            }
        }
    };
    let (waiting, ()) = tokio::time::timeout(LIMIT, async { tokio::try_join!(waiting, killed) }).await??;
    let broken_off = complaint(&waiting);
    assert!(broken_off.contains(S::WORDS.broken_off), "{broken_off}");

    server.stop().await?;
    let refused = complaint(&S::ask(&url, "SELECT 1").await?);
    assert!(refused.contains(S::WORDS.no_server), "{refused}");
    server.start_again().await?;
    assert_eq!(said(&S::ask(&url, "SELECT id FROM kept").await?), "1");
    let (is_durable, answer) = S::WORDS.is_durable;
    assert_eq!(server.execute(is_durable).await?, answer);
    Ok(())
}

async fn a_server_leaves_no_process_and_no_directory_even_when_a_test_panics<S: Server>() -> Result<()> {
    let (setting, select) = S::WORDS.setting;
    let server = S::start_with(DatabaseOptions::default().setting(setting, "77")).await?;
    assert_eq!(server.execute(select).await?, "77");
    let dir = temporary(&server.execute(S::WORDS.data_directory).await?)?;
    assert!(!left_behind(&dir)?.is_empty());
    let panicked = tokio::spawn(async move {
        let _server = server;
        panic!("as a test does");
    });
    assert!(panicked.await.is_err_and(|error| error.is_panic()));
    assert_eq!(left_behind(&dir)?, Vec::<String>::new());
    Ok(())
}
