//! A forge for tests: a repository, and mirrors that may fetch from it.

use crate::git::{
    Credentials, Fetched, Git, GitError, Mirrors, Wanted,
    fetch::{bring, has},
    git_files,
    transport::Transport,
};
use kozmic_model::{git::Sha, ids::ProjectId};
use std::{
    collections::BTreeSet,
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// A repository, and mirrors that may fetch from it.
pub(in crate::git) struct Forge {
    dir: tempfile::TempDir,
    pub(in crate::git) mirrors: Mirrors,
}

impl Forge {
    pub(in crate::git) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mirrors = Mirrors::open(dir.path().join("mirrors")).unwrap();
        let forge = Self { dir, mirrors };
        forge.git(&["init", "--quiet", "--initial-branch=main", &forge.url()]);
        forge
    }

    pub(in crate::git) fn url(&self) -> String {
        self.dir.path().join("forge").display().to_string()
    }

    pub(in crate::git) fn git(&self, arguments: &[&str]) -> String {
        let dir = if self.dir.path().join("forge").exists() { self.url() } else { "/".to_owned() };
        let person = ["-C", &dir, "-c", "user.name=A", "-c", "user.email=a@example.org"];
        let output = Command::new("git").args(person).args(arguments).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    pub(in crate::git) fn commit(&self) -> Sha {
        self.git(&["commit", "--quiet", "--allow-empty", "-m", "One"]);
        self.git(&["rev-parse", "HEAD"]).parse().unwrap()
    }

    /// The id of an object with this text.
    pub(in crate::git) fn blob(&self, text: &str) -> String {
        self.feed(&["hash-object", "-w", "--stdin"], text)
    }

    /// The id of a tree with these entries, in the format of `ls-tree`.
    pub(in crate::git) fn tree(&self, entries: &str) -> String {
        self.feed(&["mktree"], entries)
    }

    /// A commit of a tree, on the branch main.
    pub(in crate::git) fn commit_of(&self, tree: &str) -> Sha {
        let sha = self.git(&["commit-tree", "-m", "One", tree]);
        self.git(&["update-ref", "refs/heads/main", &sha]);
        sha.parse().unwrap()
    }

    /// Git's answer to this input.
    fn feed(&self, arguments: &[&str], input: &str) -> String {
        let mut command = Command::new("git");
        command.args(["-C", &self.url()]).args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut git = command.spawn().unwrap();
        git.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let output = git.wait_with_output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    pub(in crate::git) fn mirror(&self) -> PathBuf {
        self.mirrors.path(ProjectId(1))
    }

    pub(in crate::git) fn wanted(&self, git_ref: &str, sha: &Sha) -> Wanted {
        Wanted {
            project: ProjectId(1),
            url: self.url(),
            credentials: Credentials::Open,
            git_ref: git_ref.parse().unwrap(),
            remote_ref: git_ref.to_owned(),
            sha: sha.clone(),
            default_branch: "main".to_owned(),
            since: std::time::Instant::now(),
        }
    }

    pub(in crate::git) async fn has(&self, wanted: &Wanted) -> bool {
        has(&Git::new(&self.mirror()), &self.mirror(), wanted).await.unwrap()
    }

    pub(in crate::git) async fn bring(&self, wanted: &Wanted) -> Result<Fetched, GitError> {
        let transport = Transport::Http(Git::new(&self.mirror()).with("GIT_ALLOW_PROTOCOL", "file"));
        bring(&transport, &self.mirror(), wanted).await
    }

    /// Fetches the commit with the default branch and the tags.
    pub(in crate::git) async fn all(&self, wanted: &Wanted) {
        let fetched = self.bring(wanted).await.unwrap();
        assert!(matches!(fetched, Fetched::All), "{fetched:?}");
    }

    /// The refs that the commit's job sees beside the commit's branch, one a line.
    pub(in crate::git) async fn packed_refs(&self, wanted: &Wanted, name: &str) -> String {
        let checkout = self.mirrors.check_out(wanted, self.dir.path().join(name)).await.unwrap();
        let all = git_files::packed_refs(wanted, &checkout.refs);
        all.strip_prefix("# pack-refs with: sorted \n").unwrap().to_owned()
    }

    pub(in crate::git) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// All objects in the packs of a directory.
    pub(in crate::git) fn objects(&self, packs: &Path) -> BTreeSet<String> {
        let mut there = BTreeSet::new();
        for entry in fs::read_dir(packs).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|kind| kind == "idx") {
                let listing = self.git(&["verify-pack", "-v", path.to_str().unwrap()]);
                let first = listing.lines().filter_map(|line| line.split(' ').next());
                there.extend(first.filter(|word| word.len() == 40).map(str::to_owned));
            }
        }
        there
    }
}
