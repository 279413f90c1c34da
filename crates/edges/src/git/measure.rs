//! Measures a commit's files before any of them is written: a few kilobytes of objects may stand for millions of files.

use super::{Git, GitError, Mirrors, Wanted, listing::next};
use kozmic_model::git::Sha;
use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};
use tokio::io::{AsyncBufRead, BufReader};

/// The bytes of a disk block: a file takes whole blocks, and a directory takes one.
pub(super) const BLOCK: u64 = 4096;

/// The most bytes before a path: mode, kind, id, size.
const LONGEST_FACTS: usize = 256;

/// The longest entry, in bytes: no system can open a file with such a long path.
const LONGEST_ENTRY: u64 = 8 * 1024;

/// The name of git's attribute files.
const ATTRIBUTES: &[u8] = b".gitattributes";

/// The number of commits whose size is remembered: the jobs of one push follow each other.
const REMEMBERED: usize = 64;

/// The size of a tree of files on a disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TreeSize {
    /// Files and directories.
    pub files: u64,
    /// The bytes, in whole blocks of 4 KiB.
    pub bytes: u64,
}

/// Facts about a commit's files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Facts {
    size: TreeSize,
    /// True if attribute files are among them.
    has_attributes: bool,
}

/// Facts about the commits that were measured last.
#[derive(Debug, Default)]
pub(super) struct Measured(Mutex<VecDeque<(Sha, Facts)>>);

impl Mirrors {
    /// The size of the files of a fetched commit.
    ///
    /// # Errors
    /// [`GitError::TooManyEntries`] and [`GitError::TooLarge`] beyond `most`; else the mirror is damaged.
    pub async fn measure(&self, wanted: &Wanted, most: TreeSize) -> Result<TreeSize, GitError> {
        let facts = match self.measured.of(&wanted.sha) {
            Some(facts) => facts,
            None => {
                let _reading = self.reading.of(wanted.project).read_owned().await;
                let git = Git::new(&self.path(wanted.project));
                let options = ["ls-tree", "-r", "-t", "-l", "-z", "--full-tree", wanted.sha.as_str()];
                let count = async |_, output| count(BufReader::new(output), most).await;
                let facts = git.converse("ls-tree", options, count).await?;
                self.measured.note(&wanted.sha, facts);
                facts
            }
        };
        facts.size.within(most)
    }
}

impl Measured {
    fn of(&self, sha: &Sha) -> Option<Facts> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.iter().find(|(other, _)| other == sha).map(|(_, facts)| *facts)
    }

    fn note(&self, sha: &Sha, facts: Facts) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.truncate(REMEMBERED - 1);
        known.push_front((sha.clone(), facts));
    }

    /// True if a commit may have attributes. This includes commits that were not measured, or too long ago.
    pub(super) fn has_attributes(&self, sha: &Sha) -> bool {
        self.of(sha).is_none_or(|facts| facts.has_attributes)
    }
}

impl TreeSize {
    fn within(self, most: Self) -> Result<Self, GitError> {
        if self.files > most.files {
            return Err(GitError::TooManyEntries { limit: most.files });
        }
        if self.bytes > most.bytes {
            return Err(GitError::TooLarge { limit: most.bytes });
        }
        Ok(self)
    }
}

/// Counts the entries of git's list, up to the first one beyond the limit.
async fn count(mut list: impl AsyncBufRead + Unpin, most: TreeSize) -> Result<Facts, GitError> {
    let (mut facts, mut entry) = (Facts::default(), Vec::new());
    while let Some(length) =
        next(&mut list, &mut entry, LONGEST_FACTS).await.map_err(GitError::io("ls-tree"))?
    {
        if length > LONGEST_ENTRY {
            return Err(GitError::LongPath { length });
        }
        let size = &mut facts.size;
        size.files += 1;
        size.bytes = size.bytes.saturating_add(bytes(&entry).next_multiple_of(BLOCK).max(BLOCK));
        size.within(most)?;
        // The end of a long path is unknown.
        facts.has_attributes |= entry.ends_with(ATTRIBUTES) || length > LONGEST_FACTS as u64;
    }
    Ok(facts)
}

