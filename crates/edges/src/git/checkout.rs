//! One commit's files on disk, for one attempt of a job; removed when dropped.

use super::{Git, GitError, Mirrors, Wanted, fetch};
use crate::private_dir;
use std::path::{Path, PathBuf};

/// One commit's files, out of a mirror.
pub struct Checkout {
    pub(super) dir: PathBuf,
    pub(super) mirror: PathBuf,
    pub(super) wanted: Wanted,
    /// What the wanted tag is in the mirror; none if it is not at the wanted commit (any more).
    pub(super) tag: Option<String>,
}

impl Mirrors {
    /// Puts the files of a commit that was fetched into `dir`, which must not exist.
    ///
    /// # Errors
    /// The disk is full, or the mirror is damaged.
    pub async fn check_out(&self, wanted: &Wanted, dir: PathBuf) -> Result<Checkout, GitError> {
        let io = |cause| GitError::Io { what: "checkout", cause };
        let mirror = self.path(wanted.project);
        let tag = fetch::tag(&Git::new(&mirror), wanted).await?;
        let checkout = Checkout { dir, mirror, wanted: wanted.clone(), tag };
        // Only this user may look in; the files themselves keep the modes that they shall have in the container.
        private_dir::make(&checkout.dir).and_then(|()| std::fs::create_dir(checkout.tree())).map_err(io)?;
        let git = Git::new(&checkout.mirror)
            .with("GIT_WORK_TREE", checkout.tree())
            .with("GIT_INDEX_FILE", checkout.index());
        // Without a lock: a fetch only adds objects, and the index is the checkout's own.
        git.run("read-tree", ["read-tree", "--reset", "-u", wanted.sha.as_str()]).await?;
        Ok(checkout)
    }
}

impl Checkout {
    pub(super) fn tree(&self) -> PathBuf {
        self.dir.join("tree")
    }

    pub(super) fn index(&self) -> PathBuf {
        self.dir.join("index")
    }
}

impl Drop for Checkout {
    fn drop(&mut self) {
        let dir = std::mem::take(&mut self.dir);
        // Thousands of files take a while: not on a thread that serves others.
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn_blocking(move || remove(&dir))),
            Err(_) => remove(&dir),
        }
    }
}

fn remove(dir: &Path) {
    if let Err(fault) = std::fs::remove_dir_all(dir)
        && fault.kind() != std::io::ErrorKind::NotFound
    {
        tracing::warn!(dir = %dir.display(), %fault, "a checkout could not be removed");
    }
}
