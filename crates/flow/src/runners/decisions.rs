//! People's decisions about runners, on the page, in the API and by commands. A connected runner hears of a decision with
//! the next beat of the server.

use anyhow::Result;
use kozmic_edges::{
    Edges,
    broker::{Broker, Topic},
    clock,
    store::{NewRunner, Removed, Store},
};
use kozmic_model::runner::{RunnerRules, RunnerTitle};
use kozmic_remote::RunnerToken;
use secrecy::SecretString;

/// The store and the bells for decisions about runners. The store knows the person who decides.
#[derive(Clone, Copy)]
pub struct Decisions<'a> {
    store: &'a Store,
    broker: &'a Broker,
}

/// A runner that was just added.
pub struct Added {
    /// Its name, which marks its containers.
    pub name: String,
    /// Its token. Nobody can show it again.
    pub token: SecretString,
}

/// Outcome of a removal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removal {
    /// The runner is removed.
    Done,
    /// The runner stays, because it has this number of jobs.
    Holds(usize),
    /// It is the runner in the server's own process, which cannot be removed.
    Own,
    /// There is no such runner.
    Unknown,
}

impl<'a> Decisions<'a> {
    /// Decisions by the person for whom these edges act.
    pub fn of(edges: &'a Edges) -> Self {
        Self { store: &edges.store, broker: &edges.broker }
    }

    /// Decisions in a process that has only the store. The server notices them with its next beat.
    pub fn by_command(store: &'a Store, broker: &'a Broker) -> Self {
        Self { store, broker }
    }

    /// Adds a runner; none if another one has its title.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn add(self, title: &RunnerTitle, rules: &RunnerRules) -> Result<Option<Added>> {
        let token = RunnerToken::random();
        let (name, fingerprint) = (token.name(), token.fingerprint());
        let new = NewRunner { name, title: title.as_str(), fingerprint: &fingerprint, rules };
        if !self.store.runners().add(new, clock::now()).await? {
            return Ok(None);
        }
        self.broker.ring(Topic::Projects);
        Ok(Some(Added { name: name.to_owned(), token: token.expose().into() }))
    }

    /// Has a runner take no more jobs, or take jobs again; false if there is no such runner.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn set_draining(self, name: &str, is_draining: bool) -> Result<bool> {
        if self.store.runners().runner(name).await?.is_none() {
            return Ok(false);
        }
        self.store.runners().set_draining(name, is_draining).await?;
        self.broker.ring(Topic::Projects);
        Ok(true)
    }

    /// Removes a runner. If it has jobs, it is removed only if `is_forced`: other runners begin its jobs again.
    ///
    /// # Errors
    /// The database does not answer; then nothing changed.
    pub async fn remove(self, name: &str, is_forced: bool) -> Result<Removal> {
        match self.store.runners().runner(name).await? {
            None => return Ok(Removal::Unknown),
            Some(runner) if !runner.is_remote => return Ok(Removal::Own),
            Some(_) => {}
        }
        match self.store.runners().remove(name, is_forced, clock::now()).await? {
            Removed::Done(_) => {}
            Removed::Holds(jobs) => return Ok(Removal::Holds(jobs)),
            Removed::Unknown => return Ok(Removal::Unknown),
        }
        self.broker.ring(Topic::Jobs);
        self.broker.ring(Topic::Projects);
        Ok(Removal::Done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{coordinator::Here, runners::follow_own, samples::Installation};
    use kozmic_edges::store::RunnerReport;
    use kozmic_model::runner::ClaimKey;
    use kozmic_runner::coordinator::Coordinator;
    use kozmic_scripted::edges_to_nowhere;
    use secrecy::ExposeSecret;

    #[tokio::test]
    async fn a_runner_is_added_once_drained_and_removed() {
        let dir = tempfile::tempdir().unwrap();
        let edges = edges_to_nowhere(dir.path()).await.unwrap();
        let (decisions, runners) = (Decisions::of(&edges), edges.store.runners());
        let (title, rules) = ("big".parse().unwrap(), RunnerRules::default());
        let Added { name, token } = decisions.add(&title, &rules).await.unwrap().unwrap();
        assert!(decisions.add(&title, &rules).await.unwrap().is_none());
        let token = token.expose_secret().parse::<RunnerToken>().unwrap();
        let known = runners.runner_by_fingerprint(&token.fingerprint()).await.unwrap().unwrap();
        assert_eq!((known.name.as_str(), known.title.as_str()), (name.as_str(), "big"));
        for is_draining in [true, true, false] {
            assert!(decisions.set_draining(&name, is_draining).await.unwrap());
            assert_eq!(runners.runner(&name).await.unwrap().unwrap().is_draining, is_draining);
        }
        assert_eq!(decisions.remove(&name, false).await.unwrap(), Removal::Done);
        assert_eq!(decisions.remove(&name, false).await.unwrap(), Removal::Unknown);
        assert!(!decisions.set_draining(&name, true).await.unwrap());
    }

    #[tokio::test]
    async fn the_servers_own_runner_cannot_be_removed() {
        let dir = tempfile::tempdir().unwrap();
        let edges = edges_to_nowhere(dir.path()).await.unwrap();
        let report = RunnerReport {
            name: "here",
            slots: 1,
            busy: 0,
            trouble: None,
            facts: None,
            seen_at: clock::now(),
        };
        edges.store.runners().note_runner(report, &RunnerRules::default()).await.unwrap();
        assert_eq!(Decisions::of(&edges).remove("here", true).await.unwrap(), Removal::Own);
        assert!(edges.store.runners().runner("here").await.unwrap().is_some());
    }

    #[tokio::test]
    async fn the_servers_own_runner_takes_no_job_while_it_is_drained() {
        let office = Installation::new().await;
        let (here, name) = (Here::new(&office.flow), office.flow.settings.runner.as_str());
        let report =
            RunnerReport { name, slots: 1, busy: 0, trouble: None, facts: None, seen_at: clock::now() };
        office.flow.edges.store.runners().note_runner(report, &RunnerRules::default()).await.unwrap();
        office.enqueue().await;
        for is_draining in [true, false] {
            let decisions = Decisions::of(&office.flow.edges);
            assert!(decisions.set_draining(name, is_draining).await.unwrap());
            follow_own(&office.flow).await;
            let order = here.claim(&ClaimKey::of([u8::from(is_draining); 16])).await.unwrap();
            assert_eq!(order.is_none(), is_draining);
        }
    }
}
