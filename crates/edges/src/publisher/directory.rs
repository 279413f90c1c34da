//! The publisher for a directory: each artifact is complete or not there, with its checksum beside it, and with a link
//! that always leads to the newest.

#[cfg(test)]
mod tests;

use super::{
    PublishError,
    names::{check, sums_of},
    old,
    replace::{replace, replace_link},
    take::take,
    tree::{settle, sync},
    unfinished::{self, Unfinished},
};
use crate::room::Room;
use std::{
    fs::{self, File, Permissions},
    io::{self, Write},
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    sync::{Arc, Weak},
    time::{Duration, SystemTime},
};

/// The longest time for unfinished work.
const LONGEST_WORK: Duration = Duration::from_secs(24 * 60 * 60);

/// A directory of artifacts. It is created together with the first one; cheap to clone.
#[derive(Clone, Debug)]
pub struct Directory {
    path: Arc<Path>,
    room: Room,
}

/// The size and checksum of an artifact in a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The size in bytes; for a tree, all its files together.
    pub size: u64,
    /// SHA-256 of the file, or of the tree's list of checksums; 64 hexadecimal digits.
    pub sha256: String,
}

impl Directory {
    /// The directory at this path; nothing is created yet. Nothing is stored that does not leave enough room.
    pub fn new(path: PathBuf, room: Room) -> Self {
        Self { path: path.into(), room }
    }

    /// The path of the directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Stores a file or a tree under `name`, with its checksums as `<name>.sha256`. An artifact with that name is
    /// replaced. Everybody may read it; of the permissions, only the execute permission of files is kept.
    ///
    /// `from` is consumed: it is gone afterwards, and may also be gone after an error or a crash. If the caller stops
    /// waiting, nothing is stored, because the caller no longer wants the artifact.
    ///
    /// # Errors
    /// The name is not flat or is that of a link, or the disk refuses.
    pub async fn put(&self, from: &Path, name: &str) -> Result<Stored, PublishError> {
        let (from, name) = (from.to_owned(), name.to_owned());
        let wanted = Arc::new(());
        let still = Arc::downgrade(&wanted);
        let room = self.room.clone();
        self.blocking(move |directory| put(directory, &room, &from, &name, &still)).await
    }

    /// Makes `stable` lead to the artifact `name`, and `<stable>.sha256` to its checksums; each change is atomic.
    ///
    /// # Errors
    /// A name is not flat, there is no such artifact, or `stable` is an artifact.
    pub async fn link(&self, name: &str, stable: &str) -> Result<(), PublishError> {
        let (name, stable) = (name.to_owned(), stable.to_owned());
        self.blocking(move |directory| link(directory, &name, &stable)).await
    }

    /// Removes an artifact and its checksums; a missing one is fine. Links to it stay.
    ///
    /// # Errors
    /// The name is not flat, or the disk refuses.
    pub async fn remove(&self, name: &str) -> Result<(), PublishError> {
        let name = name.to_owned();
        self.blocking(move |directory| remove(directory, &name)).await
    }

    /// The artifact to which `stable` leads, even if the artifact does not exist; none if there is no such link.
    ///
    /// # Errors
    /// A name is not flat, or `stable` is not a link.
    pub async fn linked(&self, stable: &str) -> Result<Option<String>, PublishError> {
        let stable = stable.to_owned();
        self.blocking(move |directory| linked(directory, &stable)).await
    }

    /// Removes a link and the link to its checksums; missing ones are fine.
    ///
    /// # Errors
    /// The name is not flat or is that of an artifact, or the disk refuses.
    pub async fn unlink(&self, stable: &str) -> Result<(), PublishError> {
        let stable = stable.to_owned();
        self.blocking(move |directory| unlink(directory, &stable)).await
    }

    /// True if the target of `stable` exists.
    ///
    /// # Errors
    /// The name is not flat.
    pub async fn leads_somewhere(&self, stable: &str) -> Result<bool, PublishError> {
        let stable = stable.to_owned();
        self.blocking(move |directory| check(&stable).map(|()| directory.join(&stable).exists())).await
    }

    /// The links to an artifact, even if the artifact does not exist.
    ///
    /// # Errors
    /// The disk does not answer.
    pub async fn links_to(&self, name: &str) -> Result<Vec<String>, PublishError> {
        let name = name.to_owned();
        let links = move |directory: &Path| old::links_to(directory, &name);
        self.blocking(move |directory| links(directory).map_err(PublishError::io("list links"))).await
    }

    /// The artifacts that [`Self::put`] stored before a moment: names and sizes in bytes.
    ///
    /// # Errors
    /// The disk does not answer.
    pub async fn put_before(&self, moment: SystemTime) -> Result<Vec<(String, u64)>, PublishError> {
        let listed = move |directory: &Path| old::list(directory, moment);
        self.blocking(move |directory| listed(directory).map_err(PublishError::io("list artifacts"))).await
    }

    /// Removes the unfinished work of a server that died. Call it at the start, when nobody stores an artifact.
    ///
    /// # Errors
    /// The disk refuses.
    pub async fn sweep(&self) -> Result<(), PublishError> {
        let what = "remove unfinished artifacts";
        let swept = |directory: &Path| unfinished::sweep(directory, Duration::ZERO);
        self.blocking(move |directory| swept(directory).map_err(PublishError::io(what))).await
    }

