//! PostgreSQL, asked by `psql`.

use std::path::Path;
use std::process::Output;

use anyhow::{Context, Result};
use kozmic_testkit::database::DatabaseOptions;
use kozmic_testkit::postgres::Postgres;
use tokio::process::Command;

use super::{Server, Words};

impl Server for Postgres {
    const WORDS: Words = Words {
        scheme: "postgres",
        user: "SELECT current_user",
        data_directory: "SHOW data_directory",
        sleep: "SELECT pg_sleep(600)",
        setting: ("max_connections", "SHOW max_connections"),
        is_durable: ("SHOW fsync", "on"),
        is_encrypted: ("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()", "t"),
        no_table: "does not exist",
        no_entry: "password authentication failed",
        no_trust: "certificate verify failed",
        no_tls: "no encryption",
        no_server: "Connection refused",
        broken_off: "terminating connection",
    };

    own_methods!();

    async fn ask(url: &str, sql: &str) -> Result<Output> {
        let mut client = Command::new("psql");
        client.args(["--no-psqlrc", "--tuples-only", "--no-align", "--command", sql, url]);
        client.output().await.context("run psql")
    }

    fn within(database: &str, sql: &str) -> String {
        format!("\\connect {database}\n{sql}")
    }

    fn without_tls(url: &str) -> String {
        url.replace("verify-full", "disable")
    }
}
