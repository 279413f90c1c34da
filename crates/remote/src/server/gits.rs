//! Limits the git processes that answer runners at once: of all runners, and of each.

use super::KnownRunner;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The number of repositories that are sent at once.
const OF_ALL: usize = 16;

/// The number of repositories that one runner gets at once, so that a slow one leaves room for the others.
const OF_ONE: usize = 4;

/// The git processes for runners.
pub(super) struct Gits {
    all: Arc<Semaphore>,
    each: Mutex<HashMap<String, Arc<Semaphore>>>,
}

/// The permit for a process. Others may begin when it is dropped.
pub(super) struct Permit {
    _own: OwnedSemaphorePermit,
    _common: OwnedSemaphorePermit,
}

impl Default for Gits {
    fn default() -> Self {
        Self { all: Arc::new(Semaphore::new(OF_ALL)), each: Mutex::default() }
    }
}

impl Gits {
    /// Waits until a process may begin for a runner.
    pub(super) async fn take(&self, runner: &KnownRunner) -> Permit {
        let own = {
            let mut each = self.each.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(each.entry(runner.name.clone()).or_insert_with(|| Arc::new(Semaphore::new(OF_ONE))))
        };
        // A runner that waits for its own turn takes none of the common ones.
        let own = own.acquire_owned().await.expect("it is never closed");
        let common = Arc::clone(&self.all).acquire_owned().await.expect("it is never closed");
        Permit { _own: own, _common: common }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    #[tokio::test]
    async fn a_runner_that_takes_all_that_it_may_leaves_room_for_others() {
        let (gits, runner) =
            (Gits::default(), |name: &str| KnownRunner { name: name.to_owned(), title: name.to_owned() });
        let mut taken = Vec::new();
        for _ in 0..OF_ONE {
            taken.push(gits.take(&runner("greedy")).await);
        }
        assert!(gits.take(&runner("greedy")).now_or_never().is_none());
        let other = gits.take(&runner("other")).now_or_never();
        assert!(other.is_some());
        taken.pop();
        assert!(gits.take(&runner("greedy")).now_or_never().is_some());
    }
}
