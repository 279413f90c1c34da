//! Keeps the packs of a mirror's last checkout for the next one, which most often belongs to the same push. They are
//! removed when other packs replace them, and after some time.

use super::refs::Tips;
use sha2::{Digest, Sha256};
use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

/// The directory in a mirror with the objects of each checkout. It is on the mirror's disk, because git moves objects
/// there.
pub(super) const OUTGOING: &str = "outgoing";

/// The prefix of directories with kept packs. Directories of checkouts begin with a job's number.
const NAME: &str = "of-";

/// The place of the packs with everything that some tips reach.
pub(super) struct Packed {
    outgoing: PathBuf,
    name: String,
}

impl Packed {
    pub(super) fn of(mirror: &Path, tips: &Tips) -> Self {
        let mut sum = Sha256::new();
        for (kind, tips) in [("trunk", &tips.trunk), ("all", &tips.all)] {
            sum.update(format!("{kind} {}\n", tips.join(" ")));
        }
        Self { outgoing: mirror.join(OUTGOING), name: format!("{NAME}{}", hex::encode(sum.finalize())) }
    }

    /// Puts the packs into the directory `to`, if they were kept.
    pub(super) fn give(&self, to: &Path) -> io::Result<bool> {
        let dir = self.outgoing.join(&self.name);
        if !dir.exists() {
            return Ok(false);
        }
        link_all(&dir, to).map(|()| true)
    }

    /// Keeps the packs in the directory `from`, and removes those that were kept before.
    pub(super) fn keep(&self, from: &Path) -> io::Result<()> {
        drop_kept(&self.outgoing, Duration::ZERO)?;
        let begun = self.outgoing.join(format!("{NAME}begun"));
        fs::create_dir(&begun)?;
        link_all(from, &begun)?;
        fs::rename(begun, self.outgoing.join(&self.name))
    }
}

/// Removes the packs of a mirror that were kept for this time or longer.
pub(super) fn forget(mirror: &Path, kept_for: Duration) -> io::Result<()> {
    match drop_kept(&mirror.join(OUTGOING), kept_for) {
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => Ok(()),
        dropped => dropped,
    }
}

fn drop_kept(outgoing: &Path, kept_for: Duration) -> io::Result<()> {
    for entry in fs::read_dir(outgoing)? {
        let entry = entry?;
        let is_kept = entry.file_name().to_string_lossy().starts_with(NAME);
        if is_kept && age(&entry)? >= kept_for {
            fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}

/// The time since packs were put into a directory; zero if the clock was put back since.
fn age(dir: &fs::DirEntry) -> io::Result<Duration> {
    Ok(dir.metadata()?.modified()?.elapsed().unwrap_or_default())
}

fn link_all(from: &Path, to: &Path) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        fs::hard_link(entry.path(), to.join(entry.file_name()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;

    fn tips(trunk: &[&str], all: &[&str]) -> Tips {
        let owned = |tips: &[&str]| tips.iter().map(|tip| (*tip).to_owned()).collect();
        Tips { trunk: owned(trunk), all: owned(all) }
    }

    #[test]
    fn packs_are_given_again_for_the_same_tips_until_others_are_kept() {
        let mirror = tempfile::tempdir().unwrap();
        let dir = |name: &str| {
            let dir = mirror.path().join(OUTGOING).join(name);
            fs::create_dir_all(&dir).unwrap();
            dir
        };
        let first = Packed::of(mirror.path(), &tips(&["a"], &["a", "b"]));
        fs::write(dir("1-1").join("pack-1.idx"), "one").unwrap();
        assert!(!first.give(&dir("2-1")).unwrap());
        first.keep(&dir("1-1")).unwrap();
        fs::remove_dir_all(dir("1-1")).unwrap();
        assert!(first.give(&dir("2-1")).unwrap());
        let given = dir("2-1").join("pack-1.idx");
        assert_eq!(
            (fs::read_to_string(&given).unwrap(), given.metadata().unwrap().nlink()),
            ("one".into(), 2)
        );

        let other = Packed::of(mirror.path(), &tips(&["a", "b"], &["a", "b"]));
        assert!(!other.give(&dir("3-1")).unwrap(), "tips of other kinds are others");
        other.keep(&dir("3-1")).unwrap();
        assert!(other.give(&dir("4-1")).unwrap() && !first.give(&dir("4-1")).unwrap());
    }

    #[test]
    fn what_was_half_kept_is_in_nobodys_way() {
        let mirror = tempfile::tempdir().unwrap();
        let outgoing = mirror.path().join(OUTGOING);
        fs::create_dir_all(outgoing.join("of-begun")).unwrap();
        fs::create_dir(outgoing.join("1-1")).unwrap();
        let packed = Packed::of(mirror.path(), &tips(&[], &[]));
        packed.keep(&outgoing.join("1-1")).unwrap();
        assert!(packed.give(&outgoing.join("1-1")).unwrap());
    }
}
