//! Repositories on this machine: a bare mirror for each project, and checkouts of single commits out of it.
//!
//! A push costs one fetch of what is new; everything else happens on the local disk.

mod archive;
mod checkout;
mod command;
mod entries;
mod git_files;
mod repair;

pub use archive::{Archive, Extra, Ownership};
pub use checkout::Checkout;

use crate::private_dir;
use command::Git;
use kozmic_model::{
    git::{GitRef, Sha},
    ids::ProjectId,
};
use secrecy::SecretString;
use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};
use tokio::sync::Mutex as AsyncMutex;

/// The mirrors of one machine; cheap to clone.
#[derive(Clone)]
pub struct Mirrors {
    dir: Arc<Path>,
    /// One fetch at a time for each mirror. Who reads needs none: objects are only ever added.
    fetching: Arc<Mutex<HashMap<ProjectId, Arc<AsyncMutex<()>>>>>,
}

/// A commit that somebody wants to have.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Whose mirror.
    pub project: ProjectId,
    /// Where git fetches over HTTP.
    pub url: String,
    /// A token for repositories that not everybody may read.
    pub token: Option<SecretString>,
    /// The ref that the commit was on.
    pub git_ref: GitRef,
    /// The commit.
    pub sha: Sha,
}

/// Why a commit could not be had.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// The repository has no such commit (any more).
    #[error(
        "commit {sha} is not in the repository: {git_ref} was probably rewritten or deleted since the push"
    )]
    NoSuchCommit {
        /// The commit.
        sha: Sha,
        /// Where it was to be found.
        git_ref: GitRef,
    },
    /// Git said no; for a fetch, trying again may help.
    #[error("git {what} failed: {words}")]
    Failed {
        /// The command.
        what: &'static str,
        /// Git's own words.
        words: String,
    },
    /// Git took too long.
    #[error("git {what} took longer than {seconds} s")]
    TooSlow {
        /// The command.
        what: &'static str,
        /// The limit.
        seconds: u64,
    },
    /// The disk, or git is not installed.
    #[error("git {what} cannot run: {cause}")]
    Io {
        /// The command or step.
        what: &'static str,
        /// What the system said.
        #[source]
        cause: std::io::Error,
    },
}

impl Mirrors {
    /// Keeps mirrors in `dir`, which is made where it is missing, for this user only.
    ///
    /// # Errors
    /// The directory cannot be made.
    pub fn open(dir: PathBuf) -> std::io::Result<Self> {
        private_dir::make(&dir)?;
        repair::remove_remains(&dir)?;
        Ok(Self { dir: dir.into(), fetching: Arc::default() })
    }

    /// What `git --version` says.
    ///
    /// # Errors
    /// Git is not installed.
    pub async fn version() -> Result<String, GitError> {
        Git::new(Path::new("/")).run("version", ["version"]).await
    }

    /// Brings the wanted commit into the project's mirror, unless it is there.
    ///
    /// # Errors
    /// [`GitError::NoSuchCommit`] if the repository does not have it; else trying again may help.
    pub async fn fetch(&self, wanted: &Wanted) -> Result<(), GitError> {
        let mirror = self.path(wanted.project);
        let git = Git::new(&mirror);
        if has(&git, &mirror, wanted).await? {
            return Ok(());
        }
        let fetching = self.fetching(wanted.project);
        let _fetching = match fetching.try_lock() {
            Ok(free) => free,
            Err(_) => {
                let mine = fetching.lock().await;
                // Two jobs of one push want the same: the other brought it.
                if has(&git, &mirror, wanted).await? {
                    return Ok(());
                }
                mine
            }
        };
        bring(git, &mirror, wanted).await
    }

    fn path(&self, project: ProjectId) -> PathBuf {
        self.dir.join(format!("{project}.git"))
    }

    fn fetching(&self, project: ProjectId) -> Arc<AsyncMutex<()>> {
        let mut all = self.fetching.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(all.entry(project).or_default())
    }
}

/// Fetches the commit by its ref, else by its id.
async fn bring(git: Git, mirror: &Path, wanted: &Wanted) -> Result<(), GitError> {
    if !mirror.exists() {
        repair::make_whole(mirror).await?;
    }
    let git = git.with_token(&wanted.url, wanted.token.as_ref());
    let by_ref = git.fetch(&wanted.url, &format!("+{0}:{0}", wanted.git_ref)).await;
    if has(&git, mirror, wanted).await? {
        return Ok(());
    }
    // The ref moved on or is gone; many servers still give a commit by its id.
    let by_sha = git.fetch(&wanted.url, wanted.sha.as_str()).await;
    match git.has_commit(&wanted.sha).await? {
        true => Ok(()),
        false => Err(explain(wanted, by_ref, by_sha)),
    }
}

