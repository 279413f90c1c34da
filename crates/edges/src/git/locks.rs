//! One lock for each mirror.

use kozmic_model::ids::ProjectId;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::sync::{Mutex as AsyncMutex, RwLock};

/// Exclusive locks, one for each mirror.
pub(super) type Locks = Each<AsyncMutex<()>>;

/// Shared or exclusive locks, one for each mirror.
pub(super) type SharedLocks = Each<RwLock<()>>;

/// A lock for each mirror; cheap to clone.
pub(super) struct Each<L>(Arc<Mutex<HashMap<ProjectId, Arc<L>>>>);

impl<L: Default> Each<L> {
    pub(super) fn of(&self, project: ProjectId) -> Arc<L> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(all.entry(project).or_default())
    }
}

impl<L> Clone for Each<L> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<L> Default for Each<L> {
    fn default() -> Self {
        Self(Arc::default())
    }
}
