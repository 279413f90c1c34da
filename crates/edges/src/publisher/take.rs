//! Moves an artifact to the filesystem of its directory: in one step if possible, else as a copy.

use super::unfinished::remove;
use crate::room::Room;
use std::{fs, io, os::unix::fs::symlink, path::Path};

/// Moves a file or a tree to an empty place. The original of a copy is removed.
pub(super) fn take(from: &Path, to: &Path, room: &Room) -> io::Result<()> {
    let kind = fs::symlink_metadata(from)?.file_type();
    if !kind.is_file() && !kind.is_dir() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "neither a file nor a directory"));
    }
    if fs::rename(from, to).is_ok() {
        return Ok(());
    }
    copy(from, to, room)?;
    if let Err(fault) = remove(from) {
        tracing::warn!(path = %from.display(), %fault, "an artifact was copied, but could not be removed");
    }
    Ok(())
}

/// Copies files, directories and links as links; anything else is an error.
fn copy(from: &Path, to: &Path, room: &Room) -> io::Result<()> {
    let kind = fs::symlink_metadata(from)?.file_type();
    if kind.is_dir() {
        fs::create_dir(to)?;
        for entry in fs::read_dir(from)? {
            let entry = entry?;
            copy(&entry.path(), &to.join(entry.file_name()), room)?;
        }
        Ok(())
    } else if kind.is_symlink() {
        symlink(fs::read_link(from)?, to)
    } else if kind.is_file() {
        room.check(to.parent().unwrap_or(to), fs::metadata(from)?.len())?;
        fs::copy(from, to).map(drop)
    } else {
        let cause = format!("{} is neither a file nor a directory nor a link", from.display());
        Err(io::Error::new(io::ErrorKind::InvalidInput, cause))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixListener;

    fn room() -> Room {
        Room::new(Vec::new(), None)
    }

    #[test]
    fn a_tree_is_copied_with_its_links() {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (dir.path().join("from"), dir.path().join("to"));
        fs::create_dir_all(from.join("a/empty")).unwrap();
        fs::write(from.join("a/file"), "1").unwrap();
        symlink("a/file", from.join("link")).unwrap();
        copy(&from, &to, &room()).unwrap();
        assert_eq!(fs::read_to_string(to.join("link")).unwrap(), "1");
        assert_eq!(fs::read_link(to.join("link")).unwrap(), Path::new("a/file"));
        assert!(to.join("a/empty").is_dir());
    }

    #[test]
    fn only_files_and_directories_are_taken() {
        let dir = tempfile::tempdir().unwrap();
        let (socket, to) = (dir.path().join("socket"), dir.path().join("to"));
        let _listener = UnixListener::bind(&socket).unwrap();
        symlink("socket", dir.path().join("link")).unwrap();
        assert!(take(&socket, &to, &room()).is_err() && copy(&socket, &to, &room()).is_err());
        assert!(take(&dir.path().join("link"), &to, &room()).is_err());
        assert!(!to.exists());
    }
}
