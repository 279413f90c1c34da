//! A checkout as a tar stream for a container: the files, and a `.git` with the whole history.
//!
//! All of it belongs to the checkout. Nothing is read from the mirror any more, whatever happens to the mirror
//! meanwhile.

use super::{
    Checkout,
    entries::{Entries, Ownership},
    git_files::{self, GitFile, Known},
    index::{Index, Kind},
    settle,
};
use bytes::Bytes;
use rustix::fs::{AtFlags, CWD, FileType, statat};
use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};
use tokio::sync::mpsc;

const CHUNK: usize = 256 * 1024;

/// The place of a checkout in a container.
pub struct Destination {
    /// The directory of the checkout, such as `kozmic/src`.
    pub tree: String,
    /// The owner of all its files.
    pub owner: Ownership,
    /// True if [`SETTLE`](super::SETTLE) runs in it before anything else.
    pub settles: bool,
}

/// A file beside a checkout.
pub struct Extra {
    /// The file's path in the archive.
    pub path: &'static str,
    /// Its permissions, such as `0o755`.
    pub mode: u32,
    /// Its content.
    pub content: Vec<u8>,
}

/// A tar archive that is written while it is read.
pub type Archive = mpsc::Receiver<io::Result<Bytes>>;

impl Checkout {
    /// The checkout as an archive for its place in a container, with files beside it. The checkout is removed when the
    /// archive was read or dropped.
    pub fn into_archive(self, to: Destination, extras: Vec<Extra>) -> Archive {
        let (sender, receiver) = mpsc::channel(4);
        tokio::task::spawn_blocking(move || {
            let mut entries = Entries::new(Chunks::new(sender.clone()), to.owner);
            let written = write_all(&mut entries, &self, &to, &extras).and_then(|()| entries.finish());
            if let Err(fault) = written {
                // The reader gets the fault. If nobody reads any more, the fault does not matter.
                let _ = sender.blocking_send(Err(fault));
            }
        });
        receiver
    }
}

fn write_all<W: Write>(
    entries: &mut Entries<W>,
    checkout: &Checkout,
    to: &Destination,
    extras: &[Extra],
) -> io::Result<()> {
    let Destination { tree, settles, .. } = to;
    if let Some((above, _)) = tree.rsplit_once('/') {
        entries.directory(above, 0o755)?;
    }
    for Extra { path, mode, content } in extras {
        entries.file(path, *mode, content)?;
    }
    let begun = entries.tick();
    let index = work_tree(entries, checkout, Path::new(tree))?;
    git_dir(entries, checkout, &format!("{tree}/.git"))?;
    if *settles {
        let config = git_files::config(&checkout.wanted, Known::All);
        entries.file(&format!("{tree}/.git/{}", settle::CONFIG), 0o644, config.as_bytes())?;
        let later = entries.tick() + 1;
        entries.file_of(&format!("{tree}/.git/{}", settle::INDEX), &index, later)?;
    }
    entries.file_of(&format!("{tree}/.git/index"), &index, begun)
}

/// Writes the files in the order of the index, and returns the index as it is after that.
fn work_tree<W: Write>(entries: &mut Entries<W>, checkout: &Checkout, to: &Path) -> io::Result<Vec<u8>> {
    // Git can write a path that is too long together with the directories above the tree. So paths are opened relative
    // to the tree.
    let from = File::open(checkout.tree())?;
    let mut index = Index::new(fs::read(checkout.index())?)?;
    let mut directories = Directories::below(&from, to);
    entries.directory_at(to)?;
    while let Some(entry) = index.next()? {
        let path = index.path(&entry);
        fits(path, to)?;
        directories.enter(entries, path.parent().unwrap_or(Path::new("")))?;
        let seconds = entries.tick();
        match entry.kind {
            Kind::File(mode) => entries.content(&from, path, &to.join(path), mode)?,
            Kind::Link => entries.link(&from, path, &to.join(path))?,
            Kind::Module => entries.directory_at(&to.join(path))?,
        }
        index.stamp(&entry, seconds, entries.owner());
    }
    Ok(index.into_bytes())
}

/// The longest path that a system can open, in bytes.
const LONGEST_PATH: usize = 4095;

/// Checks the length of a path. A container's engine unpacks files by their whole path.
fn fits(path: &Path, to: &Path) -> io::Result<()> {
    let (length, most) = (path.as_os_str().len(), LONGEST_PATH - to.as_os_str().len() - 2);
    if length <= most {
        return Ok(());
    }
    let begin = path.to_string_lossy().chars().take(60).collect::<String>();
    let words =
        format!("{begin}… is a path of {length} bytes, and in /{} fit {most} bytes at most", to.display());
    Err(io::Error::new(io::ErrorKind::InvalidFilename, words))
}

/// Writes a `.git` as `git clone` does, without its index: on the branch, with a remote named origin, and with all
/// objects of its own.
fn git_dir<W: Write>(entries: &mut Entries<W>, checkout: &Checkout, dir: &str) -> io::Result<()> {
    let files = git_files::all(&checkout.wanted, &checkout.refs, entries.tick());
    for part in directories(&files) {
        entries.directory_at(&Path::new(dir).join(part))?;
    }
    for (path, content) in &files {
        entries.file(&format!("{dir}/{path}"), 0o644, content.as_bytes())?;
    }
    for pack in fs::read_dir(checkout.packs())? {
        let pack = pack?;
        let to = Path::new(dir).join("objects/pack").join(pack.file_name());
        entries.content(CWD, &pack.path(), &to, 0o444)?;
    }
    Ok(())
}

