//! Writes the entries of a checkout's tar stream: files and links from the disk, and small generated files.

use rustix::fs::{Mode, OFlags};
use std::{
    fs::File,
    io::{self, ErrorKind, Read, Take, Write},
    os::fd::AsFd,
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};
use tar::{Builder, EntryType, Header};

/// The owner of files in a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ownership {
    /// The user's number.
    pub uid: u64,
    /// The group's number.
    pub gid: u64,
}

/// Writes entries, all with the same owner.
pub(super) struct Entries<W: Write> {
    tar: Builder<W>,
    owner: Ownership,
    seconds: u64,
}

impl<W: Write> Entries<W> {
    pub(super) fn new(to: W, owner: Ownership) -> Self {
        Self { tar: Builder::new(to), owner, seconds: now() }
    }

    pub(super) fn finish(self) -> io::Result<()> {
        self.tar.into_inner()?.flush()
    }

    pub(super) fn owner(&self) -> Ownership {
        self.owner
    }

    /// Gives all following entries the current time, in seconds since 1970.
    pub(super) fn tick(&mut self) -> u64 {
        self.seconds = now();
        self.seconds
    }

    pub(super) fn directory(&mut self, path: &str, mode: u32) -> io::Result<()> {
        let mut header = self.header(EntryType::Directory, mode, 0);
        self.tar.append_data(&mut header, Path::new(path).join(""), io::empty())
    }

    pub(super) fn directory_at(&mut self, path: &Path) -> io::Result<()> {
        let mut header = self.header(EntryType::Directory, 0o755, 0);
        self.tar.append_data(&mut header, path.join(""), io::empty())
    }

    pub(super) fn file(&mut self, path: &str, mode: u32, content: &[u8]) -> io::Result<()> {
        let mut header = self.header(EntryType::Regular, mode, content.len() as u64);
        self.tar.append_data(&mut header, path, content)
    }

    /// A file that everybody may read, with another time than now, in seconds since 1970.
    pub(super) fn file_of(&mut self, path: &str, content: &[u8], seconds: u64) -> io::Result<()> {
        let mut header = self.header(EntryType::Regular, 0o644, content.len() as u64);
        header.set_mtime(seconds);
        self.tar.append_data(&mut header, path, content)
    }

    /// A file from a directory. Its length is measured after opening, and exactly this length is written, whatever
    /// happens to the file meanwhile: a wrong length would damage everything after it.
    pub(super) fn content(&mut self, dir: impl AsFd, from: &Path, to: &Path, mode: u32) -> io::Result<()> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = File::from(rustix::fs::openat(dir, from, flags, Mode::empty())?);
        let length = file.metadata()?.len();
        let mut header = self.header(EntryType::Regular, mode, length);
        self.tar.append_data(&mut header, to, Measured { left: file.take(length), path: from })
    }

    /// A symbolic link. The target is kept unchanged, because git compares it; the tar crate would normalize it.
    pub(super) fn link(&mut self, dir: impl AsFd, from: &Path, to: &Path) -> io::Result<()> {
        let target = rustix::fs::readlinkat(dir, from, Vec::new())?;
        let target = target.as_bytes();
        let mut header = self.header(EntryType::Symlink, 0o777, 0);
        if header.set_link_name_literal(target).is_err() {
            self.long_link(target)?;
        }
        self.tar.append_data(&mut header, to, io::empty())
    }

    /// GNU's record for the target of the next entry, if the target is longer than a header can hold.
    fn long_link(&mut self, target: &[u8]) -> io::Result<()> {
        let mut header = self.header(EntryType::GNULongLink, 0o644, target.len() as u64 + 1);
        self.tar.append_data(&mut header, "././@LongLink", target.chain(&[0][..]))
    }

    fn header(&self, kind: EntryType, mode: u32, size: u64) -> Header {
        let mut header = Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_size(size);
        header.set_uid(self.owner.uid);
        header.set_gid(self.owner.gid);
        header.set_mtime(self.seconds);
        header
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs())
}

/// A file's bytes: exactly the announced number, or an error that names the file.
struct Measured<'a> {
    left: Take<File>,
    path: &'a Path,
}

impl Read for Measured<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.left.read(buffer)?;
        if read == 0 && self.left.limit() > 0 && !buffer.is_empty() {
            let words = format!("{} became shorter while it was read", self.path.display());
            return Err(io::Error::new(ErrorKind::UnexpectedEof, words));
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, os::unix::fs::symlink};

    const OWNER: Ownership = Ownership { uid: 7, gid: 8 };

    #[test]
    fn a_file_counts_as_long_as_it_was_when_it_was_measured() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("grown");
        fs::write(&path, "1234567890").unwrap();
        let measured = |length| {
            let mut read = Vec::new();
            let file = File::open(&path).unwrap();
            Measured { left: file.take(length), path: &path }.read_to_end(&mut read).map(|_| read)
        };
        assert_eq!(measured(4).unwrap(), b"1234");
        assert_eq!(measured(10).unwrap().len(), 10);
        let fault = measured(11).unwrap_err().to_string();
        assert!(fault.ends_with("grown became shorter while it was read"), "{fault}");
    }

    #[test]
    fn a_links_target_is_kept_letter_by_letter() {
        for target in ["a//b/./c/".to_owned(), "./x".to_owned(), format!("{}//end", "d/".repeat(120))] {
            let dir = tempfile::tempdir().unwrap();
            symlink(&target, dir.path().join("link")).unwrap();
            let mut tar = Vec::new();
            let mut entries = Entries::new(&mut tar, OWNER);
            let from = File::open(dir.path()).unwrap();
            entries.link(&from, Path::new("link"), Path::new("src/link")).unwrap();
            entries.finish().unwrap();
            let mut archive = tar::Archive::new(&tar[..]);
            let link = archive.entries().unwrap().next().unwrap().unwrap();
            assert_eq!(link.link_name_bytes().unwrap().as_ref(), target.as_bytes());
        }
    }
}