    async fn blocking<T: Send + 'static>(
        &self,
        act: impl FnOnce(&Path) -> Result<T, PublishError> + Send + 'static,
    ) -> Result<T, PublishError> {
        let path = Arc::clone(&self.path);
        let done = tokio::task::spawn_blocking(move || act(&path)).await;
        done.unwrap_or_else(|fault| Err(PublishError::io("work on artifacts")(io::Error::other(fault))))
    }
}

fn put(
    directory: &Path,
    room: &Room,
    from: &Path,
    name: &str,
    still: &Weak<()>,
) -> Result<Stored, PublishError> {
    check(name)?;
    let unfinished = begin(directory)?;
    let step = |step: &str| PublishError::io(format!("{step} {name}"));
    let item = unfinished.join("item");
    take(from, &item, room).map_err(step("take"))?;
    let settled = settle(&item, name).map_err(step("write"))?;
    let sums = unfinished.join("sums");
    write(&sums, &settled.sums).map_err(step("write the checksum of"))?;
    let aside = unfinished.join("aside");
    if still.strong_count() == 0 {
        return Err(step("place")(io::Error::new(io::ErrorKind::Interrupted, "nobody wants it any more")));
    }
    // The checksum is placed first, so that everybody who sees the artifact finds it.
    replace(&sums, &directory.join(sums_of(name)), &aside).map_err(step("place the checksum of"))?;
    replace(&item, &directory.join(name), &aside).map_err(step("place"))?;
    sync(directory).map_err(step("place"))?;
    Ok(Stored { size: settled.size, sha256: settled.sha256 })
}

fn link(directory: &Path, name: &str, stable: &str) -> Result<(), PublishError> {
    check(name)?;
    check(stable)?;
    let step = || PublishError::io(format!("link {stable} to {name}"));
    let artifact = fs::symlink_metadata(directory.join(name)).map_err(step())?;
    if artifact.is_symlink() {
        return Err(step()(io::Error::new(io::ErrorKind::InvalidInput, "this is a link itself")));
    }
    let unfinished = begin(directory)?;
    for (target, stable) in [(sums_of(name), sums_of(stable)), (name.to_owned(), stable.to_owned())] {
        let link = unfinished.join("link");
        symlink(&target, &link).map_err(step())?;
        replace_link(&link, &directory.join(&stable)).map_err(step())?;
    }
    sync(directory).map_err(step())
}

fn remove(directory: &Path, name: &str) -> Result<(), PublishError> {
    check(name)?;
    let place = directory.join(name);
    if fs::symlink_metadata(&place).is_ok_and(|artifact| artifact.is_dir()) {
        // The removal is atomic; after a crash, the sweep removes the rest.
        let unfinished = begin(directory)?;
        fs::rename(&place, unfinished.join("item")).map_err(PublishError::io(format!("remove {name}")))?;
    }
    for path in [place, directory.join(sums_of(name))] {
        unfinished::remove(&path).map_err(PublishError::io(format!("remove {name}")))?;
    }
    Ok(())
}

fn unlink(directory: &Path, stable: &str) -> Result<(), PublishError> {
    check(stable)?;
    for path in [directory.join(stable), directory.join(sums_of(stable))] {
        let step = || PublishError::io(format!("remove the link {stable}"));
        match fs::symlink_metadata(&path) {
            Err(fault) if fault.kind() == io::ErrorKind::NotFound => {}
            Ok(there) if there.is_symlink() => fs::remove_file(&path).map_err(step())?,
            Ok(_) => return Err(step()(io::Error::new(io::ErrorKind::InvalidInput, "this is no link"))),
            Err(fault) => return Err(step()(fault)),
        }
    }
    Ok(())
}

fn linked(directory: &Path, stable: &str) -> Result<Option<String>, PublishError> {
    check(stable)?;
    match fs::read_link(directory.join(stable)) {
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(fault) => Err(PublishError::io(format!("read the link {stable}"))(fault)),
        Ok(target) => {
            let name = target.to_string_lossy().into_owned();
            check(&name)?;
            Ok(Some(name))
        }
    }
}

/// A place for unfinished work, in a directory that is created if necessary.
fn begin(directory: &Path) -> Result<Unfinished, PublishError> {
    let step = || PublishError::io(format!("make the directory {}", directory.display()));
    make(directory).map_err(step())?;
    if let Err(fault) = unfinished::sweep(directory, LONGEST_WORK) {
        tracing::warn!(dir = %directory.display(), %fault, "unfinished artifacts could not be removed");
    }
    Unfinished::make(directory).map_err(step())
}

/// Makes a directory and missing directories above it, readable for everybody, whatever the umask is.
fn make(directory: &Path) -> io::Result<()> {
    if directory.is_dir() {
        return Ok(());
    }
    directory.parent().filter(|above| !above.as_os_str().is_empty()).map_or(Ok(()), make)?;
    match fs::create_dir(directory) {
        // Somebody else has just made it.
        Err(fault) if fault.kind() == io::ErrorKind::AlreadyExists && directory.is_dir() => Ok(()),
        made => made.and_then(|()| fs::set_permissions(directory, Permissions::from_mode(0o755))),
    }
}

fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = File::create_new(path)?;
    file.set_permissions(Permissions::from_mode(0o644))?;
    file.write_all(content)?;
    file.sync_all()
}
