//! The entries of a checkout's tar stream: whole directories from the disk, and small files made on the spot.

use super::Ownership;
use std::{
    ffi::OsStr,
    fs::{self, File, Metadata},
    io::{self, ErrorKind, Read, Take, Write},
    os::unix::{
        ffi::OsStrExt,
        fs::{MetadataExt, PermissionsExt},
    },
    path::Path,
};
use tar::{Builder, EntryType, Header};

/// Writes entries, all of one owner.
pub(super) struct Entries<W: Write> {
    tar: Builder<W>,
    owner: Ownership,
}

/// Whether somebody writes into a directory while it is read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Neighbours {
    /// Nobody does: all of it is wanted.
    None,
    /// A fetch may: its unfinished files are not wanted, and may go at any time.
    Fetches,
}

impl<W: Write> Entries<W> {
    pub(super) fn new(to: W, owner: Ownership) -> Self {
        Self { tar: Builder::new(to), owner }
    }

    pub(super) fn finish(self) -> io::Result<()> {
        self.tar.into_inner()?.flush()
    }

    /// A file, link or directory of the disk with all that is in it.
    pub(super) fn tree(&mut self, from: &Path, to: &Path, neighbours: Neighbours) -> io::Result<()> {
        match self.entry(from, to) {
            Ok(true) => {}
            Ok(false) => return Ok(()),
            Err(fault) if neighbours == Neighbours::Fetches && fault.kind() == ErrorKind::NotFound => {
                return Ok(());
            }
            Err(fault) => return Err(fault),
        }
        for entry in fs::read_dir(from)? {
            let entry = entry?;
            let name = entry.file_name();
            if neighbours == Neighbours::None || is_finished(&name) {
                self.tree(&entry.path(), &to.join(name), neighbours)?;
            }
        }
        Ok(())
    }

    pub(super) fn directory(&mut self, path: &str, mode: u32) -> io::Result<()> {
        let mut header = self.header(EntryType::Directory, mode, 0);
        self.tar.append_data(&mut header, Path::new(path).join(""), io::empty())
    }

    pub(super) fn file(&mut self, path: &str, mode: u32, content: &[u8]) -> io::Result<()> {
        let mut header = self.header(EntryType::Regular, mode, content.len() as u64);
        self.tar.append_data(&mut header, path, content)
    }

    /// What is at `from`, without what is in it; gives whether it is a directory.
    fn entry(&mut self, from: &Path, to: &Path) -> io::Result<bool> {
        let metadata = fs::symlink_metadata(from)?;
        if metadata.is_symlink() {
            self.link(&metadata, from, to).map(|()| false)
        } else if metadata.is_file() {
            self.content(from, to).map(|()| false)
        } else {
            let mut header = self.header_of(EntryType::Directory, &metadata);
            header.set_size(0);
            self.tar.append_data(&mut header, to.join(""), io::empty()).map(|()| true)
        }
    }

    /// Measured after it was opened, and as long as it was then, whatever happens to it meanwhile: a length that does
    /// not hold would spoil everything behind it.
    fn content(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        let file = File::open(from)?;
        let metadata = file.metadata()?;
        let mut header = self.header_of(EntryType::Regular, &metadata);
        self.tar.append_data(&mut header, to, Measured { left: file.take(metadata.len()), path: from })
    }

    /// The target is kept letter by letter, for it is what git compares; the tar crate would tidy it up.
    fn link(&mut self, metadata: &Metadata, from: &Path, to: &Path) -> io::Result<()> {
        let target = fs::read_link(from)?;
        let target = target.as_os_str().as_bytes();
        let mut header = self.header_of(EntryType::Symlink, metadata);
        header.set_size(0);
        if header.set_link_name_literal(target).is_err() {
            self.long_link(target)?;
        }
        self.tar.append_data(&mut header, to, io::empty())
    }

    /// GNU's record for the next entry's target, where it is longer than a header can hold.
    fn long_link(&mut self, target: &[u8]) -> io::Result<()> {
        let mut header = self.header(EntryType::GNULongLink, 0o644, target.len() as u64 + 1);
        self.tar.append_data(&mut header, "././@LongLink", target.chain(&[0][..]))
    }

    fn header_of(&self, kind: EntryType, metadata: &Metadata) -> Header {
        let mut header = self.header(kind, metadata.permissions().mode() & 0o7777, metadata.len());
        header.set_mtime(u64::try_from(metadata.mtime()).unwrap_or_default());
        header
    }

    fn header(&self, kind: EntryType, mode: u32, size: u64) -> Header {
        let mut header = Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_size(size);
        header.set_uid(self.owner.uid);
        header.set_gid(self.owner.gid);
        header
    }
}

/// Git moves a file that it writes beside the others to its name when it is whole.
fn is_finished(name: &OsStr) -> bool {
    let name = name.as_bytes();
    !name.starts_with(b"tmp_") && !name.ends_with(b".lock")
}

/// A file's bytes: exactly as many as were announced, or an error that names it.
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
    use std::{os::unix::fs::symlink, path::PathBuf};

    const OWNER: Ownership = Ownership { uid: 7, gid: 8 };

    fn packed(dir: &Path, neighbours: Neighbours) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut entries = Entries::new(&mut bytes, OWNER);
        entries.tree(dir, Path::new("kozmic/src"), neighbours).unwrap();
        entries.finish().unwrap();
        bytes
    }

    fn names(tar: &[u8]) -> Vec<PathBuf> {
        let mut archive = tar::Archive::new(tar);
        let mut names = archive
            .entries()
            .unwrap()
            .map(|entry| entry.unwrap().path().unwrap().into_owned())
            .collect::<Vec<_>>();
        names.sort();
        names
    }

    #[test]
    fn what_a_fetch_is_still_writing_stays_out() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("pack")).unwrap();
        for name in ["pack/one.pack", "pack/tmp_pack_x1", "maintenance.lock"] {
            fs::write(dir.path().join(name), "x").unwrap();
        }
        let names = |neighbours| names(&packed(dir.path(), neighbours)).len();
        assert_eq!((names(Neighbours::None), names(Neighbours::Fetches)), (5, 3));
    }

    #[test]
    fn a_file_that_is_gone_again_is_nothing_among_objects_and_a_fault_elsewhere() {
        let mut entries = Entries::new(Vec::new(), OWNER);
        let gone = Path::new("/nowhere/pack");
        assert!(entries.tree(gone, Path::new("src"), Neighbours::Fetches).is_ok());
        assert!(entries.tree(gone, Path::new("src"), Neighbours::None).is_err());
    }

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
            let tar = packed(dir.path(), Neighbours::None);
            let mut archive = tar::Archive::new(&tar[..]);
            let link = archive.entries().unwrap().nth(1).unwrap().unwrap();
            assert_eq!(link.link_name_bytes().unwrap().as_ref(), target.as_bytes());
        }
    }
}
