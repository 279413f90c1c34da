//! The account that a server runs as: PostgreSQL and PgBouncer refuse root.

use std::os::unix::fs::{MetadataExt, chown};
use std::path::Path;

use anyhow::{Context, Result};
use tokio::process::Command;

use super::checked;

/// An account of this machine.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Account {
    /// User and group; none: those of this process.
    ids: Option<(u32, u32)>,
}

impl Account {
    /// The account of this process.
    pub(crate) fn own() -> Self {
        Self { ids: None }
    }

    /// The account of this name if this process is root's, else its own.
    pub(crate) async fn instead_of_root(name: &str) -> Result<Self> {
        if !is_root() {
            return Ok(Self::own());
        }
        Ok(Self { ids: Some((id("-u", name).await?, id("-g", name).await?)) })
    }

    /// Has a command run as it.
    pub(crate) fn take(self, command: &mut Command) {
        if let Some((user, group)) = self.ids {
            command.uid(user).gid(group);
        }
    }

    /// Makes a file or directory its own.
    pub(crate) fn give(self, path: &Path) -> Result<()> {
        let Some((user, group)) = self.ids else { return Ok(()) };
        chown(path, Some(user), Some(group)).with_context(|| format!("give {} away", path.display()))
    }
}

/// True if this process is root's.
pub(crate) fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

async fn id(which: &str, name: &str) -> Result<u32> {
    let output = Command::new("id").args([which, name]).output().await.context("run id")?;
    let id = checked("id", &output).with_context(|| format!("look for the account {name}"))?;
    id.parse().context("an account has a number")
}
