//! A real MariaDB on loopback, for the store's tests, for benchmarks, and for data that comes from an older Kozmic.

mod mysql_55;

pub use mysql_55::MySql55;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use tempfile::TempDir;
use tokio::process::Command;

use crate::database::{self, Account, DatabaseOptions, is_root};
use crate::port::free_port;
use crate::program::{Program, Show};

/// Servers are in a directory that only root's path has.
const MARIADBD: &str = "/usr/sbin/mariadbd";
const START_LIMIT: Duration = Duration::from_secs(60);
const END_LIMIT: Duration = Duration::from_secs(30);
/// Settings of every server.
const ALWAYS: [&str; 4] =
    ["--no-defaults", "--bind-address=127.0.0.1", "--skip-name-resolve", "--character-set-server=utf8mb4"];
/// Settings that save time and may cost the data if the machine fails.
const FAST: [&str; 2] = ["--innodb-flush-log-at-trx-commit=0", "--innodb-buffer-pool-size=32M"];
const DURABLE: [&str; 2] = ["--innodb-flush-log-at-trx-commit=1", "--sync-binlog=1"];

/// Debian's `mariadbd` with a data directory of its own; both are gone when this is dropped. Its databases keep texts
/// as `utf8mb4`.
pub struct MariaDb {
    port: u16,
    options: DatabaseOptions,
    program: Option<Program>,
    dir: TempDir,
}

impl MariaDb {
    /// Makes an empty server with one user who may do everything, and starts it. That takes some seconds.
    pub async fn start() -> Result<Self> {
        Self::start_with(DatabaseOptions::default()).await
    }

    /// The same, with a log of changes in the form of statements, as the leader of a replication in that old form has
    /// it. It restricts the isolation of transactions.
    pub async fn start_with_log_of_statements() -> Result<Self> {
        let options = DatabaseOptions::default().setting("log-bin", "changes").setting("server-id", "1");
        Self::start_with(options.setting("binlog-format", "STATEMENT")).await
    }

    /// The same, run in that way.
    pub async fn start_with(options: DatabaseOptions) -> Result<Self> {
        let dir = TempDir::with_prefix("kozmic-mariadb-").context("make a database's directory")?;
        if let Some(tls) = &options.tls {
            tls.lay_out(dir.path(), Account::own())?;
        }
        install(dir.path()).await?;
        let mut server = Self { port: free_port()?, options, program: None, dir };
        server.start_again().await?;
        let [user, password] = [&server.options.login.user, &server.options.login.password].map(text);
        let user = format!(
            "CREATE USER {user}@'127.0.0.1' IDENTIFIED BY {password};\n\
             GRANT ALL ON *.* TO {user}@'127.0.0.1' WITH GRANT OPTION;"
        );
        server.execute(&user).await?;
        Ok(server)
    }

    /// The address of a database, such as `mysql://user:password@127.0.0.1:3306/kozmic`, existing or not. With TLS it
    /// goes by the name `localhost`, and has the server's authority as the only one that is trusted.
    pub fn url(&self, database: &str) -> String {
        match self.options.tls {
            Some(_) => self.url_trusting(database, &self.dir.path().join("ca.pem")),
            None => self.options.login.url("mysql", "127.0.0.1", self.port, database),
        }
    }

    /// The same, where this file holds the only authority that is trusted.
    pub fn url_trusting(&self, database: &str, authority: &Path) -> String {
        let url = self.options.login.url("mysql", "localhost", self.port, database);
        format!("{url}?ssl-mode=VERIFY_IDENTITY&ssl-ca={}", authority.display())
    }

    /// Makes a new empty database; gives its address.
    pub async fn fresh_database(&self) -> Result<String> {
        let database = database::fresh_name();
        self.execute(&format!("CREATE DATABASE {database}")).await?;
        Ok(self.url(&database))
    }

