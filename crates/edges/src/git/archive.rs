//! A checkout as a tar stream for a container: the files, and a `.git` with the whole history.
//!
//! The history's objects come straight out of the mirror; nothing is copied on the way.

use super::{Checkout, GitRef, Wanted};
use bytes::Bytes;
use std::{
    fs::{self, File, Metadata},
    io::{self, Write},
    os::unix::fs::PermissionsExt,
    path::Path,
};
use tar::{Builder, EntryType, Header};
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
    /// Its path below the archive's root.
    pub path: &'static str,
    /// Its permissions, such as `0o755`.
    pub mode: u32,
    /// What is in it.
    pub content: Vec<u8>,
}

/// A tar archive that is written while it is read.
pub type Archive = mpsc::Receiver<io::Result<Bytes>>;

impl Checkout {
    /// The checkout as `<root>/src/`, with `extras` beside `src`, all belonging to `owner`. The checkout is removed
    /// when the archive was read or dropped.
    pub fn into_archive(self, root: &'static str, owner: Ownership, extras: Vec<Extra>) -> Archive {
        let (sender, receiver) = mpsc::channel(4);
        tokio::task::spawn_blocking(move || {
            let _reading = self.lock.blocking_read();
            let mut writer =
                Tar { tar: Builder::new(Chunks::new(sender.clone())), root: Path::new(root), owner };
            let written = writer.checkout(&self, &extras).and_then(|()| writer.tar.into_inner()?.flush());
            if let Err(fault) = written {
                // Who reads learns of it; if nobody reads any more, nobody needs to.
                let _ = sender.blocking_send(Err(fault));
            }
        });
        receiver
    }
}

struct Tar {
    tar: Builder<Chunks>,
    root: &'static Path,
    owner: Ownership,
}

impl Tar {
    fn checkout(&mut self, checkout: &Checkout, extras: &[Extra]) -> io::Result<()> {
        self.directory("", 0o755)?;
        for Extra { path, mode, content } in extras {
            self.file(path, *mode, content)?;
        }
        self.tree(&checkout.tree(), &self.root.join("src"))?;
        self.git_dir(checkout)
    }

    /// A `.git` as `git clone` leaves it: on the branch, with a remote named origin, all objects its own.
    fn git_dir(&mut self, checkout: &Checkout) -> io::Result<()> {
        let sha = &checkout.wanted.sha;
        for dir in ["", "refs/", "refs/heads/", "refs/tags/", "branches/", "info/"] {
            self.directory(&format!("src/.git/{dir}"), 0o755)?;
        }
        let head = match &checkout.wanted.git_ref {
            GitRef::Branch(branch) => format!("ref: refs/heads/{branch}\n"),
            GitRef::PullRequest(_) => format!("{sha}\n"),
        };
        self.file("src/.git/HEAD", 0o644, head.as_bytes())?;
        self.file("src/.git/packed-refs", 0o644, packed_refs(checkout)?.as_bytes())?;
        self.file("src/.git/config", 0o644, config(&checkout.wanted).as_bytes())?;
        self.file("src/.git/index", 0o644, &fs::read(checkout.index())?)?;
        self.tree(&checkout.mirror.join("objects"), &self.root.join("src/.git/objects"))
    }

    fn tree(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        let metadata = fs::symlink_metadata(from)?;
        let mut header = self.header(&metadata);
        if metadata.is_symlink() {
            header.set_entry_type(EntryType::Symlink);
            header.set_size(0);
            return self.tar.append_link(&mut header, to, fs::read_link(from)?);
        }
        if metadata.is_file() {
            return self.tar.append_data(&mut header, to, File::open(from)?);
        }
        header.set_entry_type(EntryType::Directory);
        header.set_size(0);
        self.tar.append_data(&mut header, to.join(""), io::empty())?;
        for entry in fs::read_dir(from)? {
            let entry = entry?;
            self.tree(&entry.path(), &to.join(entry.file_name()))?;
        }
        Ok(())
    }

