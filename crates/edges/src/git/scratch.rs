//! A directory for a private key, for as long as a program needs the key there.

use secrecy::{ExposeSecret, SecretString};
use std::{
    fs::{self, DirBuilder, OpenOptions},
    io::{self, ErrorKind, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

/// A new directory that only this user can read; removed when dropped.
pub(super) struct Scratch(PathBuf);

impl Scratch {
    /// Makes the directory in `parent`, which must exist.
    pub(super) fn make(parent: &Path) -> io::Result<Self> {
        let name = format!("kozmic-{}", &crate::secret::random().expose_secret()[..32]);
        let path = parent.join(name);
        DirBuilder::new().mode(0o700).create(&path)?;
        Ok(Self(path))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// A new file that only this user may read.
    pub(super) fn write(&self, name: &str, content: &str) -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(self.0.join(name))?;
        file.write_all(content.as_bytes())
    }

    /// Writes a private key into a file. ssh reads no key whose last line has no newline.
    pub(super) fn write_key(&self, name: &str, key: &SecretString) -> io::Result<()> {
        self.write(name, &format!("{}\n", key.expose_secret().trim_end()))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(fault) = fs::remove_dir_all(&self.0)
            && fault.kind() != ErrorKind::NotFound
        {
            tracing::error!(dir = %self.0.display(), %fault, "a directory with a private key could not be removed");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_key_lies_where_only_this_user_reads_it_and_goes() {
        let dir = tempfile::tempdir().unwrap();
        let scratch = Scratch::make(dir.path()).unwrap();
        scratch.write_key("key", &"one\ntwo".into()).unwrap();
        let path = scratch.path().join("key");
        assert_eq!(fs::read_to_string(&path).unwrap(), "one\ntwo\n");
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(scratch.path())), (0o600, 0o700));
        drop(scratch);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
