//! Repositories on this machine: a bare mirror for each project, and checkouts of single commits from it.
//!
//! A push costs one fetch of the new objects; everything else happens on the local disk. A mirror does not store its
//! origin: the repository may be renamed, or fetched over HTTP today and over SSH tomorrow.

mod archive;
mod changed;
mod checkout;
mod command;
mod entries;
mod error;
mod fetch;
mod files;
mod git_files;
mod index;
pub mod keys;
mod known_hosts;
mod layers;
mod listing;
mod locks;
mod measure;
mod grown;
mod objects;
mod orphans;
mod packed;
mod process;
mod refs;
mod repair;
mod scratch;
mod serve;
mod settle;
mod ssh;
mod ssh_host;
mod upkeep;
mod version;
mod wanted;
mod transport;
#[cfg(test)]
mod fuzz;

pub use archive::{Archive, Destination, Extra};
pub use checkout::Checkout;
pub use entries::Ownership;
pub use error::GitError;
pub use files::FileLimits;
pub use measure::TreeSize;
pub use serve::{Answer, Question, Shown};
pub use settle::SETTLE;
pub use wanted::{Credentials, Fetched, Wanted};

use crate::private_dir;
use command::Git;
use fetch::{bring, has};
use known_hosts::KnownHosts;
use kozmic_model::{git::GitRef, ids::ProjectId};
use locks::{Locks, SharedLocks};
use measure::Measured;
use ssh_host::SshHost;
use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use transport::Transport;

/// The mirrors of one machine; cheap to clone.
#[derive(Clone)]
pub struct Mirrors {
    dir: Arc<Path>,
    known_hosts: Arc<KnownHosts>,
    /// One fetch at a time for each mirror. Readers need no such lock: a fetch only adds objects.
    fetching: Locks,
    /// Packs are removed only while nobody reads.
    reading: SharedLocks,
    /// The start time of the last fetch that brought all refs.
    seen: Arc<Mutex<HashMap<ProjectId, Instant>>>,
    /// Only one job at a time checks and adds to the packs that jobs share.
    packing: Locks,
    measured: Arc<Measured>,
}

/// The longest time for asking a forge about a repository whose commit is already there.
const NEWS_LIMIT: Duration = Duration::from_secs(30);

impl Mirrors {
    /// Keeps mirrors in `dir`, which is made if it is missing, for this user only. The files of known servers are in
    /// `ssh` below it.
    ///
    /// # Errors
    /// The directory cannot be made.
    pub fn open(dir: PathBuf) -> std::io::Result<Self> {
        Self::open_knowing(dir, "")
    }

    /// The same, with servers that are known from the start. `known_hosts` has a line for each key, as OpenSSH has
    /// them.
    ///
    /// # Errors
    /// The directory cannot be made.
    pub fn open_knowing(dir: PathBuf, known_hosts: &str) -> std::io::Result<Self> {
        private_dir::make(&dir)?;
        // The path must be absolute, because programs run in directories of their own.
        let dir = dir.canonicalize()?;
        let known_hosts = KnownHosts::open(&dir.join("ssh"), known_hosts)?;
        private_dir::make(&keys_dir(&dir))?;
        orphans::end(&dir);
        repair::remove_remains(&dir)?;
        repair::empty(&keys_dir(&dir))?;
        Ok(Self {
            dir: dir.into(),
            known_hosts: Arc::new(known_hosts),
            fetching: Locks::default(),
            reading: SharedLocks::default(),
            seen: Arc::default(),
            packing: Locks::default(),
            measured: Arc::default(),
        })
    }

    /// The output of `ssh -V`.
    ///
    /// # Errors
    /// No OpenSSH client is installed.
    pub async fn ssh_version() -> Result<String, GitError> {
        ssh::version().await
    }

    /// Brings the wanted commit into the project's mirror, unless it is there, together with the tags and the default
    /// branch.
    ///
    /// # Errors
    /// [`GitError::NoSuchCommit`] if the repository does not have it, [`GitError::KeyRefused`] if the server does not
    /// accept the deploy key, [`GitError::HostKeyChanged`] if the server has another key than before: trying again
    /// changes nothing. After [`GitError::Failed`] and [`GitError::TooSlow`] it may help.
    pub async fn fetch(&self, wanted: &Wanted) -> Result<Fetched, GitError> {
        upkeep::note_used(&self.path(wanted.project));
        if self.has_all(wanted).await? {
            return Ok(Fetched::All);
        }
        let fetching = || self.fetching.of(wanted.project);
        let _fetching = match fetching().try_lock_owned() {
            Ok(free) => free,
            Err(_) => {
                let mine = fetching().lock_owned().await;
                // Two jobs of one push want the same commit, and the other one has fetched it.
                if self.has_all(wanted).await? {
                    return Ok(Fetched::All);
                }
                mine
            }
        };
        let (mirror, begun) = (self.path(wanted.project), Instant::now());
        let transport = Transport::of(wanted, &mirror, &keys_dir(&self.dir), Arc::clone(&self.known_hosts))?;
        let bring = Box::pin(bring(&transport, &mirror, wanted));
        let fetched = match has(&Git::new(&mirror), &mirror, wanted).await? {
            true => news(bring).await,
            false => bring.await?,
        };
        if let Fetched::All = fetched {
            self.note_seen(wanted.project, begun);
        }
        Ok(fetched)
    }