/// The directories of the files, and those that tools expect. A directory that the engine created itself would belong
/// to root.
fn directories(files: &[GitFile]) -> BTreeSet<&Path> {
    let above = files.iter().flat_map(|(path, _)| Path::new(path).ancestors().skip(1));
    let expected = git_files::DIRECTORIES.into_iter().flat_map(|path| Path::new(path).ancestors());
    expected.chain(above).collect()
}

/// The directories of a work tree. Each is written before its content. In git's order, the content of one directory
/// comes in a row.
struct Directories<'a> {
    from: &'a File,
    to: &'a Path,
    inside: PathBuf,
}

impl<'a> Directories<'a> {
    fn below(from: &'a File, to: &'a Path) -> Self {
        Self { from, to, inside: PathBuf::new() }
    }

    /// # Errors
    /// One of them is not a directory: a tree may give a link and a directory the same name, and nothing is read
    /// through a link.
    fn enter<W: Write>(&mut self, entries: &mut Entries<W>, path: &Path) -> io::Result<()> {
        let mut known = PathBuf::new();
        for part in path.components() {
            let is_known = self.inside.starts_with(known.join(part));
            known.push(part);
            if is_known {
                continue;
            }
            let there = statat(self.from, &known, AtFlags::SYMLINK_NOFOLLOW)?;
            if FileType::from_raw_mode(there.st_mode) != FileType::Directory {
                let words = format!("{} is a directory and something else in this commit", known.display());
                return Err(io::Error::new(io::ErrorKind::InvalidData, words));
            }
            entries.directory_at(&self.to.join(&known))?;
        }
        self.inside = known;
        Ok(())
    }
}

/// Collects written bytes into pieces for a channel.
struct Chunks {
    sender: mpsc::Sender<io::Result<Bytes>>,
    buffer: Vec<u8>,
}

impl Chunks {
    fn new(sender: mpsc::Sender<io::Result<Bytes>>) -> Self {
        Self { sender, buffer: Vec::with_capacity(CHUNK) }
    }
}

impl Write for Chunks {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= CHUNK {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let full = std::mem::replace(&mut self.buffer, Vec::with_capacity(CHUNK));
        let gone = |_| io::Error::new(io::ErrorKind::BrokenPipe, "nobody reads the archive any more");
        if full.is_empty() { Ok(()) } else { self.sender.blocking_send(Ok(full.into())).map_err(gone) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::{Wanted, tests::forge::Forge};

    /// A path of this length in bytes.
    fn path_of(length: usize) -> String {
        let path = format!("{}/", "d".repeat(200)).repeat(length / 201);
        format!("{path}{}", "f".repeat(length - path.len()))
    }

    /// The paths of a commit's checkout in a container.
    async fn paths(forge: &Forge, wanted: &Wanted, name: &str) -> io::Result<Vec<PathBuf>> {
        let checkout = forge.mirrors.check_out(wanted, forge.path(name)).await.map_err(io::Error::other)?;
        let owner = Ownership { uid: 0, gid: 0 };
        let to = Destination { tree: "kozmic/src".to_owned(), owner, settles: true };
        let (mut archive, mut tar) = (checkout.into_archive(to, vec![]), Vec::new());
        while let Some(chunk) = archive.recv().await {
            tar.extend(chunk?);
        }
        let mut tar = tar::Archive::new(&tar[..]);
        tar.entries()?.map(|entry| entry?.path().map(std::borrow::Cow::into_owned)).collect()
    }

    #[tokio::test]
    async fn paths_may_be_as_long_as_fits_and_one_that_is_longer_is_named() {
        let forge = Forge::new();
        let most = LONGEST_PATH - "/kozmic/src/".len();
        let commit = |length: usize| {
            let blob = forge.git(&["hash-object", "-w", "/dev/null"]);
            let path = path_of(length);
            forge.git(&["read-tree", "--empty"]);
            forge.git(&["update-index", "--add", "--cacheinfo", &format!("100644,{blob},{path}")]);
            forge.wanted("refs/heads/main", &forge.commit())
        };
        let wanted = commit(most);
        forge.all(&wanted).await;
        let found = paths(&forge, &wanted, "most").await.unwrap();
        assert!(found.contains(&Path::new("kozmic/src").join(path_of(most))));
        for (length, words) in [
            (most + 1, "is a path of 4084 bytes, and in /kozmic/src fit 4083 bytes at most"),
            (LONGEST_PATH, "is a path of 4095 bytes"),
            // A clone fails in the same way.
            (LONGEST_PATH + 1, "git read-tree failed: error: unable to create file ddd"),
            (LONGEST_PATH + 105, "git read-tree failed: error: unable to create file ddd"),
        ] {
            let wanted = commit(length);
            forge.all(&wanted).await;
            let fault = paths(&forge, &wanted, &length.to_string()).await.unwrap_err().to_string();
            assert!(fault.contains(words) && fault.len() < 10_000, "{length}: {fault}");
        }
    }
}
