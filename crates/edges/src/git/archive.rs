//! A checkout as a tar stream for a container: the files, and a `.git` with the whole history.
//!
//! The history's objects come straight out of the mirror; nothing is copied on the way. A fetch may write beside it:
//! objects are only ever added to a mirror, each under its name when it is whole, so reading needs no lock.

use super::{
    Checkout,
    entries::{Entries, Neighbours},
    git_files,
};
use bytes::Bytes;
use std::{
    fs,
    io::{self, Write},
    path::Path,
};
use tokio::sync::mpsc;

const CHUNK: usize = 256 * 1024;

/// Whom files in a container belong to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ownership {
    /// The user's number.
    pub uid: u64,
    /// The group's number.
    pub gid: u64,
}

/// A file that goes along with a checkout.
pub struct Extra {
    /// Its path in the archive.
    pub path: &'static str,
    /// Its permissions, such as `0o755`.
    pub mode: u32,
    /// What is in it.
    pub content: Vec<u8>,
}

/// A tar archive that is written while it is read.
pub type Archive = mpsc::Receiver<io::Result<Bytes>>;

impl Checkout {
    /// The checkout as the directory `tree`, such as `kozmic/src`, with files beside it, all belonging to `owner`. The
    /// checkout is removed when the archive was read or dropped.
    pub fn into_archive(self, tree: String, owner: Ownership, extras: Vec<Extra>) -> Archive {
        let (sender, receiver) = mpsc::channel(4);
        tokio::task::spawn_blocking(move || {
            let mut entries = Entries::new(Chunks::new(sender.clone()), owner);
            let written = write_all(&mut entries, &self, (&tree, &extras)).and_then(|()| entries.finish());
            if let Err(fault) = written {
                // Who reads learns of it; if nobody reads any more, nobody needs to.
                let _ = sender.blocking_send(Err(fault));
            }
        });
        receiver
    }
}

fn write_all<W: Write>(
    entries: &mut Entries<W>,
    checkout: &Checkout,
    (tree, extras): (&str, &[Extra]),
) -> io::Result<()> {
    if let Some((above, _)) = tree.rsplit_once('/') {
        entries.directory(above, 0o755)?;
    }
    for Extra { path, mode, content } in extras {
        entries.file(path, *mode, content)?;
    }
    entries.tree(&checkout.tree(), Path::new(tree), Neighbours::None)?;
    git_dir(entries, checkout, &format!("{tree}/.git"))
}

/// A `.git` as `git clone` leaves it: on the branch, with a remote named origin, all objects its own.
fn git_dir<W: Write>(entries: &mut Entries<W>, checkout: &Checkout, dir: &str) -> io::Result<()> {
    for part in ["", "refs/", "refs/heads/", "refs/tags/", "branches/", "info/"] {
        entries.directory(&format!("{dir}/{part}"), 0o755)?;
    }
    let head = git_files::head(&checkout.wanted);
    entries.file(&format!("{dir}/HEAD"), 0o644, head.as_bytes())?;
    // The refs before the objects: what a tag points at was there when the tag was.
    entries.file(&format!("{dir}/packed-refs"), 0o644, git_files::packed_refs(checkout)?.as_bytes())?;
    entries.file(&format!("{dir}/config"), 0o644, git_files::config(&checkout.wanted).as_bytes())?;
    entries.file(&format!("{dir}/index"), 0o644, &fs::read(checkout.index())?)?;
    entries.tree(&checkout.mirror.join("objects"), &Path::new(dir).join("objects"), Neighbours::Fetches)
}

/// Gathers what is written into pieces for a channel.
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