    /// Runs statements, one after the other; the answer is what they select, a row a line, fields apart by tabs.
    pub async fn execute(&self, sql: &str) -> Result<String> {
        let mut client = Command::new("mariadb");
        client.arg("--no-defaults").arg("--socket").arg(self.socket());
        client.args(["--user=root", "--batch", "--skip-column-names", "--default-character-set=utf8mb4"]);
        database::ask(client, "mariadb", sql).await
    }

    /// Breaks off all connections to a database; gives their number.
    pub async fn kill_connections(&self, database: &str) -> Result<usize> {
        let of = format!("SELECT id FROM information_schema.processlist WHERE db = {}", text(database));
        let mut killed = 0;
        for id in self.execute(&of).await?.lines() {
            match self.execute(&format!("KILL {id}")).await {
                Ok(_) => killed += 1,
                Err(error) if error.to_string().contains("Unknown thread id") => {}
                Err(error) => return Err(error),
            }
        }
        Ok(killed)
    }

    /// Stops it: connections are broken off, and nobody listens at its address. The data stay.
    pub async fn stop(&mut self) -> Result<()> {
        let Some(mut program) = self.program.take() else { return Ok(()) };
        program.ask_to_end()?;
        program.wait(END_LIMIT).await.map(drop)
    }

    /// Freezes it: connections stay, and nobody gets an answer.
    pub fn freeze(&mut self) -> Result<()> {
        self.program.as_mut().map_or(Ok(()), |program| program.signal("STOP"))
    }

    /// Lets it go on after it was frozen.
    pub fn thaw(&mut self) -> Result<()> {
        self.program.as_mut().map_or(Ok(()), |program| program.signal("CONT"))
    }

    /// Starts it on the same port after it was stopped.
    pub async fn start_again(&mut self) -> Result<()> {
        let mut program = Program::start(self.serve(), Show::OnPanic)?;
        program
            .wait_for_line(START_LIMIT, |line| line.contains("ready for connections"))
            .await
            .context("start mariadbd: is the package mariadb-server installed?")?;
        self.program = Some(program);
        Ok(())
    }

    fn serve(&self) -> Command {
        let (mut command, dir) = (database::server(MARIADBD), self.dir.path().display());
        command.args(ALWAYS).args(as_root()).args([format!("--port={}", self.port)]);
        command.args([format!("--datadir={dir}/data"), format!("--pid-file={dir}/pid")]);
        command.arg(format!("--socket={}", self.socket().display()));
        keep_to(&mut command, self.dir.path());
        command.args(if self.options.is_durable { DURABLE } else { FAST });
        if self.options.tls.is_some() {
            command.args([format!("--ssl-cert={dir}/cert.pem"), format!("--ssl-key={dir}/key.pem")]);
            command.arg("--require-secure-transport=ON");
        }
        command.args(self.options.settings.iter().map(|(name, value)| format!("--{name}={value}")));
        command
    }

    fn socket(&self) -> PathBuf {
        self.dir.path().join("socket")
    }
}

impl Drop for MariaDb {
    fn drop(&mut self) {
        if let Some(program) = &mut self.program {
            program.end_by("KILL");
        }
    }
}

/// Writes the tables that every server has.
async fn install(dir: &Path) -> Result<()> {
    let mut command = Command::new("mariadb-install-db");
    command.args(["--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db"]);
    command.args(as_root()).arg(format!("--datadir={}", dir.join("data").display())).kill_on_drop(true);
    keep_to(&mut command, dir);
    let output = command.output().await;
    let output = output.context("run mariadb-install-db: is the package mariadb-server installed?")?;
    database::checked("mariadb-install-db", &output).map(drop)
}

/// Keeps temporary tables in a directory of their own: a server that starts removes all that it finds beside its own.
fn keep_to(command: &mut Command, dir: &Path) {
    command.env("TMPDIR", dir);
}

/// Root has to say that root is meant; for everybody else it goes without saying.
fn as_root() -> Option<&'static str> {
    is_root().then_some("--user=root")
}

/// A text as SQL has it.
fn text(text: impl AsRef<str>) -> String {
    format!("'{}'", text.as_ref().replace('\\', "\\\\").replace('\'', "''"))
}