/// The size in `<mode> <kind> <id> <size>\t…`; directories and submodules have none.
fn bytes(facts: &[u8]) -> u64 {
    let facts = facts.split(|byte| *byte == b'\t').next().unwrap_or_default();
    let size = facts.rsplit(|byte| *byte == b' ').next().unwrap_or_default();
    std::str::from_utf8(size).ok().and_then(|size| size.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::tests::forge::Forge;
    use std::fs;

    const MOST: TreeSize = TreeSize { files: 1_000, bytes: 1 << 30 };

    #[tokio::test]
    async fn files_and_directories_are_counted_in_blocks() {
        let list = [
            "100644 blob 1234    4096\ta",
            "040000 tree 1234       -\tb",
            "100755 blob 1234    4097\tb/c\td",
            "160000 commit 1234       -\te",
            "100644 blob 1234       0\tf",
        ];
        let list = list.map(|entry| format!("{entry}\0")).concat();
        let facts = count(list.as_bytes(), MOST).await.unwrap();
        let size = TreeSize { files: 5, bytes: (1 + 1 + 2 + 1 + 1) * BLOCK };
        assert_eq!(facts, Facts { size, has_attributes: false });
        let long = |length: usize| [b"100644 blob 1 7\t".as_slice(), &vec![b'x'; length], b"\0"].concat();
        let size = TreeSize { files: 1, bytes: BLOCK };
        assert_eq!(count(&long(8_000)[..], MOST).await.unwrap(), Facts { size, has_attributes: true });
        let fault = count(&long(100_000)[..], MOST).await.unwrap_err().to_string();
        assert_eq!(fault, "the commit has a path of about 100016 bytes, and no system opens more than 4095");
        assert_eq!(bytes(b"100644 blob 1 99999999999999999999999\ta"), 0, "git writes no such number");
    }

    #[tokio::test]
    async fn the_list_is_read_no_further_than_to_what_is_too_much() {
        let entry = b"100644 blob 1 1048576\ta\0";
        let all = entry.repeat(100);
        let mut list = &all[..];
        let fault = count(&mut list, TreeSize { files: 10, bytes: u64::MAX }).await.unwrap_err();
        assert_eq!(fault.to_string(), "the commit has more than 10 files and directories");
        assert_eq!(list.len(), 89 * entry.len());
        let fault = count(&all[..], TreeSize { files: 100, bytes: 10 << 20 }).await.unwrap_err();
        assert_eq!(fault.to_string(), "the commit's files take more than 10485760 bytes of a disk");
    }

    #[tokio::test]
    async fn a_bomb_of_a_few_trees_is_known_before_it_is_written() {
        let forge = Forge::new();
        // Eight levels, each with ten names for the level below: a hundred million files.
        let mut object = forge.blob("x");
        let mut mode = "100644 blob";
        for _ in 0..8 {
            let entries = (0..10).map(|n| format!("{mode} {object}\t{n}\n")).collect::<String>();
            (object, mode) = (forge.tree(&entries), "040000 tree");
        }
        let wanted = forge.wanted("refs/heads/main", &forge.commit_of(&object));
        forge.all(&wanted).await;
        let fault = forge.mirrors.measure(&wanted, MOST).await.unwrap_err();
        assert!(matches!(fault, GitError::TooManyEntries { limit: 1_000 }), "{fault}");
    }

    #[tokio::test]
    async fn a_commit_is_measured_once_and_held_to_each_limit() {
        let forge = Forge::new();
        let blob = forge.blob("x");
        let below = forge.tree(&format!("100644 blob {blob}\ta\n100755 blob {blob}\tb\n"));
        let sha = forge.commit_of(&forge.tree(&format!("040000 tree {below}\tc\n")));
        let wanted = forge.wanted("refs/heads/main", &sha);
        forge.all(&wanted).await;
        let size = forge.mirrors.measure(&wanted, MOST).await.unwrap();
        assert_eq!(size, TreeSize { files: 3, bytes: 3 * BLOCK });
        fs::remove_dir_all(forge.mirror()).unwrap();
        assert_eq!(forge.mirrors.measure(&wanted, MOST).await.unwrap(), size);
        let less = TreeSize { files: size.files - 1, ..MOST };
        assert!(matches!(forge.mirrors.measure(&wanted, less).await, Err(GitError::TooManyEntries { .. })));
        let less = TreeSize { bytes: size.bytes - 1, ..MOST };
        assert!(matches!(forge.mirrors.measure(&wanted, less).await, Err(GitError::TooLarge { .. })));
    }

    #[test]
    fn only_the_last_sizes_are_remembered() {
        let measured = Measured::default();
        let sha = |n: usize| format!("{n:040x}").parse::<Sha>().unwrap();
        for n in 0..100 {
            let size = TreeSize { files: n as u64, bytes: 0 };
            measured.note(&sha(n), Facts { size, has_attributes: false });
        }
        assert_eq!(measured.of(&sha(99)).unwrap().size.files, 99);
        assert!(
            measured.of(&sha(100 - REMEMBERED)).is_some() && measured.of(&sha(99 - REMEMBERED)).is_none()
        );
    }
}
