//! The last step of a checkout, in its container: git learns the facts of the files that only the container's disk has.
//!
//! Git also compares a file's inode number and the time of its last change of any kind. Neither is known in advance. So
//! the index comes twice. The first one is for a container without git: it is as old as the oldest file, so git
//! compares that file's content. Its configuration tells git to ignore the unknown facts. The second one seems newer
//! than all files, so that git trusts it without reading them. The container's own git adds the missing facts to it.
//! Then it replaces the first one, and the configuration becomes that of any clone.

/// The names of the second index and configuration in `.git`, until they replace the first ones.
pub(super) const INDEX: &str = "kozmic-index";
pub(super) const CONFIG: &str = "kozmic-config";

/// A command for a shell in the work tree. It prints nothing, and if it fails, the repository is still intact.
///
/// `--really-refresh` stores all facts of a file that matches the index, if files are to be assumed unchanged; this
/// assumption is removed at once. It skips files that were checked before, as git does with several threads if there
/// are many files. `ls-files --debug` shows by the first file if it worked.
pub const SETTLE: &str = r#"(
[ -f .git/kozmic-index ] || exit
unset GIT_OBJECT_DIRECTORY GIT_ALTERNATE_OBJECT_DIRECTORIES GIT_COMMON_DIR GIT_NAMESPACE GIT_TRACE
export GIT_DIR=.git GIT_WORK_TREE=. GIT_INDEX_FILE=.git/kozmic-index
export GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null
git ls-files -z |
git -c core.preloadIndex=false -c core.ignoreStat=true update-index --really-refresh --no-assume-unchanged -z --stdin &&
git ls-files --debug | while read -r line; do
case $line in "dev: 0"*"ino: 0") exit 1;; dev:*) exit 0;; esac
done && mv -f .git/kozmic-config .git/config && mv -f .git/kozmic-index .git/index ||
rm -f .git/kozmic-config .git/kozmic-index
) </dev/null >/dev/null 2>&1"#;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::{Credentials, Destination, GitRef, Mirrors, Ownership, Wanted};
    use kozmic_model::ids::ProjectId;
    use std::{fs, os::unix::fs::MetadataExt, path::Path, process::Command};

    fn run(dir: &Path, program: &str, arguments: &[&str]) -> String {
        let output = Command::new(program).args(arguments).current_dir(dir).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn git(dir: &Path, arguments: &str) -> String {
        let person = ["-c", "user.name=A", "-c", "user.email=a@example.org"];
        run(dir, "git", &[&person[..], &arguments.split(' ').collect::<Vec<_>>()].concat())
    }

    /// A checkout of two files, as it arrives in a container.
    async fn unpacked(dir: &Path) -> std::path::PathBuf {
        let source = dir.join("source");
        fs::create_dir(&source).unwrap();
        git(&source, "init --quiet --initial-branch=main");
        fs::write(source.join("a"), "hello\n").unwrap();
        fs::write(source.join("b"), "").unwrap();
        // Enough files that git would check them with several threads.
        fs::create_dir(source.join("many")).unwrap();
        for number in 0..1_500 {
            fs::write(source.join("many").join(number.to_string()), "").unwrap();
        }
        git(&source, "add .");
        git(&source, "commit --quiet -m One");
        let sha = git(&source, "rev-parse HEAD").trim().parse().unwrap();
        let mirrors = Mirrors::open(dir.join("mirrors")).unwrap();
        fs::rename(source.join(".git"), mirrors.path(ProjectId(1))).unwrap();
        let wanted = Wanted {
            project: ProjectId(1),
            url: String::new(),
            credentials: Credentials::Open,
            git_ref: GitRef::Branch("main".to_owned()),
            remote_ref: "refs/heads/main".to_owned(),
            sha,
            default_branch: "main".to_owned(),
            since: std::time::Instant::now(),
        };
        let checkout = mirrors.check_out(&wanted, dir.join("work")).await.unwrap();
        let Some((uid, gid)) = fs::metadata(dir).ok().map(|own| (own.uid().into(), own.gid().into())) else {
            unreachable!("the directory is there")
        };
        let to = Destination { tree: "tree".to_owned(), owner: Ownership { uid, gid }, settles: true };
        let mut archive = checkout.into_archive(to, vec![]);
        let mut tar = Vec::new();
        while let Some(chunk) = archive.recv().await {
            tar.extend(chunk.unwrap());
        }
        tar::Archive::new(&tar[..]).unpack(dir.join("out")).unwrap();
        dir.join("out/tree")
    }

    fn settle(tree: &Path, path: &str) {
        let status =
            Command::new("/bin/sh").args(["-c", SETTLE]).env("PATH", path).current_dir(tree).status();
        status.unwrap();
        assert!(!tree.join(".git/kozmic-index").exists() && !tree.join(".git/kozmic-config").exists());
        assert_eq!(git(tree, "diff-files --name-status") + &git(tree, "diff-index HEAD"), "");
    }

    #[tokio::test]
    async fn git_knows_all_of_a_file_and_assumes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let tree = unpacked(dir.path()).await;
        settle(&tree, &std::env::var("PATH").unwrap());
        let known = git(&tree, "ls-files --debug");
        for name in ["a", "b", "many/0", "many/1499"] {
            let ino = fs::metadata(tree.join(name)).unwrap().ino();
            assert!(known.contains(&format!("ino: {}\n", ino & 0xffff_ffff)), "{known}");
        }
        assert!(git(&tree, "ls-files -v").lines().all(|line| line.starts_with("H ")));
        assert!(!git(&tree, "config --local --list").contains("stat"));
        git(&tree, "fsck --full --strict");
    }

    #[tokio::test]
    async fn without_git_there_a_file_is_compared_by_its_content() {
        let dir = tempfile::tempdir().unwrap();
        let tree = unpacked(dir.path()).await;
        let programs = dir.path().join("bin");
        fs::create_dir(&programs).unwrap();
        for name in ["mv", "rm"] {
            std::os::unix::fs::symlink(format!("/bin/{name}"), programs.join(name)).unwrap();
        }
        settle(&tree, programs.to_str().unwrap());
        let before = fs::metadata(tree.join("a")).unwrap().modified().unwrap();
        fs::write(tree.join("a"), "HELLO\n").unwrap();
        fs::File::options().write(true).open(tree.join("a")).unwrap().set_modified(before).unwrap();
        assert_eq!(git(&tree, "diff-files --name-status"), "M\ta\n");
    }
}
