//! Repositories for runners: a repository that needs credentials is fetched by the server, into its mirror, and the
//! runner's git gets it from there. So no credentials for the forge leave the server.

use super::{Server, caller::Caller, refusal::Refusal};
use crate::protocol::{
    call::{Answer, Place},
    fault::Kind,
};
use anyhow::Result;
use kozmic_edges::git::{Credentials, Fetched, GitError, Mirrors, Wanted};
use kozmic_model::job::Attempt;
use kozmic_runner::{
    coordinator::{Complaint, Coordinator, Repository},
    order::Order,
};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use tokio::sync::watch;

/// Longest time for which a request waits for a fetch. The fetch goes on, and the runner asks again.
const WAIT: Duration = Duration::from_secs(20);

/// The fetches for runners' attempts, running ones and the last ended one of each.
#[derive(Default)]
pub(super) struct Fetches(Mutex<HashMap<Attempt, Fetching>>);

/// The result of a fetch, once there is one: an error is a sentence.
type Fetching = watch::Receiver<Option<Result<(), String>>>;

impl Fetches {
    pub(super) fn forget(&self, attempt: Attempt) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&attempt);
    }

    fn known(&self, attempt: Attempt) -> Option<Fetching> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&attempt).cloned()
    }

    fn note(&self, attempt: Attempt, fetching: Fetching) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(attempt, fetching);
    }
}

impl Server {
    /// The place from which the runner fetches an attempt's repository. Its mirror here is up to date then, if the
    /// repository needs credentials and could be fetched.
    pub(super) async fn repository(
        self: &Arc<Self>,
        caller: &Caller,
        order: &Arc<Order>,
        complaint: Option<Complaint>,
    ) -> Result<Answer, Refusal> {
        let running = self.fetches.known(order.attempt).filter(|fetching| fetching.borrow().is_none());
        let (fetching, default_branch) = match running {
            Some(running) => (running, None),
            None => {
                let repository = caller.coordinator.repository(order, complaint).await?;
                let Repository { url, credentials, default_branch } = repository.clone();
                if let Credentials::Open = credentials {
                    self.fetches.forget(order.attempt);
                    return Ok(Answer::Repository { at: Place::Forge { url }, default_branch });
                }
                (self.fetch(caller, order, repository), Some(default_branch))
            }
        };
        // A fault of the fetch is told to the runner's git, which asks next: the runner knows how to go on after it.
        let _ = ended(fetching).await?;
        let default_branch = match default_branch {
            Some(known) => known,
            None => caller.coordinator.repository(order, None).await?.default_branch,
        };
        Ok(Answer::Repository { at: Place::Server, default_branch })
    }

    /// Waits until the attempt's commit is in the mirror. After a restart of the server it is fetched again.
    pub(super) async fn fetched(
        self: &Arc<Self>,
        caller: &Caller,
        order: &Arc<Order>,
    ) -> Result<(), Refusal> {
        let fetching = match self.fetches.known(order.attempt) {
            Some(known) => known,
            None => {
                let repository = caller.coordinator.repository(order, None).await?;
                if let Credentials::Open = repository.credentials {
                    return Err(Refusal::new(Kind::NotHeld, "the repository is fetched from the forge"));
                }
                self.fetch(caller, order, repository)
            }
        };
        ended(fetching).await?.map_err(|words| Refusal::new(Kind::Failed, words))
    }

    /// Begins a fetch, which ends even if nobody waits for it.
    fn fetch(self: &Arc<Self>, caller: &Caller, order: &Arc<Order>, repository: Repository) -> Fetching {
        let (done, fetching) = watch::channel(None);
        self.fetches.note(order.attempt, fetching.clone());
        let (server, coordinator) = (Arc::clone(self), Arc::clone(&caller.coordinator));
        let order = Arc::clone(order);
        self.tasks.spawn(async move {
            let fetch = Box::pin(bring(server.registry.mirrors(), coordinator.as_ref(), &order, repository));
            let stop = server.stop.cancelled();
            let fetched = tokio::select! {
                fetched = fetch => fetched,
                () = stop => Err("the server ends".to_owned()),
            };
            done.send_replace(Some(fetched));
        });
        fetching
    }
}

/// The result of a fetch.
async fn ended(mut fetching: Fetching) -> Result<Result<(), String>, Refusal> {
    let waited = tokio::time::timeout(WAIT, fetching.wait_for(Option::is_some)).await;
    let busy = || Refusal::new(Kind::Busy, "the server is still fetching the repository");
    match waited.map_err(|_| busy())? {
        Ok(fetched) => Ok(fetched.clone().unwrap_or(Ok(()))),
        Err(_) => Err(busy()),
    }
}

/// Fetches an attempt's commit. A deploy key that the forge refused is registered again, once.
async fn bring(
    mirrors: &Mirrors,
    coordinator: &dyn Coordinator,
    order: &Order,
    repository: Repository,
) -> Result<(), String> {
    let fetched = mirrors.fetch(&wanted(order, repository)).await;
    let fetched = match fetched {
        Err(GitError::KeyRefused { .. }) => {
            let again = coordinator.repository(order, Some(Complaint::KeyRefused)).await;
            mirrors.fetch(&wanted(order, again.map_err(|fault| format!("{fault:#}"))?)).await
        }
        fetched => fetched,
    };
    match fetched {
        // The runner's git finds out that a commit is not there, and its runner knows what that means.
        Ok(Fetched::All) | Err(GitError::NoSuchCommit { .. }) => Ok(()),
        Ok(Fetched::Outdated(fault)) => {
            tracing::info!(%fault, "the tags and the default branch of a mirror may be outdated");
            Ok(())
        }
        Err(fault) => Err(fault.to_string()),
    }
}

fn wanted(order: &Order, repository: Repository) -> Wanted {
    let Repository { url, credentials, default_branch } = repository;
    Wanted {
        project: order.project,
        url,
        credentials,
        git_ref: order.git_ref.clone(),
        remote_ref: order.remote_ref.clone(),
        sha: order.sha.clone(),
        default_branch,
        since: order.asked.unwrap_or_else(Instant::now),
    }
}
