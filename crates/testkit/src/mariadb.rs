//! A real MariaDB on loopback, for data that comes from an older Kozmic.

mod mysql_55;

pub use mysql_55::MySql55;

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::program::{Program, Show};
use crate::server::free_port;

/// Servers are in a directory that only root's path has.
const MARIADBD: &str = "/usr/sbin/mariadbd";
const START_LIMIT: Duration = Duration::from_secs(60);
const USER: &str = "kozmic";
const PASSWORD: &str = "kozmic-password";

/// Debian's `mariadbd` with a data directory of its own; both are gone when this is dropped.
pub struct MariaDb {
    port: u16,
    _program: Program,
    dir: TempDir,
}

impl MariaDb {
    /// Makes an empty server with one user who may do everything, and starts it. That takes some seconds.
    pub async fn start() -> Result<Self> {
        let dir = TempDir::with_prefix("kozmic-mariadb-").context("make a database's directory")?;
        let port = free_port()?;
        install(dir.path()).await?;
        let server = Self { port, _program: serve(&dir, port).await?, dir };
        let user = format!(
            "CREATE USER '{USER}'@'127.0.0.1' IDENTIFIED BY '{PASSWORD}';\n\
             GRANT ALL ON *.* TO '{USER}'@'127.0.0.1' WITH GRANT OPTION;"
        );
        server.execute(&user).await?;
        Ok(server)
    }

    /// The address of a database, such as `mysql://user:password@127.0.0.1:3306/kozmic`, whether or not it
    /// exists.
    pub fn url(&self, database: &str) -> String {
        format!("mysql://{USER}:{PASSWORD}@127.0.0.1:{}/{database}", self.port)
    }

    /// Runs statements, one after the other; the answer is what they select, a row a line, fields apart by tabs.
    pub async fn execute(&self, sql: &str) -> Result<String> {
        let mut command = Command::new("mariadb");
        command.arg("--no-defaults").arg("--socket").arg(socket(&self.dir));
        command.args(["--user=root", "--batch", "--skip-column-names", "--default-character-set=utf8mb4"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().context("run mariadb: is the package mariadb-server installed?")?;
        let mut stdin = child.stdin.take().context("mariadb has an input")?;
        let write = async move {
            stdin.write_all(sql.as_bytes()).await.ok();
            drop(stdin);
        };
        let ((), output) = tokio::join!(write, child.wait_with_output());
        checked("mariadb", output.context("wait for mariadb")?)
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
    checked("mariadb-install-db", output).map(drop)
}

async fn serve(dir: &TempDir, port: u16) -> Result<Program> {
    let mut command = Command::new("sh");
    // It talks on standard error; Program listens to standard output.
    command.args(["-c", "exec \"$0\" \"$@\" 2>&1", MARIADBD, "--no-defaults", "--bind-address=127.0.0.1"]);
    command.arg(format!("--port={port}"));
    for (option, file) in [("datadir", "data"), ("pid-file", "pid"), ("socket", "socket")] {
        command.arg(format!("--{option}={}", dir.path().join(file).display()));
    }
    keep_to(&mut command, dir.path());
    // Nobody needs its data after a crash, and the machine runs more than this.
    command.args(["--innodb-flush-log-at-trx-commit=0", "--innodb-buffer-pool-size=32M", "--skip-log-bin"]);
    command.args(["--skip-name-resolve", "--character-set-server=utf8mb4"]).args(as_root());
    let mut program = Program::start(command, Show::OnPanic)?;
    program
        .wait_for_line(START_LIMIT, |line| line.contains("ready for connections"))
        .await
        .context("start mariadbd: is the package mariadb-server installed?")?;
    Ok(program)
}

/// Keeps temporary tables in a directory of their own: a server that starts removes all that it finds beside its own.
fn keep_to(command: &mut Command, dir: &Path) {
    command.env("TMPDIR", dir);
}

/// Root has to say that root is meant; for everybody else it goes without saying.
fn as_root() -> Option<&'static str> {
    let home = std::fs::metadata("/proc/self").ok()?;
    (std::os::unix::fs::MetadataExt::uid(&home) == 0).then_some("--user=root")
}

fn socket(dir: &TempDir) -> PathBuf {
    dir.path().join("socket")
}

fn checked(name: &str, output: Output) -> Result<String> {
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{name}: {complaint}{}", String::from_utf8_lossy(&output.stdout));
    Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
}
