//! A real mail server on loopback, for the mails that Kozmic sends after a build.

mod message;

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tempfile::TempDir;
use tokio::process::Command;

use crate::authority::Certificate;
use crate::port::free_port;
use crate::program::{Program, Show};

pub use message::Mail;

/// Debian's Python, because only this one finds Debian's packages.
const PYTHON: &str = "/usr/bin/python3";
const SERVER: &str = include_str!("mail/server.py");
const START_LIMIT: Duration = Duration::from_secs(20);
/// Interval between looks for a new mail.
const LOOK: Duration = Duration::from_millis(20);

/// Debian's `python3-aiosmtpd`, which keeps all mails. It ends and its mails are removed when this is dropped.
pub struct MailServer {
    port: u16,
    login: Option<(String, String)>,
    tls: Option<(Tls, Certificate)>,
    program: Option<Program>,
    dir: TempDir,
}

/// Point at which the connection to a mail server becomes encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tls {
    /// From the first byte on, as with `smtps`.
    FromStart,
    /// With the command STARTTLS. Before that the server accepts no password and no mail.
    Upgrade,
}

/// Behaviour of a mail server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behaviour {
    /// It takes mails.
    Takes,
    /// It takes a mail, and cuts the connection instead of saying so.
    BreaksOff,
    /// It gives no answer to the command that names a recipient.
    Hangs,
    /// It wants the mail later, and names the recipient in its answer.
    PutsOff,
    /// It does not take the mail, and names the recipient in its answer.
    Refuses,
    /// It does not accept user and password.
    LocksOut,
}

impl Behaviour {
    fn word(self) -> &'static str {
        match self {
            Self::Takes => "takes",
            Self::BreaksOff => "breaks-off",
            Self::Hangs => "hangs",
            Self::PutsOff => "puts-off",
            Self::Refuses => "refuses",
            Self::LocksOut => "locks-out",
        }
    }
}

impl MailServer {
    /// Starts a server that accepts mails from everybody to everybody.
    pub async fn start() -> Result<Self> {
        Self::launch(None, None).await
    }

    /// Starts a server that accepts mails only after `AUTH` with this user and password.
    pub async fn start_with_login(user: &str, password: &str) -> Result<Self> {
        Self::launch(Some((user.to_owned(), password.to_owned())), None).await
    }

    /// The same with TLS and this certificate.
    pub async fn start_on_tls(tls: Tls, shown: &Certificate, user: &str, password: &str) -> Result<Self> {
        Self::launch(Some((user.to_owned(), password.to_owned())), Some((tls, shown.clone()))).await
    }

    async fn launch(login: Option<(String, String)>, tls: Option<(Tls, Certificate)>) -> Result<Self> {
        let dir = TempDir::with_prefix("kozmic-mail-").context("make a mail server's directory")?;
        for part in ["new", "tmp"] {
            std::fs::create_dir(dir.path().join(part)).context("make a mail directory")?;
        }
        std::fs::write(dir.path().join("server.py"), SERVER).context("write the mail server")?;
        let mut server = Self { port: free_port()?, login, tls, program: None, dir };
        server.start_again().await?;
        Ok(server)
    }

    /// The server's address, such as `smtp://127.0.0.1:2525`, with user and password if they are needed. With TLS its
    /// host is `localhost`, and it demands that a password is only sent with TLS.
    pub fn url(&self) -> String {
        let login = self.login.as_ref().map(|(user, password)| format!("{user}:{password}@"));
        let login = login.unwrap_or_default();
        match self.tls {
            Some((Tls::FromStart, _)) => format!("smtps://{login}localhost:{}", self.port),
            Some((Tls::Upgrade, _)) => format!("smtp://{login}localhost:{}?tls=required", self.port),
            None => format!("smtp://{login}127.0.0.1:{}", self.port),
        }
    }

    /// Stops the server, so that nobody listens at its address. The mails stay.
    pub async fn stop(&mut self) -> Result<()> {
        match self.program.take() {
            Some(mut program) => program.kill().await,
            None => Ok(()),
        }
    }

    /// Starts a stopped server again on the same port.
    pub async fn start_again(&mut self) -> Result<()> {
        let mut command = Command::new(PYTHON);
        command.arg("-u").arg(self.dir.path().join("server.py")).arg(self.port.to_string());
        command.arg(self.dir.path());
        if let Some((user, password)) = &self.login {
            command.env("SMTP_USER", user).env("SMTP_PASSWORD", password);
        }
        if let Some((tls, Certificate { certificate, key })) = &self.tls {
            let word = if *tls == Tls::FromStart { "start" } else { "upgrade" };
            command.env("SMTP_TLS", word).env("SMTP_CERTIFICATE", certificate).env("SMTP_KEY", key);
        }
        let mut program = Program::start(command, Show::OnPanic)?;
        program
            .wait_for_line(START_LIMIT, |line| line == "listening")
            .await
            .context("start a mail server: is the package python3-aiosmtpd installed?")?;
        self.program = Some(program);
        Ok(())
    }

    /// Changes the server's behaviour, for commands from now on.
    pub fn behave(&self, behaviour: Behaviour) -> Result<()> {
        let (aside, place) = (self.dir.path().join("tmp/behaviour"), self.dir.path().join("behaviour"));
        std::fs::write(&aside, behaviour.word()).context("write a mail server's behaviour")?;
        std::fs::rename(aside, place).context("put a mail server's behaviour in place")
    }

    /// Waits until a client got no answer, because the server [hangs](Behaviour::Hangs).
    pub async fn wait_until_it_hangs(&self, limit: Duration) -> Result<()> {
        let hangs = self.dir.path().join("hangs");
        let hung = async {
            while !hangs.exists() {
                tokio::time::sleep(LOOK).await;
            }
        };
        tokio::time::timeout(limit, hung).await.context("the mail server was not asked")
    }

    /// All mails so far, in the order of arrival.
    pub fn messages(&self) -> Result<Vec<Mail>> {
        let new = self.dir.path().join("new");
        let mut files = names(&new).context("list the mails")?;
        files.sort();
        files.iter().map(|file| Mail::read(std::fs::read(new.join(file)).context("read a mail")?)).collect()
    }

    /// Waits until `is_it` is true for all mails so far; gives these mails.
    pub async fn wait_for(&self, limit: Duration, is_it: impl Fn(&[Mail]) -> bool) -> Result<Vec<Mail>> {
        let found = async {
            loop {
                let mails = self.messages()?;
                if is_it(&mails) {
                    return anyhow::Ok(mails);
                }
                tokio::time::sleep(LOOK).await;
            }
        };
        match tokio::time::timeout(limit, found).await {
            Ok(found) => found,
            Err(_) => bail!("not the mails that were expected within {limit:?}: {:#?}", self.messages()?),
        }
    }
}

fn names(dir: &Path) -> std::io::Result<Vec<std::ffi::OsString>> {
    std::fs::read_dir(dir)?.map(|entry| entry.map(|entry| entry.file_name())).collect()
}
