//! Checkouts whose files are larger than their objects, because of the commit's own attributes: `ident` makes files
//! eleven times as large, `working-tree-encoding` four times, `eol` twice.

use super::{Checkout, Git, GitError, Mirrors, Wanted, measure::BLOCK};
use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

/// The interval at which the size of git's output is checked.
const LOOK: Duration = Duration::from_secs(1);

/// The words of such attributes, and the files that contain them.
const WORDS: &str = "ident|working-tree-encoding|eol=crlf";
const FILES: &str = ":(top,glob)**/.gitattributes";

impl Mirrors {
    /// Puts the files of a measured commit into `dir`, as [`Mirrors::check_out`] does, with at most `most` bytes in
    /// all.
    ///
    /// # Errors
    /// [`GitError::TooLarge`] if they become larger; else as [`Mirrors::check_out`].
    pub async fn check_out_within(
        &self,
        wanted: &Wanted,
        dir: PathBuf,
        most: u64,
    ) -> Result<Checkout, GitError> {
        if !self.may_grow(wanted).await? {
            return self.check_out(wanted, dir).await;
        }
        let place = dir.clone();
        let watch = async {
            loop {
                tokio::time::sleep(LOOK).await;
                if let Err(fault) = within(&place, most).await {
                    return fault;
                }
            }
        };
        let checkout = tokio::select! {
            checkout = self.check_out(wanted, dir.clone()) => checkout?,
            fault = watch => return Err(fault),
        };
        within(&dir, most).await.map(|()| checkout)
    }

    /// True if the commit's attributes may make its files larger.
    async fn may_grow(&self, wanted: &Wanted) -> Result<bool, GitError> {
        if !self.measured.has_attributes(&wanted.sha) {
            return Ok(false);
        }
        let git = Git::new(&self.path(wanted.project));
        let look =
            ["grep", "--quiet", "--threads=1", "-w", "-E", "-e", WORDS, wanted.sha.as_str(), "--", FILES];
        match git.run("grep", look).await {
            Ok(_) => Ok(true),
            // Git found nothing, and reported no fault.
            Err(GitError::Failed { words, .. }) if words.is_empty() => Ok(false),
            Err(fault) => Err(fault),
        }
    }
}

async fn within(dir: &Path, most: u64) -> Result<(), GitError> {
    let dir = dir.to_owned();
    let size = tokio::task::spawn_blocking(move || size(&dir)).await.map_err(io::Error::other);
    match size.flatten().map_err(GitError::io("checkout"))? {
        size if size > most => Err(GitError::TooLarge { limit: most }),
        _ => Ok(()),
    }
}

/// The bytes in a directory, in whole blocks. Git may be writing there, so a file may be gone again.
fn size(dir: &Path) -> io::Result<u64> {
    let entries = match fs::read_dir(dir) {
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => return Ok(0),
        entries => entries?,
    };
    let mut sum = 0_u64;
    for entry in entries {
        let path = entry?.path();
        match path.symlink_metadata() {
            Ok(found) if found.is_dir() => sum = sum.saturating_add(BLOCK + size(&path)?),
            Ok(found) => sum = sum.saturating_add(found.len().next_multiple_of(BLOCK)),
            Err(fault) if fault.kind() == io::ErrorKind::NotFound => {}
            Err(fault) => return Err(fault),
        }
    }
    Ok(sum)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::{TreeSize, tests::forge::Forge};

    const MOST: TreeSize = TreeSize { files: 100, bytes: 1 << 20 };

    /// A commit with a file of 40,000 marks, and attributes.
    async fn measured(forge: &Forge, attributes: &str) -> Wanted {
        let (file, said) = (forge.blob(&"$Id$\n".repeat(40_000)), forge.blob(attributes));
        let below = forge.tree(&format!("100644 blob {said}\t.gitattributes\n100644 blob {file}\tfile\n"));
        let wanted = forge
            .wanted("refs/heads/main", &forge.commit_of(&forge.tree(&format!("040000 tree {below}\ta\n"))));
        forge.all(&wanted).await;
        forge.mirrors.measure(&wanted, MOST).await.unwrap();
        wanted
    }

    #[tokio::test]
    async fn files_that_grow_while_they_are_written_are_held_to_the_limit() {
        for attributes in ["* ident\n", "file text working-tree-encoding=UTF-32\n* ident\n"] {
            let forge = Forge::new();
            let wanted = measured(&forge, attributes).await;
            let checkout = forge.mirrors.check_out_within(&wanted, forge.path("1-1"), MOST.bytes).await;
            assert!(
                matches!(checkout, Err(GitError::TooLarge { limit }) if limit == MOST.bytes),
                "{attributes}"
            );
        }
    }

    #[tokio::test]
    async fn attributes_that_make_nothing_larger_than_the_limit_are_obeyed() {
        let forge = Forge::new();
        let wanted = measured(&forge, "* -text\nidentity binary\n").await;
        assert!(!forge.mirrors.may_grow(&wanted).await.unwrap());
        let forge = Forge::new();
        let wanted = measured(&forge, "* ident\n").await;
        let checkout =
            forge.mirrors.check_out_within(&wanted, forge.path("1-1"), 10 * MOST.bytes).await.unwrap();
        let file = fs::read_to_string(checkout.tree().join("a/file")).unwrap();
        assert!(file.starts_with("$Id: ") && file.len() > 1 << 20);
    }
}
