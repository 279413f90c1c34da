//! Things that all parts of the double share: its addresses, its world, and the bell that rings when it changes.

use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use tempfile::TempDir;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::fault::Faults;
use super::git::Git;
use super::random;
use super::world::World;

/// Time that GitHub waits for the answer to a delivery.
const DELIVERY_TIMEOUT: Duration = Duration::from_secs(10);

/// The insides of a double.
pub(super) struct Double {
    pub(super) base: String,
    pub(super) app: OAuthApp,
    pub(super) http: reqwest::Client,
    pub(super) faults: Faults,
    pub(super) stop: CancellationToken,
    pub(super) tasks: TaskTracker,
    root: TempDir,
    world: Mutex<World>,
    changed: watch::Sender<u64>,
}

/// The one OAuth application that is registered.
pub(super) struct OAuthApp {
    pub(super) client_id: String,
    pub(super) client_secret: String,
}

impl Double {
    pub(super) fn new(address: SocketAddr) -> Result<Self> {
        Ok(Self {
            base: format!("http://{address}"),
            app: OAuthApp { client_id: format!("Iv1.{}", random::hex(8)), client_secret: random::hex(20) },
            http: crate::http::builder().timeout(DELIVERY_TIMEOUT).build().context("build a client")?,
            faults: Faults::default(),
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
            root: TempDir::with_prefix("kozmic-github-").context("make the double's directory")?,
            world: Mutex::new(World::default()),
            changed: watch::Sender::new(0),
        })
    }

    /// The REST address of a path that starts with `/`.
    pub(super) fn api(&self, path: &str) -> String {
        format!("{}/api/v3{path}", self.base)
    }

    /// Looks at the world.
    pub(super) fn read<T>(&self, look: impl FnOnce(&World) -> T) -> T {
        look(&self.world.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes the world and wakes all who wait for a change.
    pub(super) fn change<T>(&self, act: impl FnOnce(&mut World) -> T) -> T {
        let mut world = self.world.lock().unwrap_or_else(PoisonError::into_inner);
        let outcome = act(&mut world);
        world.keep_ssh_up();
        drop(world);
        self.changed.send_modify(|count| *count += 1);
        outcome
    }

    /// Waits until `look` finds something, woken by each change; `None` after `limit`.
    pub(super) async fn wait_until<T>(
        &self,
        limit: Duration,
        look: impl Fn(&World) -> Option<T>,
    ) -> Option<T> {
        let mut changed = self.changed.subscribe();
        let found = async {
            loop {
                if let Some(found) = self.read(&look) {
                    return found;
                }
                if changed.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
            }
        };
        tokio::time::timeout(limit, found).await.ok()
    }

    /// Git in the bare repository of this full name.
    pub(super) fn git(&self, repository: &str) -> Git {
        self.git_of(self.read(|world| world.repository(repository).map_or(0, |one| one.id)))
    }

    /// Git in the bare repository of this id.
    pub(super) fn git_of(&self, id: u64) -> Git {
        Git::new(self.git_root().join(format!("{id}.git")))
    }

    /// Directory that the SSH server reads and writes.
    pub(super) fn ssh_dir(&self) -> std::path::PathBuf {
        self.root.path().join("ssh")
    }

    /// The directory that holds `<id>.git`: names change, ids do not.
    pub(super) fn git_root(&self) -> std::path::PathBuf {
        self.root.path().join("git")
    }
}
