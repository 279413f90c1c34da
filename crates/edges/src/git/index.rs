//! The index of a checkout: its paths in order, and the facts by which git detects a changed file.
//!
//! Git takes a file for unchanged if its times, owner and size are those in the index. But if the index was written in
//! the same second as the file or earlier, git compares the content. So each file gets the time at which it goes into
//! the container, and the index gets the time of the first file.
//!
//! The format is described in git's `Documentation/gitformat-index.txt`, versions 2 and 3.

use super::entries::Ownership;
use sha1::{Digest, Sha1};
use std::{ffi::OsStr, io, ops::Range, os::unix::ffi::OsStrExt, path::Path};

const SHA1_LENGTH: usize = 20;
/// The place of the flags in an entry, after ten numbers and the object's id.
const FLAGS: usize = 60;
const EXTENDED: u16 = 0x4000;
const NAME_LENGTH: u16 = 0x0fff;

/// An index, as bytes.
pub(super) struct Index {
    bytes: Vec<u8>,
    next: usize,
    left: u32,
}

/// An entry of an index.
pub(super) struct Entry {
    at: usize,
    name: Range<usize>,
    /// The kind of the entry: a file, a link or a submodule.
    pub(super) kind: Kind,
}

/// The kind of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A file, with its permissions.
    File(u32),
    /// A symbolic link.
    Link,
    /// A submodule: an empty directory.
    Module,
}

impl Index {
    /// # Errors
    /// The bytes are not an index of a known version.
    pub(super) fn new(bytes: Vec<u8>) -> io::Result<Self> {
        let version = number(&bytes, 4)?;
        if !bytes.starts_with(b"DIRC") || !(2..=3).contains(&version) || bytes.len() < 12 + SHA1_LENGTH {
            return Err(unknown());
        }
        let left = number(&bytes, 8)?;
        Ok(Self { bytes, next: 12, left })
    }

    /// The next entry, in the byte order of names.
    pub(super) fn next(&mut self) -> io::Result<Option<Entry>> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        let at = self.next;
        let flags = number(&self.bytes, at + FLAGS - 2)? as u16;
        let begin = at + FLAGS + if flags & EXTENDED == 0 { 2 } else { 4 };
        let name = self.bytes.get(begin..).ok_or_else(unknown)?;
        let length = match flags & NAME_LENGTH {
            NAME_LENGTH => name.iter().position(|byte| *byte == 0).ok_or_else(unknown)?,
            length => usize::from(length),
        };
        let end = begin + length;
        if end + SHA1_LENGTH > self.bytes.len() {
            return Err(unknown());
        }
        // At least one zero ends a name, and the length of an entry is a multiple of eight.
        self.next = at + (end - at + 8) / 8 * 8;
        Ok(Some(Entry { at, name: begin..end, kind: kind(number(&self.bytes, at + 24)?)? }))
    }

    pub(super) fn path(&self, entry: &Entry) -> &Path {
        Path::new(OsStr::from_bytes(&self.bytes[entry.name.clone()]))
    }

    /// Stores a file's time, in seconds since 1970, and its owner. Other facts, such as the inode number, are known
    /// only in the container.
    pub(super) fn stamp(&mut self, entry: &Entry, seconds: u64, owner: Ownership) {
        // As in git: of a longer number, the lower half is stored.
        let [seconds, uid, gid] = [seconds, owner.uid, owner.gid].map(|number| number as u32);
        for (place, value) in [seconds, 0, seconds, 0, 0, 0].into_iter().enumerate() {
            self.set(entry.at + 4 * place, value);
        }
        self.set(entry.at + 28, uid);
        self.set(entry.at + 32, gid);
    }

    fn set(&mut self, at: usize, value: u32) {
        self.bytes[at..at + 4].copy_from_slice(&value.to_be_bytes());
    }

    /// The whole index, with the checksum that git verifies.
    pub(super) fn into_bytes(mut self) -> Vec<u8> {
        let end = self.bytes.len() - SHA1_LENGTH;
        let sum = Sha1::digest(&self.bytes[..end]);
        self.bytes[end..].copy_from_slice(&sum);
        self.bytes
    }
}

fn number(bytes: &[u8], at: usize) -> io::Result<u32> {
    let number = bytes.get(at..at + 4).and_then(|number| number.try_into().ok());
    number.map(u32::from_be_bytes).ok_or_else(unknown)
}

fn kind(mode: u32) -> io::Result<Kind> {
    match mode >> 12 {
        0b1000 => Ok(Kind::File(if mode & 0o111 == 0 { 0o644 } else { 0o755 })),
        0b1010 => Ok(Kind::Link),
        0b1110 => Ok(Kind::Module),
        _ => Err(unknown()),
    }
}

fn unknown() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "git wrote an index of an unknown form")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, process::Command};

    fn git(dir: &Path, arguments: &[&str]) -> Vec<u8> {
        let output = Command::new("git").arg("-C").arg(dir).args(arguments).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        output.stdout
    }

    #[test]
    fn every_entry_is_stamped_and_git_finds_the_whole_sound() {
        let dir = tempfile::tempdir().unwrap();
        git(dir.path(), &["init", "--quiet", "."]);
        for name in ["a", "ab", "abc", "abcd", "abcde", "abcdef", "abcdefg", "abcdefgh"] {
            fs::write(dir.path().join(name), name).unwrap();
            git(dir.path(), &["add", name]);
        }
        fs::write(dir.path().join("later"), "").unwrap();
        // With an extended entry, so that the index has version 3.
        git(dir.path(), &["add", "--intent-to-add", "later"]);
        let path = dir.path().join(".git/index");
        let mut index = Index::new(fs::read(&path).unwrap()).unwrap();
        let (mut names, owner) = (Vec::new(), Ownership { uid: 7, gid: 8 });
        while let Some(entry) = index.next().unwrap() {
            names.extend(index.path(&entry).as_os_str().as_bytes());
            names.push(0);
            index.stamp(&entry, 12_345, owner);
        }
        fs::write(&path, index.into_bytes()).unwrap();
        assert_eq!(names, git(dir.path(), &["ls-files", "-z"]));
        let known = String::from_utf8(git(dir.path(), &["ls-files", "--debug"])).unwrap();
        for line in ["mtime: 12345:0\n", "ctime: 12345:0\n", "uid: 7\tgid: 8\n", "dev: 0\tino: 0\n"] {
            assert_eq!(known.matches(line).count(), 9, "{line:?} in {known}");
        }
        // Git verifies the checksum, too.
        let checked = Command::new("git").arg("-C").arg(dir.path()).arg("fsck").output().unwrap();
        assert!(!String::from_utf8_lossy(&checked.stderr).contains("index"), "{checked:?}");
    }

    #[test]
    fn bytes_that_are_no_index_are_refused() {
        for bytes in [&b""[..], b"DIRC", b"DIRC\0\0\0\x04\0\0\0\0", &[b'x'; 100]] {
            assert!(Index::new(bytes.to_vec()).is_err(), "{bytes:?}");
        }
        let cut = [&b"DIRC\0\0\0\x02\0\0\0\x01"[..], &[0; 40]].concat();
        assert!(Index::new(cut).unwrap().next().is_err());
    }
}