    /// True if the commit is there, and the tags and the default branch are new enough.
    async fn has_all(&self, wanted: &Wanted) -> Result<bool, GitError> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner).get(&wanted.project).copied();
        let mirror = self.path(wanted.project);
        Ok(seen.is_some_and(|seen| seen >= wanted.since) && has(&Git::new(&mirror), &mirror, wanted).await?)
    }

    fn note_seen(&self, project: ProjectId, at: Instant) {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).insert(project, at);
    }

    /// Pins the host keys of the server of an SSH address, as lines `ssh-ed25519 AAAA…`, and removes its keys that were
    /// pinned before. Lines that are not keys are ignored; without any key, nothing changes.
    ///
    /// # Errors
    /// [`GitError::NotSsh`] if it is not an SSH address; else the disk is full.
    pub async fn pin_host_keys(&self, ssh_url: &str, keys: &[String]) -> Result<(), GitError> {
        let (host, keys) = (SshHost::of(ssh_url)?, keys.to_vec());
        let known_hosts = Arc::clone(&self.known_hosts);
        let pinned = tokio::task::spawn_blocking(move || known_hosts.pin(&host, &keys)).await;
        pinned.unwrap_or_else(|fault| Err(fault.into())).map_err(GitError::io("pin"))
    }

    /// Removes a project's mirror, after any running fetch. A missing mirror is fine. A job that still reads it fails,
    /// so end the project's jobs before.
    ///
    /// # Errors
    /// The disk refuses; the rest is removed at the next start.
    pub async fn remove(&self, project: ProjectId) -> Result<(), GitError> {
        let _fetching = self.fetching.of(project).lock_owned().await;
        self.remove_alone(project).await
    }

    /// Removes a project's mirror. The caller has its lock for fetching.
    async fn remove_alone(&self, project: ProjectId) -> Result<(), GitError> {
        repair::remove_whole(&self.path(project)).await.map_err(GitError::io("remove"))
    }

    fn path(&self, project: ProjectId) -> PathBuf {
        self.dir.join(format!("{project}.git"))
    }
}

/// Limits the time for news: a forge that does not answer delays no job whose commit is already there.
async fn news(bring: impl Future<Output = Result<Fetched, GitError>>) -> Fetched {
    let slow = GitError::TooSlow { what: "fetch", seconds: NEWS_LIMIT.as_secs() };
    let brought = tokio::time::timeout(NEWS_LIMIT, bring).await.unwrap_or(Err(slow));
    brought.unwrap_or_else(Fetched::Outdated)
}

/// The directory for deploy keys while they are used.
fn keys_dir(dir: &Path) -> PathBuf {
    dir.join("ssh/keys")
}

#[cfg(test)]
mod tests {
    mod bombs;
    pub(super) mod forge;

