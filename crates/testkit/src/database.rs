//! Parts that the database servers share: the way to ask for one, its addresses, and its programs.

mod account;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result, ensure};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::authority::{Authority, Certificate};

pub(crate) use account::{Account, is_root};

/// Characters that an address has only in another form.
const CODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Way to run a database server.
#[derive(Debug, Clone)]
pub struct DatabaseOptions {
    pub(crate) login: Login,
    pub(crate) is_durable: bool,
    pub(crate) tls: Option<Tls>,
    pub(crate) settings: Vec<(String, String)>,
}

/// Name and password of the one user that a server lets in over the network.
#[derive(Debug, Clone)]
pub(crate) struct Login {
    pub(crate) user: String,
    pub(crate) password: String,
}

/// Files that a server needs to speak TLS.
#[derive(Debug, Clone)]
pub(crate) struct Tls {
    authority: PathBuf,
    shown: Certificate,
}

impl Default for DatabaseOptions {
    /// For tests: fast, since nobody needs its data after the machine fails, and without TLS.
    fn default() -> Self {
        let login = Login { user: "kozmic".to_owned(), password: "kozmic-password".to_owned() };
        Self { login, is_durable: false, tls: None, settings: Vec::new() }
    }
}

impl DatabaseOptions {
    /// Lets in this user with this password. Both may have any characters.
    #[must_use]
    pub fn login(mut self, user: &str, password: &str) -> Self {
        self.login = Login { user: user.to_owned(), password: password.to_owned() };
        self
    }

    /// Writes each transaction to the disk before it says so, as a server in use does: for benchmarks.
    #[must_use]
    pub fn durable(mut self) -> Self {
        self.is_durable = true;
        self
    }

    /// Speaks with TLS only, by a certificate of this authority for `localhost`.
    pub fn tls(mut self, authority: &Authority) -> Result<Self> {
        self.tls = Some(Tls { authority: authority.certificate(), shown: authority.certify("localhost")? });
        Ok(self)
    }

    /// Sets one of the server's own settings; the last one of a name counts.
    #[must_use]
    pub fn setting(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }
}

impl Login {
    /// The address of a database, without parameters.
    pub(crate) fn url(&self, scheme: &str, host: &str, port: u16, database: &str) -> String {
        let [user, password, database] =
            [&self.user, &self.password, database].map(|part| utf8_percent_encode(part, CODED));
        format!("{scheme}://{user}:{password}@{host}:{port}/{database}")
    }
}

impl Tls {
    /// Copies the authority's certificate, the server's and its key into a directory where the server may read them.
    pub(crate) fn lay_out(&self, dir: &Path, account: Account) -> Result<()> {
        let files = [
            (&self.authority, "ca.pem"),
            (&self.shown.certificate, "cert.pem"),
            (&self.shown.key, "key.pem"),
        ];
        for (file, name) in files {
            let to = dir.join(name);
            std::fs::copy(file, &to).with_context(|| format!("lay out {name}"))?;
            account.give(&to)?;
        }
        Ok(())
    }
}

/// Name of the fresh database that an address leads to.
pub fn name_of(url: &str) -> &str {
    let path = url.split_once('?').map_or(url, |(path, _)| path);
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}

/// A name for a database that this process has not used yet.
pub(crate) fn fresh_name() -> String {
    static LAST: AtomicU64 = AtomicU64::new(0);
    format!("fresh_{}", LAST.fetch_add(1, Ordering::Relaxed) + 1)
}

/// Command of a server that talks on standard error: the program that collects its output listens to the other one.
pub(crate) fn server(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", "exec \"$0\" \"$@\" 2>&1"]).arg(program);
    command
}

/// Runs a client to its end with this input; the answer is what it prints.
pub(crate) async fn ask(mut client: Command, name: &str, input: &str) -> Result<String> {
    client.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = client.spawn().with_context(|| format!("run {name}: is its package installed?"))?;
    let mut stdin = child.stdin.take().context("a client has an input")?;
    let write = async move {
        stdin.write_all(input.as_bytes()).await.ok();
        drop(stdin);
    };
    let ((), output) = tokio::join!(write, child.wait_with_output());
    checked(name, &output.with_context(|| format!("wait for {name}"))?)
}

/// Output of a program that has ended well.
pub(crate) fn checked(name: &str, output: &Output) -> Result<String> {
    let (said, complaint) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success(), "{name}: {complaint}{said}");
    Ok(said.trim_end().to_owned())
}
