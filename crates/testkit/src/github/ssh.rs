//! Git over SSH: a real OpenSSH server beside the double, into which each deploy key opens one repository.

mod server;

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result, ensure};

use super::GitHub;
use super::world::SshAccess;
use crate::port::free_port;
use crate::program::Program;

/// The server's process, once it was started.
#[derive(Default)]
pub(super) struct SshServer(Mutex<Option<Program>>);

/// A call with a deploy key, which the repository admitted or refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SshLogin {
    /// The key's fingerprint: `SHA256:` and so on.
    pub fingerprint: String,
    /// Service that they asked for: `git-upload-pack` to fetch, `git-receive-pack` to push.
    pub service: String,
    /// The full name of the repository as they wrote it.
    pub repository: String,
    /// Whether they got it.
    pub admitted: bool,
}

impl GitHub {
    /// Starts an SSH server on a free port; from now on every `ssh_url` leads there. It ends with the double.
    pub async fn start_ssh(&self) -> Result<()> {
        ensure!(self.double.read(|world| world.ssh.is_none()), "the SSH server was started before");
        let (dir, port) = (self.double.ssh_dir(), free_port()?);
        server::prepare(&dir, port, &self.double.git_root())?;
        let (user, host_key) = (server::user().await?, server::make_host_key(&dir).await?);
        self.double.change(|world| world.ssh = Some(SshAccess::new(dir, user, port, host_key)));
        self.open_ssh().await
    }

    /// Starts the SSH server again on the same port with another host key, as GitHub did once when its own had
    /// leaked; whoever knows the old one has reason to be afraid.
    pub async fn new_ssh_host_key(&self) -> Result<()> {
        let mut program = self.ssh.take().context("the SSH server was not started: see start_ssh")?;
        program.kill().await?;
        let host_key = server::make_host_key(&self.double.ssh_dir()).await?;
        self.double.change(|world| {
            if let Some(access) = &mut world.ssh {
                access.host_key = host_key;
            }
        });
        self.open_ssh().await
    }

    /// The address to clone this repository from over SSH, as `ssh_url` says it.
    pub fn ssh_url(&self, repository: &str) -> String {
        self.double.shapes(|shapes| shapes.ssh_url(repository))
    }

    /// Logins so far, in the order of arrival.
    pub fn ssh_logins(&self) -> Vec<SshLogin> {
        logins(&self.double.ssh_dir())
    }

    async fn open_ssh(&self) -> Result<()> {
        let program = server::start(&self.double.ssh_dir()).await?;
        self.ssh.put(program);
        Ok(())
    }
}

impl SshServer {
    fn take(&self) -> Option<Program> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn put(&self, program: Program) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(program);
    }
}

/// The book that the command of deploy keys writes.
fn logins(dir: &Path) -> Vec<SshLogin> {
    let book = std::fs::read_to_string(dir.join("logins")).unwrap_or_default();
    let read = |line: &str| {
        let mut fields = line.split('\t').map(str::to_owned);
        let (fingerprint, service, repository) = (fields.next()?, fields.next()?, fields.next()?);
        Some(SshLogin { fingerprint, service, repository, admitted: fields.next()? == "admitted" })
    };
    book.lines().filter_map(read).collect()
}
