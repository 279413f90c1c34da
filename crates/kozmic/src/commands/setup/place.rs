//! The place of the settings: a directory with the settings file, and beside it the file with the OAuth application's
//! secret.

use crate::{failure::Failure, people};
use anyhow::{Context, anyhow};
use rustix::{
    fs::{Access, access},
    process::geteuid,
};
use std::path::{Path, PathBuf};

/// The directory of settings if root runs the set-up.
const OF_MACHINE: &str = "/etc/kozmic";

/// Name of the settings file.
const SETTINGS: &str = "kozmic.toml";

/// Name of the secret's file.
const SECRET: &str = "github-client-secret";

/// The place of the settings.
pub(super) struct Place {
    /// The settings file.
    pub(super) settings: PathBuf,
    /// The file with the secret, unless the settings name another.
    pub(super) secret: PathBuf,
}

impl Place {
    /// The directory or file that the command line names. By default it is root's directory, or the current one.
    pub(super) fn new(output: Option<&Path>, config: Option<&Path>) -> Result<Self, Failure> {
        let settings = match (output, config) {
            (Some(dir), _) => dir.join(SETTINGS),
            (None, Some(file)) => file.to_owned(),
            (None, None) if is_root() => Path::new(OF_MACHINE).join(SETTINGS),
            (None, None) => PathBuf::from(SETTINGS),
        };
        let settings = std::path::absolute(settings).context("find the current directory")?;
        // A link stays: the file to which it leads is replaced.
        let settings = settings.canonicalize().unwrap_or(settings);
        if settings.is_dir() {
            let words = format!("{} is a directory: name it with --output", settings.display());
            return Err(Failure::other(anyhow!(words)));
        }
        let secret = settings.with_file_name(SECRET);
        Ok(Self { settings, secret })
    }

    /// The directory.
    pub(super) fn dir(&self) -> &Path {
        self.settings.parent().unwrap_or(Path::new("/"))
    }

    /// True if files can be made here. The directory itself may have to be made.
    pub(super) fn is_writable(&self) -> bool {
        let there = self.dir().ancestors().find(|dir| dir.exists());
        there.is_some_and(|dir| dir.is_dir() && access(dir, Access::WRITE_OK | Access::EXEC_OK).is_ok())
    }
}

/// True if this command runs as root.
pub(super) fn is_root() -> bool {
    geteuid().is_root()
}

/// The group of the service's user. Root gives this group the right to read the files.
pub(super) fn group() -> Option<u32> {
    if is_root() { people::number_of("kozmic", "/etc/group") } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn the_place_is_what_the_command_line_names() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().canonicalize().unwrap();
        let of = |output, config| Place::new(output, config).map_err(|fault| fault.to_string());
        let place = of(Some(path.as_path()), None).unwrap();
        assert_eq!((place.settings.clone(), place.secret.clone()), (path.join(SETTINGS), path.join(SECRET)));
        assert!(place.is_writable());
        let other = path.join("new/ci.toml");
        let place = of(None, Some(other.as_path())).unwrap();
        assert_eq!(place.secret, path.join("new").join(SECRET));
        assert!(place.is_writable(), "the directory can be made");
        assert!(of(None, Some(path.as_path())).err().unwrap().contains("--output"));
        std::os::unix::fs::symlink(&other, path.join(SETTINGS)).unwrap();
        fs::create_dir(path.join("new")).unwrap();
        fs::write(&other, "").unwrap();
        assert_eq!(of(Some(path.as_path()), None).unwrap().settings, other, "links stay");
    }
}
