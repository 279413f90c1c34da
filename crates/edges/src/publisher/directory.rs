//! The publisher that is a directory: each artifact whole or not there, its checksum beside it, and a link that
//! always leads to the newest.

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

/// Longest time that something unfinished may be in work.
const LONGEST_WORK: Duration = Duration::from_secs(24 * 60 * 60);

/// A directory of artifacts. It is made with the first one; cheap to clone.
#[derive(Clone, Debug)]
pub struct Directory {
    path: Arc<Path>,
    room: Room,
}

/// Size and checksum of an artifact that was put into a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// In bytes; of a tree, all its files together.
    pub size: u64,
    /// Of the file, or of a tree's list of checksums; 64 hexadecimal digits.
    pub sha256: String,
}

impl Directory {
    /// The directory at this path; nothing is made yet. Nothing is put there that does not leave enough room.
    pub fn new(path: PathBuf, room: Room) -> Self {
        Self { path: path.into(), room }
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Puts a file or a tree there under `name`, with its checksums as `<name>.sha256`. An artifact that has the name
    /// is replaced. Everybody may read it; of permissions, only that a file may be run is kept.
    ///
    /// `from` is consumed: it is gone afterwards, and may be gone after an error or a crash, too. Nothing is placed for
    /// a caller that stops waiting, since it wants the artifact no more.
    ///
    /// # Errors
    /// The name is not flat, is that of a link, or the disk does not take it.
    pub async fn put(&self, from: &Path, name: &str) -> Result<Stored, PublishError> {
        let (from, name) = (from.to_owned(), name.to_owned());
        let wanted = Arc::new(());
        let still = Arc::downgrade(&wanted);
        let room = self.room.clone();
        self.blocking(move |directory| put(directory, &room, &from, &name, &still)).await
    }

    /// Lets `stable` lead to the artifact `name`, and `<stable>.sha256` to its checksums; each at one stroke.
    ///
    /// # Errors
    /// A name is not flat, there is no such artifact, or `stable` is one itself.
    pub async fn link(&self, name: &str, stable: &str) -> Result<(), PublishError> {
        let (name, stable) = (name.to_owned(), stable.to_owned());
        self.blocking(move |directory| link(directory, &name, &stable)).await
    }

    /// Removes an artifact and its checksums; gone is fine. Links that lead to it stay.
    ///
    /// # Errors
    /// The name is not flat, or the disk does not do it.
    pub async fn remove(&self, name: &str) -> Result<(), PublishError> {
        let name = name.to_owned();
        self.blocking(move |directory| remove(directory, &name)).await
    }

    /// The artifact that `stable` leads to, be it there or not; none if there is no such link.
    ///
    /// # Errors
    /// A name is not flat, or `stable` is no link.
    pub async fn linked(&self, stable: &str) -> Result<Option<String>, PublishError> {
        let stable = stable.to_owned();
        self.blocking(move |directory| linked(directory, &stable)).await
    }

    /// Removes a link and that to its checksums; gone is fine.
    ///
    /// # Errors
    /// The name is not flat, is that of an artifact, or the disk does not do it.
    pub async fn unlink(&self, stable: &str) -> Result<(), PublishError> {
        let stable = stable.to_owned();
        self.blocking(move |directory| unlink(directory, &stable)).await
    }

    /// Whether what `stable` leads to is there.
    ///
    /// # Errors
    /// The name is not flat.
    pub async fn leads_somewhere(&self, stable: &str) -> Result<bool, PublishError> {
        let stable = stable.to_owned();
        self.blocking(move |directory| check(&stable).map(|()| directory.join(&stable).exists())).await
    }

    /// The links that lead to an artifact, be it there or not.
    ///
    /// # Errors
    /// The disk does not tell.
    pub async fn links_to(&self, name: &str) -> Result<Vec<String>, PublishError> {
        let name = name.to_owned();
        let links = move |directory: &Path| old::links_to(directory, &name);
        self.blocking(move |directory| links(directory).map_err(PublishError::io("list links"))).await
    }

    /// Artifacts that [`Self::put`] put there before a moment: names and sizes in bytes.
    ///
    /// # Errors
    /// The disk does not tell.
    pub async fn put_before(&self, moment: SystemTime) -> Result<Vec<(String, u64)>, PublishError> {
        let listed = move |directory: &Path| old::list(directory, moment);
        self.blocking(move |directory| listed(directory).map_err(PublishError::io("list artifacts"))).await
    }

    /// Removes what a server that died left unfinished. For the start: nobody may be putting something there.
    ///
    /// # Errors
    /// The disk does not do it.
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
    // The checksum first: whoever sees the artifact finds it.
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
        // At one stroke; what a crash leaves is swept away.
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

/// A place for unfinished work, in a directory that is made if need be.
fn begin(directory: &Path) -> Result<Unfinished, PublishError> {
    let step = || PublishError::io(format!("make the directory {}", directory.display()));
    make(directory).map_err(step())?;
    if let Err(fault) = unfinished::sweep(directory, LONGEST_WORK) {
        tracing::warn!(dir = %directory.display(), %fault, "unfinished artifacts could not be removed");
    }
    Unfinished::make(directory).map_err(step())
}

/// Makes a directory and those above it that are missing, for everybody to look into, whatever the umask says.
fn make(directory: &Path) -> io::Result<()> {
    if directory.is_dir() {
        return Ok(());
    }
    directory.parent().filter(|above| !above.as_os_str().is_empty()).map_or(Ok(()), make)?;
    match fs::create_dir(directory) {
        // Somebody else made it meanwhile.
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
