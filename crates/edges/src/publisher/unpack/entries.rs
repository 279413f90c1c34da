//! The entries of an archive. Each is checked before any of it is written.
//!
//! Nothing is ever written through a link: all directories above an entry must be directories that the archive itself
//! made. No link leads out: it goes up only at its beginning, over such directories, and then down. A hard link must
//! lead to a file that the archive itself contains.

use super::{Expected, LONGEST_WORDS, UnpackError, pieces::Pieces, unreadable};
use crate::room::Room;
use std::{
    ffi::OsStr,
    fs::{self, OpenOptions},
    io::{self, Read, Write},
    os::unix::{
        ffi::OsStrExt,
        fs::{OpenOptionsExt, symlink},
    },
    path::{Path, PathBuf},
};
use tar::{Entry, EntryType};

/// The most names in a path: a walk through a tree keeps each directory above open.
const DEEPEST: usize = 100;

/// The most files, directories and links of an archive.
const MOST_ENTRIES: u64 = 1_000_000;

/// The bytes that are written at once.
const PIECE: usize = 128 * 1024;

/// The prefix of keys that describe a file with holes.
const SPARSE: &[u8] = b"GNU.sparse.";

/// An archive that is being unpacked.
pub(super) struct Entries<'a> {
    into: &'a Path,
    room: &'a Room,
    expected: Expected,
    /// The name of the first entry, which is above all others.
    root: Option<Vec<u8>>,
    /// The number of entries that may still come.
    pub(super) left: u64,
}

impl<'a> Entries<'a> {
    pub(super) fn new(into: &'a Path, room: &'a Room, expected: Expected) -> Self {
        Self { into, room, expected, root: None, left: MOST_ENTRIES }
    }

    /// Writes the next entry.
    pub(super) fn add(&mut self, mut entry: Entry<'_, Pieces>) -> Result<(), UnpackError> {
        let path = entry.path_bytes().into_owned();
        let parts = parts(&path)?;
        let shown = shown(&path);
        let Some(left) = self.left.checked_sub(1) else {
            return Err(odd(&shown, &format!("comes after {MOST_ENTRIES} others, which are the most")));
        };
        self.left = left;
        // Each entry takes an inode, even one without content.
        self.room.check(self.into.parent().unwrap_or(self.into), 0).map_err(io(&shown))?;
        refuse_holes(&mut entry, &shown)?;
        let kind = entry.header().entry_type();
        let place = match &self.root {
            None => {
                self.check_first(kind, &parts, &shown)?;
                self.root = Some(parts[0].to_vec());
                self.into.to_owned()
            }
            Some(root) => self.place(root, &parts, &shown)?,
        };
        match kind {
            EntryType::Directory => made(fs::create_dir(&place), &shown),
            EntryType::Regular if !path.ends_with(b"/") => write_file(&mut entry, &place, self.room, &shown),
            EntryType::Symlink => write_link(&entry, &place, parts.len(), &shown),
            EntryType::Link => self.write_second_name(&entry, &place, &shown),
            _ => Err(odd(&shown, "is neither a file nor a directory nor a link")),
        }
    }

    /// Writes a hard link to a file of the tree.
    fn write_second_name(
        &self,
        entry: &Entry<'_, Pieces>,
        place: &Path,
        shown: &str,
    ) -> Result<(), UnpackError> {
        let target = entry.link_name_bytes().unwrap_or_default();
        let root = self.root.as_deref().unwrap_or_default();
        let first = self.place(root, &parts(&target)?, &self::shown(&target))?;
        match fs::symlink_metadata(&first).is_ok_and(|first| first.is_file()) {
            true => made(fs::hard_link(first, place), shown),
            false => {
                Err(odd(shown, &format!("is a second name of {}, which is no file", self::shown(&target))))
            }
        }
    }

    /// Checks that there was an entry, after the last one.
    pub(super) fn finish(self) -> Result<(), UnpackError> {
        let nothing = || UnpackError::Odd("the archive is empty".to_owned());
        self.root.map(drop).ok_or_else(nothing)
    }

    fn check_first(&self, kind: EntryType, parts: &[&[u8]], shown: &str) -> Result<(), UnpackError> {
        if parts.len() != 1 {
            return Err(odd(shown, "is the archive's first entry and lies in a directory"));
        }
        let (entry, word) = (shown.to_owned(), word(kind));
        match self.expected {
            Expected::File if kind != EntryType::Regular => Err(UnpackError::NotAFile { entry, kind: word }),
            Expected::Directory if kind != EntryType::Directory => {
                Err(UnpackError::NotADirectory { entry, kind: word })
            }
            _ => Ok(()),
        }
    }

