//! Keeps mirrors intact when a process dies in the middle: complete or not there, and not locked for ever.

use super::{GitError, command::Git, packed::OUTGOING, refs};
use std::{ffi::OsStr, fs, io, path::Path};

/// The extension of a mirror's directory while it is removed.
const REMOVED: &str = "removed";

/// Makes an empty mirror of a repository with this default branch. An unfinished mirror has another name.
pub(super) async fn make_whole(path: &Path, branch: &str) -> Result<(), GitError> {
    let io = |cause| GitError::Io { what: "init", cause };
    let begun = path.with_extension("begun");
    gone(tokio::fs::remove_dir_all(&begun).await).map_err(io)?;
    Git::new(&begun).init_bare().await?;
    refs::note_branch(&begun, branch).map_err(io)?;
    tokio::fs::rename(&begun, path).await.map_err(io)
}

/// Removes a mirror. A partly removed mirror has another name.
pub(super) async fn remove_whole(path: &Path) -> io::Result<()> {
    let removed = path.with_extension(REMOVED);
    gone(tokio::fs::remove_dir_all(&removed).await)?;
    gone(tokio::fs::rename(path, &removed).await)?;
    gone(tokio::fs::remove_dir_all(&removed).await)
}

/// A directory that does not exist counts as removed.
fn gone(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

/// Removes everything in a directory.
pub(super) fn empty(dir: &Path) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        fs::remove_dir_all(entry?.path())?;
    }
    Ok(())
}

/// Removes the leftovers of killed git processes in the mirrors below `dir`. Nothing else may write there meanwhile.
pub(super) fn remove_remains(dir: &Path) -> io::Result<()> {
    for mirror in fs::read_dir(dir)? {
        let path = mirror?.path();
        match path.extension().and_then(OsStr::to_str) {
            Some("git") => {
                remove_locks(&path)?;
                remove_unfinished(&path.join("objects/pack"))?;
                gone(fs::remove_dir_all(path.join(OUTGOING)))?;
            }
            Some(REMOVED) => fs::remove_dir_all(&path)?,
            _ => {}
        }
    }
    Ok(())
}

/// Removes locks, which would stop every further fetch.
fn remove_locks(dir: &Path) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let path = entry.path();
        // Objects have no locks, and there are many of them.
        if entry.file_type()?.is_dir() && entry.file_name() != "objects" {
            remove_locks(&path)?;
        } else if path.extension().is_some_and(|extension| extension == "lock") {
            remove(&path)?;
        }
    }
    Ok(())
}

/// Removes unfinished packs, which nothing else would remove.
fn remove_unfinished(packs: &Path) -> io::Result<()> {
    for entry in fs::read_dir(packs).into_iter().flatten() {
        let entry = entry?;
        let name = entry.file_name();
        if [&b"tmp_"[..], b".tmp-"].iter().any(|begin| name.as_encoded_bytes().starts_with(begin)) {
            remove(&entry.path())?;
        }
    }
    Ok(())
}

fn remove(path: &Path) -> io::Result<()> {
    tracing::info!(path = %path.display(), "a file that a killed git left is removed");
    fs::remove_file(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_mirror_is_made_whole_and_what_a_killed_git_left_goes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("1.git");
        fs::create_dir_all(dir.path().join("1.begun/refs")).unwrap();
        make_whole(&path, "main").await.unwrap();
        assert!(path.join("HEAD").exists() && !dir.path().join("1.begun").exists());
        fs::write(path.join("refs/heads/main.lock"), "").unwrap();
        fs::write(path.join("packed-refs.lock"), "").unwrap();
        fs::write(path.join("objects/pack/tmp_pack_Xy12"), "").unwrap();
        fs::write(path.join("objects/pack/.tmp-12-pack-1.idx"), "").unwrap();
        fs::write(path.join("objects/pack/pack-1.pack"), "").unwrap();
        fs::write(dir.path().join("README"), "no mirror").unwrap();
        fs::create_dir_all(path.join("outgoing/7-1")).unwrap();
        fs::create_dir_all(dir.path().join("2.removed/refs")).unwrap();
        remove_remains(dir.path()).unwrap();
        assert!(!dir.path().join("2.removed").exists());
        assert!(!path.join("refs/heads/main.lock").exists() && !path.join("packed-refs.lock").exists());
        assert_eq!(fs::read_dir(path.join("objects/pack")).unwrap().count(), 1);
        assert!(!path.join("outgoing").exists());
        assert!(path.join("objects/pack/pack-1.pack").exists() && path.join("config").exists());
    }
}
