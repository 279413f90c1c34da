//! A real PostgreSQL on loopback, for the store's tests and for benchmarks.

mod cluster;

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use tempfile::TempDir;
use tokio::process::Command;

use crate::database::{self, Account, DatabaseOptions, Login};
use crate::port::free_port;
use crate::program::{Program, Show};

use cluster::Cluster;

const START_LIMIT: Duration = Duration::from_secs(60);
const END_LIMIT: Duration = Duration::from_secs(30);
/// Name of the account that Debian's packages make, and of the server's own superuser.
pub(crate) const ACCOUNT: &str = "postgres";
/// Settings that save time and may cost the data if the machine fails.
const FAST: [(&str, &str); 4] = [
    ("fsync", "off"),
    ("synchronous_commit", "off"),
    ("full_page_writes", "off"),
    ("shared_buffers", "32MB"),
];

/// Debian's `postgres` with a data directory of its own; both are gone when this is dropped. Texts are sorted by the
/// rules of a language, as on most servers, where the package knows how (from version 15).
pub struct Postgres {
    port: u16,
    options: DatabaseOptions,
    program: Option<Program>,
    cluster: Cluster,
}

impl Postgres {
    /// Makes an empty server with one user, and starts it. That takes a second or two.
    pub async fn start() -> Result<Self> {
        Self::start_with(DatabaseOptions::default()).await
    }

    /// The same, run in that way.
    pub async fn start_with(options: DatabaseOptions) -> Result<Self> {
        let dir = TempDir::with_prefix("kozmic-postgres-").context("make a database's directory")?;
        let cluster = Cluster::make(dir, Account::instead_of_root(ACCOUNT).await?, &options).await?;
        let mut server = Self { port: free_port()?, options, program: None, cluster };
        server.start_again().await?;
        let login = &server.options.login;
        let (user, password) = (name(&login.user), text(&login.password));
        server.execute(&format!("CREATE ROLE {user} LOGIN PASSWORD {password}")).await?;
        Ok(server)
    }

    /// The address of a database, such as `postgres://user:password@127.0.0.1:5432/kozmic`, existing or not. With TLS
    /// it goes by the name `localhost`, and has the server's authority as the only one that is trusted.
    pub fn url(&self, database: &str) -> String {
        let trusted = self.cluster.dir().join("ca.pem");
        self.address(database, self.options.tls.is_some().then_some(&trusted))
    }

    /// The same, where this file holds the only authority that is trusted.
    pub fn url_trusting(&self, database: &str, authority: &Path) -> String {
        self.address(database, Some(authority))
    }

    fn address(&self, database: &str, trusted: Option<impl AsRef<Path>>) -> String {
        let url = |host| self.options.login.url("postgres", host, self.port, database);
        match trusted {
            Some(file) => {
                format!("{}?sslmode=verify-full&sslrootcert={}", url("localhost"), file.as_ref().display())
            }
            None => url("127.0.0.1"),
        }
    }

    /// Makes a new empty database that belongs to the user; gives its address.
    pub async fn fresh_database(&self) -> Result<String> {
        let database = database::fresh_name();
        // The other template refuses to be copied while anybody is connected to it.
        let owner = name(&self.options.login.user);
        self.execute(&format!("CREATE DATABASE {database} OWNER {owner} TEMPLATE template0")).await?;
        Ok(self.url(&database))
    }

    /// Runs statements as superuser, one after the other; the answer is what they select, a row a line, fields apart by
    /// tabs. The line `\connect kozmic` leads to another database.
    pub async fn execute(&self, sql: &str) -> Result<String> {
        let mut client = Command::new(self.cluster.program("psql"));
        client.args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--field-separator=\t"]);
        client.args(["--set=ON_ERROR_STOP=1", "--username", ACCOUNT, "--dbname=postgres"]);
        client.arg("--host").arg(self.cluster.dir()).arg(format!("--port={}", self.port));
        // Statements are read as UTF-8, whatever the machine's language.
        client.env("PGCLIENTENCODING", "UTF8");
        database::ask(client, "psql", sql).await
    }

    /// Breaks off all connections to a database; gives their number.
    pub async fn kill_connections(&self, database: &str) -> Result<usize> {
        let limit = END_LIMIT.as_millis();
        let kill = format!(
            "SELECT count(pg_terminate_backend(pid, {limit})) FROM pg_stat_activity WHERE datname = {}",
            text(database)
        );
        self.execute(&kill).await?.parse().context("read a number of connections")
    }

    /// Stops it: connections are broken off, and nobody listens at its address. The data stay.
    pub async fn stop(&mut self) -> Result<()> {
        let Some(mut program) = self.program.take() else { return Ok(()) };
        // "Fast", in PostgreSQL's words; TERM would wait for the clients.
        program.signal("INT")?;
        program.wait(END_LIMIT).await.map(drop)
    }

    /// Starts it on the same port after it was stopped.
    pub async fn start_again(&mut self) -> Result<()> {
        let mut command = self.cluster.serve();
        let mut set = |name: &str, value: &str| {
            command.args(["-c", &format!("{name}={value}")]);
        };
        set("port", &self.port.to_string());
        if !self.options.is_durable {
            FAST.into_iter().for_each(|(name, value)| set(name, value));
        }
        self.options.settings.iter().for_each(|(name, value)| set(name, value));
        let mut program = Program::start(command, Show::OnPanic)?;
        let is_ready = |line: &str| line.contains("database system is ready to accept connections");
        program.wait_for_line(START_LIMIT, is_ready).await.context("start postgres")?;
        self.program = Some(program);
        Ok(())
    }

    /// Port, and the user who is let in.
    pub(crate) fn access(&self) -> (u16, &Login) {
        (self.port, &self.options.login)
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if let Some(program) = &mut self.program {
            // "Immediate": its memory and its helpers go with it, which a kill would leave behind.
            program.end_by("QUIT");
        }
    }
}

/// A name as SQL has it.
fn name(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A text as SQL has it.
fn text(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