    /// The place of an entry below the first one.
    fn place(&self, root: &[u8], parts: &[&[u8]], shown: &str) -> Result<PathBuf, UnpackError> {
        if parts.len() < 2 || parts[0] != root || self.expected == Expected::File {
            return Err(odd(shown, &format!("is outside of {}", self::shown(root))));
        }
        let mut place = self.into.to_owned();
        for part in &parts[1..] {
            if !fs::symlink_metadata(&place).is_ok_and(|above| above.is_dir()) {
                return Err(odd(shown, "lies in something that is no directory of the archive"));
            }
            place.push(OsStr::from_bytes(part));
        }
        Ok(place)
    }
}

/// The names between slashes. One slash at the end is allowed.
fn parts(path: &[u8]) -> Result<Vec<&[u8]>, UnpackError> {
    let parts = path.strip_suffix(b"/").unwrap_or(path).split(|byte| *byte == b'/').collect::<Vec<_>>();
    match parts.iter().any(|part| matches!(*part, b"" | b"." | b"..")) {
        true => Err(odd(&shown(path), "has a path that may lead elsewhere")),
        false if parts.len() > DEEPEST => {
            Err(odd(&shown(path), &format!("has more than {DEEPEST} names in its path")))
        }
        false => Ok(parts),
    }
}

fn refuse_holes(entry: &mut Entry<'_, Pieces>, shown: &str) -> Result<(), UnpackError> {
    let Some(extensions) = entry.pax_extensions().map_err(unreadable)? else { return Ok(()) };
    for extension in extensions {
        if extension.map_err(unreadable)?.key_bytes().starts_with(SPARSE) {
            return Err(odd(shown, "is a file with holes"));
        }
    }
    Ok(())
}

fn write_file(
    entry: &mut Entry<'_, Pieces>,
    place: &Path,
    room: &Room,
    shown: &str,
) -> Result<(), UnpackError> {
    let is_program = entry.header().mode().is_ok_and(|mode| mode & 0o111 != 0);
    let mode = if is_program { 0o755 } else { 0o644 };
    let file = OpenOptions::new().write(true).create_new(true).mode(mode).open(place);
    let mut file = made(file, shown)?;
    let (mut left, mut piece) = (entry.size(), vec![0; PIECE]);
    while left > 0 {
        room.check(place.parent().unwrap_or(place), left).map_err(io(shown))?;
        let length = entry.read(&mut piece).map_err(|_| UnpackError::Cut)?;
        if length == 0 {
            return Err(UnpackError::Cut);
        }
        file.write_all(&piece[..length]).map_err(io(shown))?;
        left = left.saturating_sub(length as u64);
    }
    Ok(())
}

/// Writes a symbolic link. `depth` is the number of names in the link's own path, with the archive's root.
fn write_link(entry: &Entry<'_, Pieces>, place: &Path, depth: usize, shown: &str) -> Result<(), UnpackError> {
    let target = entry.link_name_bytes().unwrap_or_default();
    if !stays_inside(&target, depth.saturating_sub(2)) {
        let target = self::shown(&target);
        return Err(odd(
            shown,
            &format!("is a symbolic link to {target}, which may lead out of the directory"),
        ));
    }
    made(symlink(OsStr::from_bytes(&target), place), shown)
}

/// True if a link at a depth of `depth` directories leads to somewhere inside, whatever other links there are.
fn stays_inside(target: &[u8], depth: usize) -> bool {
    let names = target.split(|byte| *byte == b'/').filter(|name| !matches!(*name, b"" | b"."));
    let ups = names.clone().take_while(|name| *name == b"..").count();
    let is_relative = !target.is_empty() && !target.starts_with(b"/");
    is_relative && ups <= depth && names.skip(ups).all(|name| name != b"..")
}

/// The result of making a file or a directory with that name.
fn made<T>(outcome: io::Result<T>, shown: &str) -> Result<T, UnpackError> {
    outcome.map_err(|fault| match fault.kind() {
        io::ErrorKind::AlreadyExists => odd(shown, "is in the archive twice"),
        _ => io(shown)(fault),
    })
}

fn io(shown: &str) -> impl FnOnce(io::Error) -> UnpackError {
    move |cause| UnpackError::Io { what: format!("write {shown}"), cause }
}

fn odd(shown: &str, what: &str) -> UnpackError {
    UnpackError::Odd(format!("{shown} {what}"))
}

/// A path as people may see it.
fn shown(path: &[u8]) -> String {
    let text = String::from_utf8_lossy(path);
    let text = text.escape_debug().take(LONGEST_WORDS).collect::<String>();
    format!("\"{text}\"")
}

fn word(kind: EntryType) -> &'static str {
    match kind {
        EntryType::Regular => "a file",
        EntryType::Directory => "a directory",
        EntryType::Symlink => "a symbolic link",
        _ => "neither a file nor a directory",
    }
}
