//! One at a time, for each mirror.

use kozmic_model::ids::ProjectId;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::sync::Mutex as AsyncMutex;

/// A lock for each mirror; cheap to clone.
#[derive(Clone, Default)]
pub(super) struct Locks(Arc<Mutex<HashMap<ProjectId, Arc<AsyncMutex<()>>>>>);

impl Locks {
    pub(super) fn of(&self, project: ProjectId) -> Arc<AsyncMutex<()>> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(all.entry(project).or_default())
    }
}
