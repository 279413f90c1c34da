//! The place of unfinished work: a hidden directory beside the artifacts, on their filesystem, for one change. A server
//! that dies leaves it behind, and the sweep removes it later.

use secrecy::ExposeSecret;
use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

/// The prefix of its name: nothing else in the directory begins with a dot.
const PREFIX: &str = ".kozmic-";

/// A hidden directory, which is removed when this is dropped.
pub(super) struct Unfinished(PathBuf);

impl Unfinished {
    /// Makes it in an existing directory.
    pub(super) fn make(directory: &Path) -> io::Result<Self> {
        let path = directory.join(format!("{PREFIX}{}", &crate::secret::random().expose_secret()[..16]));
        fs::create_dir(&path)?;
        Ok(Self(path))
    }

    pub(super) fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if let Err(fault) = remove(&self.0) {
            tracing::warn!(dir = %self.0.display(), %fault, "an unfinished artifact could not be removed");
        }
    }
}

/// Removes directories of this age or older, which a server left when it died.
pub(super) fn sweep(directory: &Path, age: Duration) -> io::Result<()> {
    let entries = match fs::read_dir(directory) {
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        let is_ours = entry.file_name().to_string_lossy().starts_with(PREFIX);
        if is_ours && is_older(&entry, age) {
            remove(&entry.path())?;
        }
    }
    Ok(())
}

/// True if the entry has this age or more, by the clock of the filesystem. An unknown age counts as young.
fn is_older(entry: &fs::DirEntry, age: Duration) -> bool {
    let changed = entry.metadata().and_then(|metadata| metadata.modified());
    // After a clock was set back, the age counts as zero.
    changed.is_ok_and(|changed| changed.elapsed().unwrap_or_default() >= age)
}

/// Removes a file, a link or a tree; a missing one is fine.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    let is_tree = fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_dir());
    let removed = if is_tree { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    removed.or_else(|fault| if fault.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(fault) })
}
