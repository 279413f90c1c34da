//! A real PgBouncer on loopback, as installations have that share few connections among many programs.

use std::time::Duration;

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::database::{self, Account, Login};
use crate::port::free_port;
use crate::postgres::Postgres;
use crate::program::{Program, Show};

/// Servers are in a directory that only root's path has.
const PGBOUNCER: &str = "/usr/sbin/pgbouncer";
const START_LIMIT: Duration = Duration::from_secs(20);

/// Debian's `pgbouncer` before a server, with a connection for each transaction. All other settings are the package's:
/// it takes no settings for a session, and knows nothing of prepared statements. It ends when this is dropped.
pub struct PgBouncer {
    port: u16,
    login: Login,
    program: Program,
    _dir: TempDir,
}

impl PgBouncer {
    /// Puts one before a server. It lets in the server's user.
    pub async fn before(server: &Postgres) -> Result<Self> {
        let (account, port) = (Account::instead_of_root(crate::postgres::ACCOUNT).await?, free_port()?);
        let dir = TempDir::with_prefix("kozmic-pgbouncer-").context("make a directory for pgbouncer")?;
        let (to, login) = server.access();
        let (settings, users) = (dir.path().join("settings"), dir.path().join("users"));
        // A suite has many databases, and the server few connections: those that idle are closed soon.
        let text = format!(
            "[databases]\n* = host=127.0.0.1 port={to}\n\
             [pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n\
             auth_type = scram-sha-256\nauth_file = {}\npool_mode = transaction\n\
             server_idle_timeout = 5\n",
            users.display()
        );
        let user = [&login.user, &login.password].map(|part| format!("\"{}\"", part.replace('"', "\"\"")));
        for (file, text) in [(&settings, text), (&users, user.join(" ") + "\n")] {
            std::fs::write(file, text).context("write pgbouncer's settings")?;
        }
        account.give(dir.path())?;
        let mut command = database::server(PGBOUNCER);
        command.arg(&settings).current_dir(dir.path());
        account.take(&mut command);
        let mut program = Program::start(command, Show::OnPanic)?;
        let is_ready = |line: &str| line.contains("process up");
        let ready = program.wait_for_line(START_LIMIT, is_ready).await;
        ready.context("start pgbouncer: is the package of that name installed?")?;
        Ok(Self { port, login: login.clone(), program, _dir: dir })
    }

    /// The address of a database of the server, by this way.
    pub fn url(&self, database: &str) -> String {
        self.login.url("postgres", "127.0.0.1", self.port, database)
    }
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        self.program.end_by("KILL");
    }
}
