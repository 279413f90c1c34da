//! One commit for one attempt of a job, on disk until it is in its container: the files, and the objects of its
//! history. Removed when dropped.

use super::{
    Git, GitError, Mirrors, Wanted,
    layers::{Layers, beyond_trunk},
    packed::{OUTGOING, Packed},
    refs::Refs,
};
use crate::private_dir;
use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
};

/// One commit's files and objects from a mirror.
pub struct Checkout {
    dir: PathBuf,
    outgoing: PathBuf,
    pub(super) wanted: Wanted,
    pub(super) refs: Refs,
}

impl Mirrors {
    /// Puts the files of a fetched commit into `dir`, which must not exist.
    ///
    /// # Errors
    /// The disk is full, or the mirror is damaged.
    pub async fn check_out(&self, wanted: &Wanted, dir: PathBuf) -> Result<Checkout, GitError> {
        let io = GitError::io("checkout");
        let mirror = self.path(wanted.project);
        let git = Git::new(&mirror);
        let _reading = self.reading.of(wanted.project).read_owned().await;
        let refs = Refs::read(&git, &mirror, wanted).await?;
        let outgoing = mirror.join(OUTGOING).join(dir.file_name().unwrap_or(OsStr::new("one")));
        let checkout = Checkout { dir, outgoing, wanted: wanted.clone(), refs };
        checkout.make_directories().map_err(io)?;
        let objects = Box::pin(self.objects_of(&checkout, &mirror));
        tokio::try_join!(Box::pin(checkout.files(&mirror)), objects)?;
        Ok(checkout)
    }

    /// Packs the objects that the checkout's refs reach, and nothing else of the mirror. Jobs of one push that follow
    /// each other share the packs.
    async fn objects_of(&self, checkout: &Checkout, mirror: &Path) -> Result<(), GitError> {
        let git = Git::new(mirror);
        let (tips, packs) = (checkout.refs.tips(&checkout.wanted), checkout.packs());
        let packed = Packed::of(mirror, &tips);
        let _packing = self.packing.of(checkout.wanted.project).lock_owned().await;
        match packed.give(packs) {
            Ok(true) => return Ok(()),
            Ok(false) => {}
            Err(fault) => {
                tracing::warn!(%fault, "the packs that were kept cannot be used for a checkout, which packs anew");
                checkout.make_outgoing().map_err(GitError::io("checkout"))?;
            }
        }
        Layers::of(&git, mirror).trunk(&tips, packs).await?;
        beyond_trunk(&git, &tips, packs).await?;
        if let Err(fault) = packed.keep(packs) {
            tracing::warn!(%fault, "the packs of a checkout could not be kept for the next one");
        }
        Ok(())
    }
}

impl Checkout {
    fn make_directories(&self) -> std::io::Result<()> {
        // Only this user can read it.
        private_dir::make(&self.dir)?;
        fs::create_dir(self.tree())?;
        self.make_outgoing()
    }

    /// Makes the directory empty, whatever was there.
    fn make_outgoing(&self) -> std::io::Result<()> {
        if self.outgoing.exists() {
            fs::remove_dir_all(&self.outgoing)?;
        }
        fs::create_dir_all(&self.outgoing)
    }

    async fn files(&self, mirror: &Path) -> Result<(), GitError> {
        let git = Git::new(mirror).with("GIT_WORK_TREE", self.tree()).with("GIT_INDEX_FILE", self.index());
        // This needs no lock: a fetch only adds objects, and the index belongs to the checkout.
        git.run("read-tree", ["read-tree", "--reset", "-u", self.wanted.sha.as_str()]).await.map(drop)
    }

    pub(super) fn tree(&self) -> PathBuf {
        self.dir.join("tree")
    }

    pub(super) fn index(&self) -> PathBuf {
        self.dir.join("index")
    }

    /// The directory of the checkout's packs.
    pub(super) fn packs(&self) -> &Path {
        &self.outgoing
    }
}

impl Drop for Checkout {
    fn drop(&mut self) {
        let dirs = [std::mem::take(&mut self.dir), std::mem::take(&mut self.outgoing)];
        let remove = move || dirs.iter().for_each(|dir| remove(dir));
        // Removing thousands of files takes a while, so it must not block a thread that serves others.
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn_blocking(remove)),
            Err(_) => remove(),
        }
    }
}

fn remove(dir: &Path) {
    if let Err(fault) = fs::remove_dir_all(dir)
        && fault.kind() != std::io::ErrorKind::NotFound
    {
        tracing::warn!(dir = %dir.display(), %fault, "a checkout could not be removed");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::tests::forge::Forge;
    use std::{collections::BTreeSet, os::unix::fs::MetadataExt};

    /// The files of a checkout's packs on the disk, each with its number of names.
    fn files(checkout: &Checkout) -> BTreeSet<(u64, u64)> {
        let entries = fs::read_dir(checkout.packs()).unwrap();
        let of = |file: fs::Metadata| (file.ino(), file.nlink());
        entries.map(|entry| of(entry.unwrap().metadata().unwrap())).collect()
    }

    #[tokio::test]
    async fn a_second_checkout_of_the_same_refs_has_the_firsts_packs() {
        let forge = Forge::new();
        let wanted = forge.wanted("refs/heads/main", &forge.commit());
        forge.all(&wanted).await;
        let first = forge.mirrors.check_out(&wanted, forge.path("1-1")).await.unwrap();
        let second = forge.mirrors.check_out(&wanted, forge.path("2-1")).await.unwrap();
        assert_eq!(files(&first), files(&second));
        assert!(!files(&second).is_empty() && files(&second).iter().all(|(_, names)| *names == 3));
    }

    #[tokio::test]
    async fn kept_packs_that_cannot_be_used_end_no_checkout() {
        let forge = Forge::new();
        let wanted = forge.wanted("refs/heads/main", &forge.commit());
        forge.all(&wanted).await;
        let first = forge.mirrors.check_out(&wanted, forge.path("1-1")).await.unwrap();
        let objects = forge.objects(first.packs());
        let kept = fs::read_dir(forge.mirror().join(OUTGOING)).unwrap().map(|entry| entry.unwrap().path());
        let kept = kept.filter(|path| path.to_string_lossy().contains("/of-")).collect::<Vec<_>>();
        fs::create_dir(kept[0].join("no file")).unwrap();
        let second = forge.mirrors.check_out(&wanted, forge.path("2-1")).await.unwrap();
        assert_eq!(forge.objects(second.packs()), objects);
        let third = forge.mirrors.check_out(&wanted, forge.path("3-1")).await.unwrap();
        assert_eq!(files(&second), files(&third), "sound ones are kept in their place");
    }
}