    use super::*;
    use kozmic_model::git::Sha;
    use std::process::Command;
    use tokio::net::TcpListener;

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
            credentials: Credentials::Open,
            git_ref: GitRef::Branch("main".to_owned()),
            remote_ref: "refs/heads/main".to_owned(),
            sha: sha.parse().unwrap(),
            default_branch: "main".to_owned(),
            since: Instant::now(),
        }
    }

    #[tokio::test]
    async fn a_commit_that_is_there_with_refs_that_are_new_enough_waits_for_no_fetch() {
        let dir = tempfile::tempdir().unwrap();
        let mirrors = Mirrors::open(dir.path().join("mirrors")).unwrap();
        let mirror = mirrors.path(ProjectId(1));
        repair::make_whole(&mirror, "main").await.unwrap();
        let sha = commit(&mirror);
        let wanted = wanted(sha.as_str());
        mirrors.note_seen(ProjectId(1), Instant::now());
        let fetching = mirrors.fetching.of(ProjectId(1));
        let _other = fetching.lock().await;
        assert!(matches!(mirrors.fetch(&wanted).await.unwrap(), Fetched::All));
        let checkout = mirrors.check_out(&wanted, dir.path().join("work/1")).await.unwrap();
        let owner = Ownership { uid: 1, gid: 1 };
        let to = Destination { tree: "kozmic/src".to_owned(), owner, settles: true };
        let archive = checkout.into_archive(to, vec![]);
        assert!({ archive }.recv().await.unwrap().is_ok());
    }

    #[tokio::test]
    async fn a_commit_that_is_there_is_had_from_a_forge_that_does_not_answer() {
        let dir = tempfile::tempdir().unwrap();
        let mirrors = Mirrors::open(dir.path().into()).unwrap();
        let mirror = mirrors.path(ProjectId(1));
        repair::make_whole(&mirror, "main").await.unwrap();
        let sha = commit(&mirror);
        let fetched = mirrors.fetch(&wanted(sha.as_str())).await.unwrap();
        assert!(matches!(fetched, Fetched::Outdated(GitError::Failed { what: "fetch", .. })), "{fetched:?}");
    }

    #[tokio::test]
    async fn what_another_fetch_brought_is_not_fetched_again() {
        let dir = tempfile::tempdir().unwrap();
        let mirrors = Mirrors::open(dir.path().into()).unwrap();
        let elsewhere = tempfile::tempdir().unwrap();
        git(elsewhere.path(), "init --bare --quiet .");
        let sha = commit(elsewhere.path());
        let fetching = mirrors.fetching.of(ProjectId(1));
        let other = fetching.lock().await;
        let wanted = wanted(sha.as_str());
        let second = mirrors.fetch(&wanted);
        let first = async {
            tokio::task::yield_now().await;
            std::fs::rename(elsewhere.path(), mirrors.path(ProjectId(1))).unwrap();
            mirrors.note_seen(ProjectId(1), Instant::now());
            drop(other);
        };
        assert!(matches!(tokio::join!(second, first).0.unwrap(), Fetched::All));
    }

    #[tokio::test]
    async fn a_repository_that_does_not_answer_is_a_failure() {
        let dir = tempfile::tempdir().unwrap();
        let mirrors = Mirrors::open(dir.path().into()).unwrap();
        let fault = mirrors.fetch(&wanted(&"a".repeat(40))).await.unwrap_err();
        assert!(matches!(fault, GitError::Failed { what: "fetch", .. }), "{fault}");
    }

    /// A server that accepts connections and stays silent, and a commit to fetch from it with a deploy key.
    async fn silent() -> (TcpListener, Wanted) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("ssh://git@{}/a.git", listener.local_addr().unwrap());
        let credentials = Credentials::DeployKey("no key".into());
        (listener, Wanted { url, credentials, ..wanted(&"a".repeat(40)) })
    }

    fn keys(mirrors: &Mirrors) -> usize {
        std::fs::read_dir(keys_dir(&mirrors.dir)).unwrap().count()
    }

    #[tokio::test]
    async fn a_deploy_key_lies_on_the_disk_only_while_it_is_used() {
        let dir = tempfile::tempdir().unwrap();
        let mirrors = Mirrors::open(dir.path().into()).unwrap();
        let (listener, wanted) = silent().await;
        let hang_up = async {
            for _ in 0..2 {
                drop(listener.accept().await.unwrap());
            }
        };
        let (fetched, ()) = tokio::join!(mirrors.fetch(&wanted), hang_up);
        let fault = fetched.unwrap_err();
        assert!(matches!(&fault, GitError::Failed { what: "fetch", .. }), "{fault}");
        assert!(fault.to_string().contains("kex_exchange_identification"), "ssh's words: {fault}");
        assert_eq!(keys(&mirrors), 0);
    }

    #[tokio::test]
    async fn a_deploy_key_goes_with_a_fetch_that_is_given_up_or_crashed() {
        let dir = tempfile::tempdir().unwrap();
        let mirrors = Mirrors::open(dir.path().into()).unwrap();
        let (listener, wanted) = silent().await;
        let while_it_waits = async {
            let _connection = listener.accept().await.unwrap();
            keys(&mirrors)
        };
        tokio::select! {
            fetched = mirrors.fetch(&wanted) => panic!("{fetched:?}"),
            there = while_it_waits => assert_eq!(there, 1),
        }
        assert_eq!(keys(&mirrors), 0);
        std::fs::create_dir(keys_dir(dir.path()).join("left")).unwrap();
        assert_eq!(keys(&Mirrors::open(dir.path().into()).unwrap()), 0);
    }

    #[tokio::test]
    async fn a_removed_mirror_is_gone_and_may_be_made_anew() {
        let dir = tempfile::tempdir().unwrap();
        let mirrors = Mirrors::open(dir.path().into()).unwrap();
        let path = mirrors.path(ProjectId(1));
        for _ in 0..2 {
            repair::make_whole(&path, "main").await.unwrap();
            mirrors.remove(ProjectId(1)).await.unwrap();
            assert!(!path.exists());
            mirrors.remove(ProjectId(1)).await.unwrap();
        }
    }

    #[tokio::test]
    async fn an_address_of_the_wrong_kind_is_not_fetched_from() {
        let dir = tempfile::tempdir().unwrap();
        let mirrors = Mirrors::open(dir.path().into()).unwrap();
        let (_listener, over_ssh) = silent().await;
        let open = Wanted { credentials: Credentials::Open, ..over_ssh.clone() };
        let fault = mirrors.fetch(&open).await.unwrap_err();
        assert!(fault.to_string().contains("'ssh' not allowed"), "{fault}");
        let over_http = Wanted { url: wanted(&"a".repeat(40)).url, ..over_ssh };
        let fault = mirrors.fetch(&over_http).await.unwrap_err();
        assert!(matches!(fault, GitError::NotSsh(_)), "{fault}");
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
