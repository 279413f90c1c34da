//! Commit statuses: the end of the way of a push.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, bail};

use super::GitHub;
use super::world::World;

/// State that a commit status can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// The checker failed.
    Error,
    /// The commit failed.
    Failure,
    /// Not known yet.
    Pending,
    /// The commit is good.
    Success,
}

/// A commit status that was set.
#[derive(Debug, Clone)]
pub struct Status {
    /// GitHub's number for it.
    pub id: u64,
    /// The commit.
    pub sha: String,
    /// The state that it tells.
    pub state: State,
    /// Name under which it is set, such as `Kozmic-CI`.
    pub context: String,
    /// The sentence beside it.
    pub description: Option<String>,
    /// Address of the details.
    pub target_url: Option<String>,
    /// Login of the person whose token set it.
    pub creator: String,
    /// Time when it arrived.
    pub at: Instant,
    pub(super) created_at: String,
}

impl State {
    /// GitHub's word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Failure => "failure",
            Self::Pending => "pending",
            Self::Success => "success",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl FromStr for State {
    type Err = anyhow::Error;

    fn from_str(word: &str) -> Result<Self> {
        let states = [Self::Error, Self::Failure, Self::Pending, Self::Success];
        match states.into_iter().find(|state| state.as_str() == word) {
            Some(state) => Ok(state),
            None => bail!("{word:?} is no state of a commit status"),
        }
    }
}

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
