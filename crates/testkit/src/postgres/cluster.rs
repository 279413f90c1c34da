//! The directory of a PostgreSQL server, and the programs of the package that work on it.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tempfile::TempDir;
use tokio::process::Command;

use super::ACCOUNT;
use crate::database::{self, Account, DatabaseOptions};

/// Directory in which Debian and Ubuntu have the programs of each version.
const VERSIONS: &str = "/usr/lib/postgresql";
/// First version that sorts by ICU, which needs no language of the machine's.
const SORTS_BY_ICU: u32 = 15;
/// Settings of every server. The socket's directory is the cluster's, which others cannot enter.
const ALWAYS: [(&str, &str); 4] = [
    ("listen_addresses", "127.0.0.1"),
    ("max_connections", "200"),
    ("lc_messages", "C"),
    ("logging_collector", "off"),
];

/// Data of a server, with settings and certificates beside them.
pub(super) struct Cluster {
    programs: PathBuf,
    account: Account,
    has_tls: bool,
    dir: TempDir,
}

impl Cluster {
    /// Makes an empty one in this directory, which becomes the account's.
    pub(super) async fn make(dir: TempDir, account: Account, options: &DatabaseOptions) -> Result<Self> {
        let (version, programs) = newest()?;
        account.give(dir.path())?;
        let cluster = Self { programs, account, has_tls: options.tls.is_some(), dir };
        cluster.init(version).await?;
        let connection = if cluster.has_tls { "hostssl" } else { "host" };
        let rules = format!("local all {ACCOUNT} trust\n{connection} all all 127.0.0.1/32 scram-sha-256\n");
        std::fs::write(cluster.data().join("pg_hba.conf"), rules).context("write the rules of access")?;
        if let Some(tls) = &options.tls {
            tls.lay_out(cluster.dir(), cluster.account)?;
        }
        Ok(cluster)
    }

    async fn init(&self, version: u32) -> Result<()> {
        let mut command = Command::new(self.program("initdb"));
        command.arg("--pgdata").arg(self.data()).args(["--username", ACCOUNT]);
        command.args(["--auth-local=trust", "--auth-host=reject", "--encoding=UTF8", "--locale=C.UTF-8"]);
        if version >= SORTS_BY_ICU {
            command.args(["--locale-provider=icu", "--icu-locale=en-US"]);
        }
        command.args(["--no-sync", "--no-instructions"]).current_dir(self.dir()).kill_on_drop(true);
        self.account.take(&mut command);
        let output = command.output().await.context("run initdb")?;
        database::checked("initdb", &output).map(drop)
    }

    /// The server's command, without settings that change.
    pub(super) fn serve(&self) -> Command {
        let mut command = database::server(self.program("postgres"));
        command.arg("-D").arg(self.data()).arg("-k").arg(self.dir()).current_dir(self.dir());
        for (name, value) in ALWAYS {
            command.args(["-c", &format!("{name}={value}")]);
        }
        if self.has_tls {
            let dir = self.dir().display();
            command.args(["-c", "ssl=on", "-c", &format!("ssl_cert_file={dir}/cert.pem")]);
            command.args(["-c", &format!("ssl_key_file={dir}/key.pem")]);
        }
        self.account.take(&mut command);
        command
    }

    /// The directory of all that is its own.
    pub(super) fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// One of the package's programs.
    pub(super) fn program(&self, name: &str) -> PathBuf {
        self.programs.join(name)
    }

    fn data(&self) -> PathBuf {
        self.dir().join("data")
    }
}

/// The newest version whose server is installed, and where its programs are.
fn newest() -> Result<(u32, PathBuf)> {
    let installed = std::fs::read_dir(VERSIONS).into_iter().flatten().flatten().filter_map(|entry| {
        let version = entry.file_name().to_str()?.parse::<u32>().ok()?;
        let programs = entry.path().join("bin");
        programs.join("postgres").exists().then_some((version, programs))
    });
    installed.max().context("find postgres: is the package postgresql installed?")
}