    fn directory(&mut self, path: &str, mode: u32) -> io::Result<()> {
        let mut header = self.plain(EntryType::Directory, mode, 0);
        self.tar.append_data(&mut header, self.root.join(path).join(""), io::empty())
    }

    fn file(&mut self, path: &str, mode: u32, content: &[u8]) -> io::Result<()> {
        let mut header = self.plain(EntryType::Regular, mode, content.len() as u64);
        self.tar.append_data(&mut header, self.root.join(path), content)
    }

    fn plain(&self, kind: EntryType, mode: u32, size: u64) -> Header {
        let mut header = Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_size(size);
        self.own(&mut header);
        header
    }

    fn header(&self, metadata: &Metadata) -> Header {
        let mut header = Header::new_gnu();
        header.set_metadata(metadata);
        header.set_mode(metadata.permissions().mode() & 0o7777);
        self.own(&mut header);
        header
    }

    fn own(&self, header: &mut Header) {
        header.set_uid(self.owner.uid);
        header.set_gid(self.owner.gid);
    }
}

/// The commit's branch, here and at the remote, and the mirror's tags.
fn packed_refs(checkout: &Checkout) -> io::Result<String> {
    let mut refs = tags(&checkout.mirror)?;
    if let GitRef::Branch(branch) = &checkout.wanted.git_ref {
        let sha = &checkout.wanted.sha;
        refs.push((format!("refs/heads/{branch}"), sha.to_string()));
        refs.push((format!("refs/remotes/origin/{branch}"), sha.to_string()));
    }
    refs.sort();
    refs.dedup_by(|a, b| a.0 == b.0);
    let lines = refs.into_iter().map(|(name, sha)| format!("{sha} {name}\n"));
    Ok(std::iter::once("# pack-refs with: sorted\n".to_owned()).chain(lines).collect())
}

/// A mirror's tags: those in files go before packed ones of the same name.
fn tags(mirror: &Path) -> io::Result<Vec<(String, String)>> {
    let mut found = Vec::new();
    loose_tags(&mirror.join("refs/tags"), "refs/tags", &mut found)?;
    let packed = fs::read_to_string(mirror.join("packed-refs")).unwrap_or_default();
    let packed =
        packed.lines().filter(|line| !line.starts_with(['#', '^'])).filter_map(|line| line.split_once(' '));
    let known = found.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    let packed =
        packed.filter(|(_, name)| name.starts_with("refs/tags/") && !known.iter().any(|tag| tag == name));
    found.extend(packed.map(|(sha, name)| (name.to_owned(), sha.to_owned())));
    Ok(found)
}

fn loose_tags(dir: &Path, name: &str, found: &mut Vec<(String, String)>) -> io::Result<()> {
    for entry in fs::read_dir(dir).into_iter().flatten() {
        let entry = entry?;
        let name = format!("{name}/{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            loose_tags(&entry.path(), &name, found)?;
        } else {
            found.push((name, fs::read_to_string(entry.path())?.trim().to_owned()));
        }
    }
    Ok(())
}

/// `checkStat = minimal`: the files' inode numbers differ in the container, and git shall not take them for changed.
fn config(wanted: &Wanted) -> String {
    let url = quoted(&wanted.url);
    let upstream = match &wanted.git_ref {
        GitRef::Branch(branch) => {
            let branch = quoted(branch);
            format!(
                "[branch {branch}]\n\tremote = origin\n\tmerge = {}\n",
                quoted(&wanted.git_ref.to_string())
            )
        }
        GitRef::PullRequest(_) => String::new(),
    };
    format!(
        "[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = false\n\tlogallrefupdates = true\n\
         \tcheckStat = minimal\n\ttrustctime = false\n\
         [remote \"origin\"]\n\turl = {url}\n\tfetch = +refs/heads/*:refs/remotes/origin/*\n{upstream}"
    )
}

/// A text as a value or a section's name in git's configuration.
fn quoted(text: &str) -> String {
    let text = text.replace('\n', "").replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{text}\"")
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
