//! State of the hub's double, with a wake-up for tests that wait for a change.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::Upload;

/// The only user.
pub(super) const USER: &str = "anna-orbit";

/// The state of a double.
pub(super) struct Double {
    pub(super) base: String,
    /// The token for the settings.
    pub(super) token: String,
    world: Mutex<World>,
    changed: watch::Sender<u64>,
}

/// Everything that happened so far.
#[derive(Default)]
pub(super) struct World {
    /// Issued tokens that are valid.
    pub(super) given: BTreeSet<String>,
    /// Issued tokens that are no longer valid.
    pub(super) forgotten: BTreeSet<String>,
    pub(super) uploads: Vec<Upload>,
    pub(super) begun: Vec<String>,
    pub(super) broken: Vec<String>,
    pub(super) links: BTreeMap<String, String>,
    pub(super) requests: Vec<String>,
    pub(super) wrong: Vec<String>,
    pub(super) gate: Option<CancellationToken>,
    /// Gate for which links wait.
    pub(super) link_gate: Option<CancellationToken>,
    /// True if the next upload gets no answer.
    pub(super) loses_answer: bool,
    /// Number of calls that will fail, and their status.
    pub(super) failures: (u32, u16),
    pub(super) refusal: Option<String>,
}

impl Double {
    pub(super) fn new(base: &str) -> Self {
        Self {
            base: base.to_owned(),
            token: new_token(),
            world: Mutex::default(),
            changed: watch::Sender::new(0),
        }
    }

    /// Reads the state.
    pub(super) fn read<T>(&self, look: impl FnOnce(&World) -> T) -> T {
        look(&self.world.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes the state and wakes all tasks that wait for a change.
    pub(super) fn change<T>(&self, act: impl FnOnce(&mut World) -> T) -> T {
        let outcome = act(&mut self.world.lock().unwrap_or_else(PoisonError::into_inner));
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
                    return Some(found);
                }
                changed.changed().await.ok()?;
            }
        };
        tokio::time::timeout(limit, found).await.ok().flatten()
    }
}

impl World {
    /// Issues a token.
    pub(super) fn give_token(&mut self) -> String {
        let token = new_token();
        self.given.insert(token.clone());
        token
    }

    pub(super) fn forget_tokens(&mut self) {
        let given = std::mem::take(&mut self.given);
        self.forgotten.extend(given);
    }

    /// True if a list of this name was uploaded.
    pub(super) fn has_list(&self, flist: &str) -> bool {
        let Some(stem) = flist.strip_suffix(".flist") else { return false };
        self.uploads.iter().any(|upload| upload.name.strip_suffix(".tar.gz") == Some(stem))
    }
}

/// A random token in the form of a JWT.
fn new_token() -> String {
    let mut bytes = [0; 48];
    getrandom::fill(&mut bytes).expect("the system gives randomness");
    let (claims, signature) = bytes.split_at(24);
    format!("eyJhbGciOiJFUzM4NCJ9.{}.{}", hex::encode(claims), hex::encode(signature))
}
