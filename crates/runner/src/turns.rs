//! Turns: named locks for work that jobs do one at a time, such as making an image or moving a link. A job that waits
//! for a turn delays no other job.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
};
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};

/// The turns that are held right now.
#[derive(Clone, Default)]
pub struct Turns(Arc<Mutex<HashMap<String, Weak<AsyncMutex<()>>>>>);

/// The right to do something alone, until it is dropped.
pub struct Turn {
    _lock: OwnedMutexGuard<()>,
}

impl Turns {
    /// Takes the turn with that name. Waits while it is held.
    pub async fn take(&self, name: &str) -> Turn {
        Turn { _lock: self.lock(name).lock_owned().await }
    }

    /// Takes the turn with that name, if nobody holds it.
    pub fn try_take(&self, name: &str) -> Option<Turn> {
        let lock = self.lock(name).try_lock_owned().ok()?;
        Some(Turn { _lock: lock })
    }

    /// The lock exists as long as somebody holds or awaits it.
    fn lock(&self, name: &str) -> Arc<AsyncMutex<()>> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lock) = all.get(name).and_then(Weak::upgrade) {
            return lock;
        }
        all.retain(|_, lock| lock.strong_count() > 0);
        let lock = Arc::default();
        all.insert(name.to_owned(), Arc::downgrade(&lock));
        lock
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_has_a_turn_at_a_time_and_nothing_is_remembered_of_it_afterwards() {
        let turns = Turns::default();
        let turn = turns.try_take("one:1").unwrap();
        assert!(turns.try_take("one:1").is_none());
        assert!(turns.try_take("one:2").is_some(), "another one's turn");
        drop(turn);
        let _again = turns.try_take("one:1").unwrap();
        let _other = turns.try_take("other:1").unwrap();
        assert_eq!(turns.0.lock().unwrap().len(), 2);
    }
}
