//! Repositories on this machine: a bare mirror for each project, and checkouts of single commits out of it.
//!
//! A push costs one fetch of what is new; everything else happens on the local disk.

mod archive;
mod checkout;
mod command;

pub use archive::{Archive, Extra, Ownership};
pub use checkout::Checkout;

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
use tokio::sync::RwLock;

/// The mirrors of one machine; cheap to clone.
#[derive(Clone)]
pub struct Mirrors {
    dir: Arc<Path>,
    /// Fetching writes, reading a checkout's objects reads.
    locks: Arc<Mutex<HashMap<ProjectId, Arc<RwLock<()>>>>>,
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
    /// Keeps mirrors in `dir`, which is made where it is missing.
    ///
    /// # Errors
    /// The directory cannot be made.
    pub fn open(dir: PathBuf) -> std::io::Result<Self> {
        std::fs::create_dir_all(&dir)?;
        Ok(Self { dir: dir.into(), locks: Arc::default() })
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
        let lock = self.lock_of(wanted.project);
        let _writing = lock.write().await;
        let mirror = self.path(wanted.project);
        let git = Git::new(&mirror);
        if !mirror.join("HEAD").exists() {
            git.init_bare().await?;
        } else if is_at(&mirror, wanted) {
            return Ok(());
        }
        let git = git.with_token(&wanted.url, wanted.token.as_ref());
        let by_ref = git.fetch(&wanted.url, &format!("+{0}:{0}", wanted.git_ref)).await;
        if is_at(&mirror, wanted) || git.has_commit(&wanted.sha).await? {
            return Ok(());
        }
        // The ref moved on or is gone; many servers still give a commit by its id.
        let by_sha = git.fetch(&wanted.url, wanted.sha.as_str()).await;
        match git.has_commit(&wanted.sha).await? {
            true => Ok(()),
            false => Err(explain(wanted, by_ref, by_sha)),
        }
    }

    fn path(&self, project: ProjectId) -> PathBuf {
        self.dir.join(format!("{project}.git"))
    }

    fn lock_of(&self, project: ProjectId) -> Arc<RwLock<()>> {
        let mut locks = self.locks.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(locks.entry(project).or_default())
    }
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
