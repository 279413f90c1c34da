//! Commit statuses: the end of the way of a push.

use std::time::Duration;

use anyhow::{Result, anyhow};

use super::GitHub;
use super::world::{State, Status, World};

impl GitHub {
    /// The statuses of a commit, oldest first.
    pub fn statuses(&self, repository: &str, sha: &str) -> Vec<Status> {
        self.double.read(|world| statuses(world, repository, sha))
    }

    /// The id of the newest status of any commit, to wait for the next one; 0 if there is none.
    pub fn last_status_id(&self) -> u64 {
        self.double.read(|world| all(world).map(|(_, status)| status.id).max().unwrap_or(0))
    }

    /// Waits for the first status of any commit after the one of this id, with its repository.
    pub async fn next_status(&self, after: u64, limit: Duration) -> Option<(String, Status)> {
        let next = |world: &World| {
            let new = all(world).filter(|(_, status)| status.id > after);
            new.min_by_key(|(_, status)| status.id).map(|(name, status)| (name, status.clone()))
        };
        self.double.wait_until(limit, next).await
    }

    /// Waits until the newest status of a commit has this state; woken by each status that arrives.
    pub async fn wait_for_status(
        &self,
        repository: &str,
        sha: &str,
        state: State,
        limit: Duration,
    ) -> Result<Status> {
        let newest = |world: &World| statuses(world, repository, sha).pop().filter(|one| one.state == state);
        self.double.wait_until(limit, newest).await.ok_or_else(|| {
            let seen: Vec<_> = self.statuses(repository, sha).iter().map(|one| one.state.as_str()).collect();
            let seen = if seen.is_empty() { "none".to_owned() } else { seen.join(", ") };
            anyhow!("no status {state} of {sha} within {limit:?}; statuses so far: {seen}")
        })
    }
}

fn statuses(world: &World, repository: &str, sha: &str) -> Vec<Status> {
    let Some(repository) = world.repository(repository) else { return Vec::new() };
    repository.statuses.iter().filter(|status| status.sha == sha).cloned().collect()
}

fn all(world: &World) -> impl Iterator<Item = (String, &Status)> {
    world
        .repositories
        .iter()
        .flat_map(|repository| repository.statuses.iter().map(|status| (repository.full_name(), status)))
}
