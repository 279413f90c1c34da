//! The paths in which two commits of a mirror differ.

use super::{Git, GitError, Mirrors, listing::next};
use kozmic_model::{
    git::Sha,
    ids::ProjectId,
    touched::{Span, Start},
};
use std::path::Path;
use tokio::io::BufReader;

/// The most paths that are listed.
const MOST_PATHS: usize = 50_000;

/// The most bytes of all paths together. They are held in memory, and compared with patterns.
const MOST_BYTES: usize = 2 * 1024 * 1024;

/// The longest path that git lists, in bytes.
const LONGEST_PATH: usize = 4_096;

impl Mirrors {
    /// The paths in which two commits differ. A file that was renamed counts with both of its names. None if the mirror
    /// lacks a commit, if the commits have no common history, or if a branch whose commit was not told has the change
    /// by now.
    ///
    /// # Errors
    /// [`GitError::TooManyEntries`] if there are too many; else the mirror is damaged.
    pub async fn changed(&self, project: ProjectId, span: &Span) -> Result<Option<Vec<String>>, GitError> {
        let mirror = self.path(project);
        if !mirror.exists() {
            return Ok(None);
        }
        let _reading = self.reading.of(project).read_owned().await;
        match start(&mirror, span).await? {
            Some(from) => differing(&mirror, &from, &span.to).await.map(Some),
            None => Ok(None),
        }
    }
}

/// The older commit, if both are there.
async fn start(mirror: &Path, Span { from, to }: &Span) -> Result<Option<String>, GitError> {
    let git = Git::new(mirror);
    if !git.has_commit(to).await? {
        return Ok(None);
    }
    let other = match from {
        Start::Commit(sha) => return Ok(git.has_commit(sha).await?.then(|| sha.to_string())),
        Start::Branch { tip: Some(tip), .. } => tip.to_string(),
        Start::Branch { name, tip: None } => format!("refs/heads/{name}"),
    };
    let is_told = !other.starts_with("refs/");
    match git.run("merge-base", ["merge-base", &other, to.as_str()]).await {
        Ok(base) => Ok(base.lines().next().filter(|base| is_told || *base != to.as_str()).map(str::to_owned)),
        Err(GitError::Failed { .. }) => Ok(None),
        Err(fault) => Err(fault),
    }
}

async fn differing(mirror: &Path, from: &str, to: &Sha) -> Result<Vec<String>, GitError> {
    let options = ["diff-tree", "-r", "-z", "--name-only", "--no-renames", "--no-ext-diff"];
    let arguments = options.into_iter().chain([from, to.as_str(), "--"]);
    let read = async |_, output| {
        let (mut output, mut entry) = (BufReader::new(output), Vec::new());
        let (mut paths, mut bytes) = (Vec::new(), 0);
        while next(&mut output, &mut entry, LONGEST_PATH).await.map_err(GitError::io("diff-tree"))?.is_some()
        {
            bytes += entry.len();
            if paths.len() == MOST_PATHS || bytes > MOST_BYTES {
                return Err(GitError::TooManyEntries { limit: MOST_PATHS as u64 });
            }
            paths.push(String::from_utf8_lossy(&entry).into_owned());
        }
        Ok(paths)
    };
    Git::new(mirror).converse("diff-tree", arguments, read).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::tests::forge::Forge;
    use std::fs;

    fn write(forge: &Forge, path: &str, text: &str) -> Sha {
        let file = forge.path("forge").join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
        forge.git(&["add", "--all"]);
        forge.commit()
    }

    async fn changed(forge: &Forge, from: Start, to: &Sha) -> Option<Vec<String>> {
        forge.mirrors.changed(ProjectId(1), &Span { from, to: to.clone() }).await.unwrap()
    }

    #[tokio::test]
    async fn a_comparison_lists_both_names_of_a_file_and_odd_ones() {
        let forge = Forge::new();
        let first = write(&forge, "src/old name", "text");
        forge.git(&["mv", "src/old name", "src/ü"]);
        write(&forge, "a\nb", "x");
        let last = write(&forge, "c", "x");
        assert_eq!(changed(&forge, Start::Commit(first.clone()), &last).await, None, "no mirror yet");
        forge.all(&forge.wanted("refs/heads/main", &last)).await;
        let all = ["a\nb", "c", "src/old name", "src/ü"].map(str::to_owned).to_vec();
        assert_eq!(changed(&forge, Start::Commit(first.clone()), &last).await, Some(all));
        assert_eq!(changed(&forge, Start::Commit(last.clone()), &last).await, Some(Vec::new()));
        let unknown = "e".repeat(40).parse::<Sha>().unwrap();
        assert_eq!(changed(&forge, Start::Commit(unknown.clone()), &last).await, None);
        assert_eq!(changed(&forge, Start::Commit(last), &unknown).await, None);
    }

    #[tokio::test]
    async fn a_branch_is_compared_at_the_commit_where_it_left_the_other() {
        let forge = Forge::new();
        write(&forge, "base", "x");
        forge.git(&["checkout", "--quiet", "-b", "topic"]);
        let topic = write(&forge, "of-topic", "x");
        forge.git(&["checkout", "--quiet", "main"]);
        let main = write(&forge, "of-main", "x");
        forge.all(&forge.wanted("refs/heads/topic", &topic)).await;
        for tip in [None, Some(main)] {
            let from = Start::Branch { name: "main".into(), tip };
            assert_eq!(changed(&forge, from, &topic).await, Some(vec!["of-topic".to_owned()]));
        }
        let from = Start::Branch { name: "nothing".into(), tip: None };
        assert_eq!(changed(&forge, from, &topic).await, None);
        let from = Start::Branch { name: "topic".into(), tip: None };
        assert_eq!(changed(&forge, from, &topic).await, None, "it was merged by now");
    }
}
