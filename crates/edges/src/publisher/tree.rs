//! Prepares an artifact for publication: permissions for a web server, checksums, and everything flushed to the disk.

use sha2::{Digest, Sha256};
use std::{
    fs::{self, File, Permissions},
    io::{self, Read},
    os::unix::{ffi::OsStrExt, fs::PermissionsExt},
    path::{Path, PathBuf},
};

/// The bytes that are read at once.
const PIECE: usize = 128 * 1024;

/// An artifact that is ready on the disk.
pub(super) struct Settled {
    /// The size of all files together, in bytes.
    pub(super) size: u64,
    /// The checksum of the file; for a tree, of `sums`.
    pub(super) sha256: String,
    /// One line for each file, in the format of `sha256sum`.
    pub(super) sums: Vec<u8>,
}

/// Prepares a file or a tree that will have the name `name`. Links in a tree have no line, because their targets have
/// one.
pub(super) fn settle(item: &Path, name: &str) -> io::Result<Settled> {
    if !fs::symlink_metadata(item)?.is_dir() {
        let (size, sha256) = settle_file(item)?;
        let sums = line(&sha256, name.as_bytes());
        return Ok(Settled { size, sha256, sums });
    }
    let mut files = Vec::new();
    settle_directory(item, &mut files)?;
    files.sort_by(|one, other| one.as_os_str().as_bytes().cmp(other.as_os_str().as_bytes()));
    let (mut size, mut sums) = (0, Vec::new());
    for file in files {
        let (length, sha256) = settle_file(&file)?;
        let below = file.strip_prefix(item).map_err(io::Error::other)?;
        sums.extend(line(&sha256, Path::new(name).join(below).as_os_str().as_bytes()));
        size += length;
    }
    Ok(Settled { size, sha256: hex::encode(Sha256::digest(&sums)), sums })
}

/// Flushes a directory's entries to the disk.
pub(super) fn sync(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

/// Finds the files below a directory. Makes each directory readable for everybody.
fn settle_directory(directory: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    fs::set_permissions(directory, Permissions::from_mode(0o755))?;
    for entry in fs::read_dir(directory)? {
        let (entry, path) = entry.map(|entry| (entry.file_type(), entry.path()))?;
        let kind = entry?;
        if kind.is_dir() {
            settle_directory(&path, files)?;
        } else if kind.is_file() {
            files.push(path);
        } else if !kind.is_symlink() {
            let cause = format!("{} is neither a file nor a directory nor a link", path.display());
            return Err(io::Error::new(io::ErrorKind::InvalidInput, cause));
        }
    }
    sync(directory)
}

/// The file's size and checksum. Makes it readable for everybody, and executable if it was.
fn settle_file(path: &Path) -> io::Result<(u64, String)> {
    let is_program = fs::metadata(path)?.permissions().mode() & 0o111 != 0;
    fs::set_permissions(path, Permissions::from_mode(if is_program { 0o755 } else { 0o644 }))?;
    let mut file = File::open(path)?;
    let settled = checksum(&mut file)?;
    file.sync_all()?;
    Ok(settled)
}

/// A file's size and SHA-256.
pub(super) fn checksum(file: &mut File) -> io::Result<(u64, String)> {
    let (mut hash, mut size, mut piece) = (Sha256::new(), 0, vec![0; PIECE]);
    loop {
        let length = file.read(&mut piece)?;
        if length == 0 {
            return Ok((size, hex::encode(hash.finalize())));
        }
        hash.update(&piece[..length]);
        size += length as u64;
    }
}

/// A line of `sha256sum`. If a name has escapes, the line begins with a backslash.
fn line(sha256: &str, path: &[u8]) -> Vec<u8> {
    let mut line = format!("{sha256}  ").into_bytes();
    for byte in path {
        match byte {
            b'\\' => line.extend(b"\\\\"),
            b'\n' => line.extend(b"\\n"),
            b'\r' => line.extend(b"\\r"),
            byte => line.push(*byte),
        }
    }
    if path.iter().any(|byte| matches!(byte, b'\\' | b'\n' | b'\r')) {
        line.insert(0, b'\\');
    }
    line.push(b'\n');
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn sha256sum_finds_each_file_of_a_tree_as_it_was() {
        let dir = tempfile::tempdir().unwrap();
        let tree = dir.path().join("tree");
        fs::create_dir_all(tree.join("b")).unwrap();
        for name in ["a", "b/a", "b.x", "odd\nname\\", "with space"] {
            fs::write(tree.join(name), name).unwrap();
        }
        std::os::unix::fs::symlink("a", tree.join("link")).unwrap();
        let settled = settle(&tree, "tree").unwrap();
        assert_eq!(settled.sums.iter().filter(|byte| **byte == b'\n').count(), 5);
        assert_eq!(settled.size, 1 + 3 + 3 + 9 + 10);
        fs::write(dir.path().join("sums"), &settled.sums).unwrap();
        let checked =
            Command::new("sha256sum").args(["--check", "--strict", "sums"]).current_dir(&dir).output();
        assert!(checked.unwrap().status.success());
        assert_eq!(settled.sha256, hex::encode(Sha256::digest(&settled.sums)));
        let again = settle(&tree, "tree").unwrap();
        assert_eq!(again.sums, settled.sums);
    }

    #[test]
    fn everybody_may_read_and_nobody_else_write() {
        let dir = tempfile::tempdir().unwrap();
        let tree = dir.path().join("tree");
        fs::create_dir_all(tree.join("sub")).unwrap();
        for (name, mode) in [("sub/private", 0o600), ("open", 0o666), ("tool", 0o4711)] {
            fs::write(tree.join(name), "").unwrap();
            fs::set_permissions(tree.join(name), Permissions::from_mode(mode)).unwrap();
        }
        fs::set_permissions(tree.join("sub"), Permissions::from_mode(0o700)).unwrap();
        settle(&tree, "tree").unwrap();
        for (name, mode) in [("sub", 0o755), ("sub/private", 0o644), ("open", 0o644), ("tool", 0o755)] {
            let found = fs::metadata(tree.join(name)).unwrap().permissions().mode() & 0o7777;
            assert_eq!(found, mode, "{name}");
        }
    }
}
