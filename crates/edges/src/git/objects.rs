//! Git object ids of a commit's paths, with modes: a change is detected without reading content.

use super::{Git, GitError, Mirrors, Wanted};
use kozmic_model::install::TrackedPath;
use std::{collections::HashMap, ffi::OsStr};

impl Mirrors {
    /// For each path of a fetched commit, in the given order, the mode and the object's id, such as `100755:d6ac…`;
    /// none if the path does not exist. The id of a directory covers its whole content, the id of a link its target's
    /// name. A submodule has the id of its commit.
    ///
    /// # Errors
    /// The mirror does not have the commit, or is damaged.
    pub async fn objects(
        &self,
        wanted: &Wanted,
        paths: &[TrackedPath],
    ) -> Result<Vec<Option<String>>, GitError> {
        if paths.is_empty() {
            return Ok(Vec::new());
        }
        let _reading = self.reading.of(wanted.project).read_owned().await;
        // With -t: if a directory and a path in it are both tracked, both are listed.
        let options = ["ls-tree", "-t", "-z", "--full-tree", wanted.sha.as_str(), "--"];
        let inside = paths.iter().filter(|path| !path.is_everything()).map(TrackedPath::as_str);
        let arguments = options.into_iter().chain(inside).map(OsStr::new);
        let git = Git::new(&self.path(wanted.project)).with("GIT_LITERAL_PATHSPECS", "1");
        let output = git.output("ls-tree", arguments).await?;
        let mut found = output.split(|byte| *byte == 0).filter_map(entry).collect::<HashMap<_, _>>();
        if let Some(root) = paths.iter().find(|path| path.is_everything()) {
            found.insert(root.as_str().as_bytes(), self.root(wanted).await?);
        }
        Ok(paths.iter().map(|path| found.get(path.as_str().as_bytes()).cloned()).collect())
    }

    /// The mode and id of a commit's root directory, as of a directory inside of another one.
    async fn root(&self, wanted: &Wanted) -> Result<String, GitError> {
        let tree = format!("{}^{{tree}}", wanted.sha);
        let arguments = ["rev-parse", "--verify", "--quiet", tree.as_str()].map(OsStr::new);
        let id = Git::new(&self.path(wanted.project)).output("rev-parse", arguments).await?;
        Ok(format!("040000:{}", String::from_utf8_lossy(&id).trim_end()))
    }
}

/// Reads `<mode> <type> <id>\t<path>`.
fn entry(line: &[u8]) -> Option<(&[u8], String)> {
    let tab = line.iter().position(|byte| *byte == b'\t')?;
    let mut words = std::str::from_utf8(&line[..tab]).ok()?.split(' ');
    let (mode, _kind, id) = (words.next()?, words.next()?, words.next()?);
    Some((&line[tab + 1..], format!("{mode}:{id}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::{Credentials, GitRef};
    use kozmic_model::ids::ProjectId;
    use std::{fs, os::unix::fs::symlink, path::Path, process::Command};

    fn git(dir: &Path, arguments: &[&str]) -> String {
        let person = ["-c", "user.name=A", "-c", "user.email=a@example.org"];
        let output = Command::new("git").arg("-C").arg(dir).args(person).args(arguments).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// A mirror with one commit of files with odd names.
    fn mirror(dir: &Path) -> (Mirrors, Wanted) {
        let tree = dir.join("tree");
        fs::create_dir_all(tree.join("dir/deep")).unwrap();
        for name in ["run", "dir/deep/a", "dir/b", ":(glob)*", "ü \"x\"", "[ab]", "-x"] {
            fs::write(tree.join(name), name).unwrap();
        }
        symlink("dir", tree.join("link")).unwrap();
        git(&tree, &["init", "--quiet", "."]);
        git(&tree, &["add", "."]);
        git(&tree, &["update-index", "--chmod=+x", "run"]);
        let module = format!("160000,{},module", "a".repeat(40));
        git(&tree, &["update-index", "--add", "--cacheinfo", &module]);
        git(&tree, &["commit", "--quiet", "-m", "One"]);
        let mirrors = Mirrors::open(dir.join("mirrors")).unwrap();
        fs::rename(tree.join(".git"), mirrors.path(ProjectId(1))).unwrap();
        let sha = git(&mirrors.path(ProjectId(1)), &["rev-parse", "HEAD"]).parse().unwrap();
        let git_ref = GitRef::Branch("main".to_owned());
        let remote_ref = git_ref.to_string();
        let url = String::new();
        let (default_branch, since) = ("main".to_owned(), std::time::Instant::now());
        let credentials = Credentials::Open;
        (
            mirrors,
            Wanted {
                project: ProjectId(1),
                url,
                credentials,
                git_ref,
                remote_ref,
                sha,
                default_branch,
                since,
            },
        )
    }

    #[tokio::test]
    async fn each_path_is_told_in_order_whatever_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let (mirrors, wanted) = mirror(dir.path());
        let names = [
            "run",
            "missing",
            "dir",
            "dir/deep/a",
            "dir/deep",
            "link",
            "link/b",
            "module",
            "module/x",
            "run/x",
            ":(glob)*",
            "ü \"x\"",
            "[ab]",
            "-x",
            "di",
            "*",
            ".",
        ];
        let paths = names.map(|name| name.parse::<TrackedPath>().unwrap());
        let found = mirrors.objects(&wanted, &paths).await.unwrap();
        let id = |path: &str| git(&mirrors.path(ProjectId(1)), &["rev-parse", &format!("HEAD:{path}")]);
        let told = |mode: &str, path: &str| Some(format!("{mode}:{}", id(path)));
        assert_eq!(
            found,
            [
                told("100755", "run"),
                None,
                told("040000", "dir"),
                told("100644", "dir/deep/a"),
                told("040000", "dir/deep"),
                told("120000", "link"),
                None,
                Some(format!("160000:{}", "a".repeat(40))),
                None,
                None,
                told("100644", ":(glob)*"),
                told("100644", "ü \"x\""),
                told("100644", "[ab]"),
                told("100644", "-x"),
                None,
                None,
                told("040000", ""),
            ]
        );
        let all = ["."].map(|name| name.parse::<TrackedPath>().unwrap());
        assert_eq!(mirrors.objects(&wanted, &all).await.unwrap(), [told("040000", "")]);
        assert!(mirrors.objects(&wanted, &[]).await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn a_commit_that_is_not_there_is_a_failure() {
        let dir = tempfile::tempdir().unwrap();
        let (mirrors, wanted) = mirror(dir.path());
        let wanted = Wanted { sha: "b".repeat(40).parse().unwrap(), ..wanted };
        let fault = mirrors.objects(&wanted, &["run".parse().unwrap()]).await.unwrap_err();
        assert!(matches!(fault, GitError::Failed { what: "ls-tree", .. }), "{fault}");
    }
}