/// Whether the wanted commit is in the mirror, with all that it is made of: git shows a pack when it is whole.
async fn has(git: &Git, mirror: &Path, wanted: &Wanted) -> Result<bool, GitError> {
    Ok(mirror.exists() && (is_at(mirror, wanted) || git.has_commit(&wanted.sha).await?))
}

/// Whether the mirror's ref is at the wanted commit, which it is for nearly every push once it was fetched. Git moves
/// a ref last, so all of the commit is there. Asking git itself would cost a process.
fn is_at(mirror: &Path, wanted: &Wanted) -> bool {
    let at = std::fs::read_to_string(mirror.join(wanted.git_ref.to_string()));
    at.is_ok_and(|at| at.trim_end() == wanted.sha.as_str())
}

/// A repository that answers but lacks the commit is no reason to try again; one that does not answer is.
fn explain(wanted: &Wanted, by_ref: Result<(), GitError>, by_sha: Result<(), GitError>) -> GitError {
    let lacks_it = |words: &str| {
        [
            "not our ref",
            "couldn't find remote ref",
            "did not send all necessary objects",
            "unadvertised object",
        ]
        .iter()
        .any(|known| words.contains(known))
    };
    match (by_ref, by_sha) {
        (Err(GitError::Failed { what, words }), _) if !lacks_it(&words) => GitError::Failed { what, words },
        (Err(fault @ (GitError::TooSlow { .. } | GitError::Io { .. })), _) => fault,
        (_, Err(GitError::Failed { what, words })) if !lacks_it(&words) => GitError::Failed { what, words },
        (_, Err(fault @ (GitError::TooSlow { .. } | GitError::Io { .. }))) => fault,
        _ => GitError::NoSuchCommit { sha: wanted.sha.clone(), git_ref: wanted.git_ref.clone() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    fn git(dir: &Path, arguments: &str) -> String {
        let command = Command::new("git").arg("-C").arg(dir).args(arguments.split(' ')).output().unwrap();
        assert!(command.status.success(), "{command:?}");
        String::from_utf8(command.stdout).unwrap().trim().to_owned()
    }

    fn commit(mirror: &Path) -> Sha {
        let tree = git(mirror, "hash-object -t tree -w /dev/null");
        let person = "-c user.name=A -c user.email=a@example.org";
        git(mirror, &format!("{person} commit-tree -m One {tree}")).parse().unwrap()
    }

    fn wanted(sha: &str) -> Wanted {
        Wanted {
            project: ProjectId(1),
            url: "http://127.0.0.1:9/nowhere.git".to_owned(),
            token: None,
            git_ref: GitRef::Branch("main".to_owned()),
            sha: sha.parse().unwrap(),
        }
    }

    #[tokio::test]
    async fn a_commit_that_is_there_waits_for_no_fetch() {
        let dir = tempfile::tempdir().unwrap();
        let mirrors = Mirrors::open(dir.path().join("mirrors")).unwrap();
        let mirror = mirrors.path(ProjectId(1));
        repair::make_whole(&mirror).await.unwrap();
        let sha = commit(&mirror);
        let fetching = mirrors.fetching(ProjectId(1));
        let _other = fetching.lock().await;
        mirrors.fetch(&wanted(sha.as_str())).await.unwrap();
        let checkout = mirrors.check_out(&wanted(sha.as_str()), dir.path().join("work/1")).await.unwrap();
        let archive = checkout.into_archive("kozmic", Ownership { uid: 1, gid: 1 }, vec![]);
        assert!({ archive }.recv().await.unwrap().is_ok());
    }

    #[tokio::test]
    async fn what_another_fetch_brought_is_not_fetched_again() {
        let dir = tempfile::tempdir().unwrap();
        let mirrors = Mirrors::open(dir.path().into()).unwrap();
        let elsewhere = tempfile::tempdir().unwrap();
        git(elsewhere.path(), "init --bare --quiet .");
        let sha = commit(elsewhere.path());
        let fetching = mirrors.fetching(ProjectId(1));
        let other = fetching.lock().await;
        let wanted = wanted(sha.as_str());
        let second = mirrors.fetch(&wanted);
        let first = async {
            tokio::task::yield_now().await;
            std::fs::rename(elsewhere.path(), mirrors.path(ProjectId(1))).unwrap();
            drop(other);
        };
        tokio::join!(second, first).0.unwrap();
    }

    #[tokio::test]
    async fn a_repository_that_does_not_answer_is_a_failure() {
        let dir = tempfile::tempdir().unwrap();
        let mirrors = Mirrors::open(dir.path().into()).unwrap();
        let fault = mirrors.fetch(&wanted(&"a".repeat(40))).await.unwrap_err();
        assert!(matches!(fault, GitError::Failed { what: "fetch", .. }), "{fault}");
    }

    #[test]
    fn only_this_user_may_look_into_mirrors() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("mirrors");
        Mirrors::open(path.clone()).unwrap();
        assert_eq!(std::fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o700);
    }
}
