//! PostgreSQL, asked by its own client.

use std::process::Output;

use anyhow::{Context, Result};
use kozmic_testkit::authority::Authority;
use kozmic_testkit::database::{DatabaseOptions, name_of};
use kozmic_testkit::postgres::Postgres;
use tokio::process::Command;

use crate::support::{LIMIT, left_behind, temporary};

/// Asks for a number by an address.
async fn ask(url: &str, sql: &str) -> Result<Output> {
    let mut client = Command::new("psql");
    client.args(["--no-psqlrc", "--tuples-only", "--no-align", "--command", sql, url]);
    client.output().await.context("run psql")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn complaint(output: &Output) -> String {
    assert!(!output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[tokio::test]
async fn fresh_databases_are_empty_their_user_s_own_and_apart_from_each_other() -> Result<()> {
    let server = Postgres::start().await?;
    let (one, other) = tokio::try_join!(server.fresh_database(), server.fresh_database())?;
    assert_ne!(one, other);
    assert!(ask(&one, "CREATE TABLE builds AS SELECT 'Grüße' AS title").await?.status.success());
    assert_eq!(said(&ask(&one, "SELECT title FROM builds").await?), "Grüße");
    assert!(complaint(&ask(&other, "SELECT title FROM builds").await?).contains("does not exist"));
    let name = name_of(&one);
    assert_eq!(server.execute(&format!("\\connect {name}\nSELECT title, 1 FROM builds")).await?, "Grüße\t1");
    let wrong = server.execute("SELECT * FROM nothing").await;
    assert!(wrong.is_err_and(|error| error.to_string().contains("does not exist")));
    Ok(())
}

#[tokio::test]
async fn a_user_and_a_password_may_have_any_characters() -> Result<()> {
    let (user, password) = ("Zoë \"x\"'s:\\", "p@ss/w#rd?&=%25 'ü\"\\$1");
    let server = Postgres::start_with(DatabaseOptions::default().login(user, password)).await?;
    let url = server.fresh_database().await?;
    assert_eq!(said(&ask(&url, "SELECT current_user").await?), user);
    let wrong = url.replacen("p%40ss", "pass", 1);
    assert!(complaint(&ask(&wrong, "SELECT 1").await?).contains("password authentication failed"));
    Ok(())
}

#[tokio::test]
async fn tls_is_had_by_the_right_authority_only() -> Result<()> {
    let (authority, other) = (Authority::new("ours")?, Authority::new("theirs")?);
    let server = Postgres::start_with(DatabaseOptions::default().tls(&authority)?).await?;
    let is_encrypted = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
    assert_eq!(said(&ask(&server.url("postgres"), is_encrypted).await?), "t");
    let by_other = server.url_trusting("postgres", &other.certificate());
    assert!(complaint(&ask(&by_other, "SELECT 1").await?).contains("certificate verify failed"));
    let plain = server.url("postgres").replace("verify-full", "disable");
    assert!(complaint(&ask(&plain, "SELECT 1").await?).contains("no encryption"));
    Ok(())
}

#[tokio::test]
async fn connections_break_off_when_killed_and_over_a_stop_but_data_stay() -> Result<()> {
    let mut server = Postgres::start_with(DatabaseOptions::default().durable()).await?;
    let url = server.fresh_database().await?;
    let name = name_of(&url);
    assert!(ask(&url, "CREATE TABLE kept (id int)").await?.status.success());
    assert_eq!(server.kill_connections(name).await?, 0);
    let waiting = ask(&url, "SELECT pg_sleep(600)");
    let killed = async {
        loop {
            if server.kill_connections(name).await? > 0 {
                return anyhow::Ok(());
            }
        }
    };
    let (waiting, ()) = tokio::time::timeout(LIMIT, async { tokio::try_join!(waiting, killed) }).await??;
    assert!(complaint(&waiting).contains("terminating connection"));

    server.stop().await?;
    assert!(complaint(&ask(&url, "SELECT 1").await?).contains("Connection refused"));
    server.start_again().await?;
    assert_eq!(said(&ask(&url, "SELECT count(*) FROM kept").await?), "0");
    assert_eq!(server.execute("SHOW fsync").await?, "on");
    Ok(())
}

#[tokio::test]
async fn a_server_leaves_no_process_and_no_directory_even_when_a_test_panics() -> Result<()> {
    let server = Postgres::start_with(DatabaseOptions::default().setting("cluster_name", "left")).await?;
    let dir = temporary(&server.execute("SHOW data_directory").await?)?;
    assert!(!left_behind(&dir)?.is_empty());
    let panicked = tokio::spawn(async move {
        let _server = server;
        panic!("as a test does");
    });
    assert!(panicked.await.is_err_and(|error| error.is_panic()));
    assert_eq!(left_behind(&dir)?, Vec::<String>::new());
    Ok(())
}
