//! The data directory: one process at a time, with a key and a name of its own.

use crate::failure::Failure;
use anyhow::Context;
use kozmic_edges::secret;
use secrecy::{ExposeSecret, SecretString};
use std::{
    fs::{DirBuilder, File, OpenOptions, TryLockError},
    io::{Read, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

/// The data directory, held by this process until dropped.
pub(crate) struct DataDir {
    path: PathBuf,
    _lock: File,
}

impl DataDir {
    /// Makes the directory where it is missing, and takes it.
    pub(crate) fn take(path: &Path) -> Result<Self, Failure> {
        // Logs of private repositories lie here: only this user may look.
        let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
        made.with_context(|| format!("make the data directory {}", path.display()))?;
        let path = path.canonicalize().context("find the data directory")?;
        let lock = path.join("kozmic.lock");
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&lock);
        let mut file = file.with_context(|| format!("open {}", lock.display()))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut process = String::new();
                let _ = file.read_to_string(&mut process);
                return Err(Failure::DataDirInUse { path, process: process.trim().to_owned() });
            }
            Err(TryLockError::Error(fault)) => return Err(Failure::other(fault.into())),
        }
        file.set_len(0)
            .and_then(|()| writeln!(file, "{}", std::process::id()))
            .context("note the process")?;
        Ok(Self { path, _lock: file })
    }

    /// A path in the directory.
    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Where the database lies if nothing else is said.
    pub(crate) fn database_url(&self) -> String {
        format!("sqlite://{}?mode=rwc", self.join("kozmic.db").display())
    }

    /// The key that seals and signs, made at the first start.
    pub(crate) fn secret_key(&self) -> anyhow::Result<SecretString> {
        Ok(self.keep("secret_key", secret::random)?.into())
    }

    /// The name that tells this installation's containers from others'.
    pub(crate) fn instance(&self) -> anyhow::Result<String> {
        self.keep("instance", || secret::random().expose_secret()[..12].to_owned().into())
    }

    /// The content of a small file that is made where it is missing; only this user may read it.
    fn keep(&self, name: &str, make: impl FnOnce() -> SecretString) -> anyhow::Result<String> {
        let path = self.join(name);
        if path.exists() {
            let text = std::fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
            return Ok(text.trim().to_owned());
        }
        let value = make().expose_secret().to_owned();
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        let mut file = file.with_context(|| format!("make {}", path.display()))?;
        writeln!(file, "{value}")
            .and_then(|()| file.sync_all())
            .with_context(|| format!("write {}", path.display()))?;
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_directory_is_taken_once_and_keeps_its_key_and_name() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("data");
        let taken = DataDir::take(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
        let Err(Failure::DataDirInUse { process, .. }) = DataDir::take(&path) else { panic!("in use") };
        assert_eq!(process, std::process::id().to_string());
        let (key, name) = (taken.secret_key().unwrap(), taken.instance().unwrap());
        drop(taken);
        let again = DataDir::take(&path).unwrap();
        assert_eq!(again.secret_key().unwrap().expose_secret(), key.expose_secret());
        assert_eq!(again.instance().unwrap(), name);
    }
}
