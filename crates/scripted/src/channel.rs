//! A scripted notifier: a channel in memory, which takes notices or does not, as a test says.

use async_trait::async_trait;
use kozmic_edges::notifier::{Channel, LIMIT, NotifyError};
use kozmic_model::{news::NotifierName, notice::Notice};
use std::time::Duration;
use tokio::sync::watch;

/// Behaviour of the channel when a notice comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Behaviour {
    /// It takes the notice.
    Takes,
    /// It takes the notice, and the connection is lost before it says so.
    BreaksOff,
    /// It does not answer until its behaviour changes.
    Hangs,
    /// It wants the notice later.
    PutsOff {
        /// The time to wait that it asks for.
        wait: Duration,
    },
    /// It wants no such notice.
    Refuses,
    /// It does not accept the credentials of the installation.
    LocksOut,
    /// There is no connection to it.
    Away,
}

/// A channel in memory. Its clones are the same channel.
#[derive(Clone)]
pub struct ScriptedChannel {
    name: NotifierName,
    state: watch::Sender<State>,
}

struct State {
    behaviour: Behaviour,
    hanging: usize,
    notices: Vec<Notice>,
}

impl ScriptedChannel {
    /// A channel that takes notices.
    pub fn new(name: NotifierName) -> Self {
        let state = State { behaviour: Behaviour::Takes, hanging: 0, notices: Vec::new() };
        Self { name, state: watch::Sender::new(state) }
    }

    /// Changes the behaviour. Calls that hang go on with the new one.
    pub fn set(&self, behaviour: Behaviour) {
        self.state.send_modify(|state| state.behaviour = behaviour);
    }

    /// The notices that it took, in their order.
    pub fn notices(&self) -> Vec<Notice> {
        self.state.borrow().notices.clone()
    }

    /// Waits until it took so many notices; returns all of them.
    pub async fn taken(&self, count: usize) -> Vec<Notice> {
        self.wait_for(|state| state.notices.len() >= count).await;
        self.notices()
    }

    /// Waits until a call hangs.
    pub async fn hangs(&self) {
        self.wait_for(|state| state.hanging > 0).await;
    }

    async fn wait_for(&self, is_it: impl FnMut(&State) -> bool) {
        self.state.subscribe().wait_for(is_it).await.map(drop).expect("the sender is here");
    }

    /// Waits while calls hang.
    async fn come_through(&self) -> Result<(), NotifyError> {
        self.state.send_modify(|state| state.hanging += 1);
        let _done = Hanging(&self.state);
        let through = tokio::time::timeout(LIMIT, self.wait_for(|state| state.behaviour != Behaviour::Hangs));
        through.await.map_err(|_| self.unreachable("no answer in time"))
    }

    fn unreachable(&self, cause: &str) -> NotifyError {
        NotifyError::Unreachable { server: self.server(), cause: cause.to_owned() }
    }
}

/// A call that hangs, until this is dropped.
struct Hanging<'a>(&'a watch::Sender<State>);

impl Drop for Hanging<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|state| state.hanging -= 1);
    }
}

#[async_trait]
impl Channel for ScriptedChannel {
    fn name(&self) -> NotifierName {
        self.name
    }

    fn server(&self) -> String {
        format!("the channel {}", self.name)
    }

    async fn check(&self) -> Result<(), NotifyError> {
        match self.state.borrow().behaviour {
            Behaviour::Away => Err(self.unreachable("it is away")),
            Behaviour::LocksOut => Err(self.unreachable("it refuses the credentials")),
            _ => Ok(()),
        }
    }

    async fn send(&self, notice: &Notice) -> Result<(), NotifyError> {
        if self.state.borrow().behaviour == Behaviour::Hangs {
            self.come_through().await?;
        }
        let take = || self.state.send_modify(|state| state.notices.push(notice.clone()));
        let (server, behaviour) = (self.server(), self.state.borrow().behaviour);
        match behaviour {
            Behaviour::Takes => {
                take();
                Ok(())
            }
            Behaviour::BreaksOff => {
                take();
                Err(self.unreachable("the connection was lost"))
            }
            Behaviour::PutsOff { wait } => {
                Err(NotifyError::PutOff { server, answer: "Later.".to_owned(), wait })
            }
            Behaviour::Refuses => Err(NotifyError::Refused { server, answer: "No.".to_owned() }),
            Behaviour::LocksOut => Err(self.unreachable("it refuses the credentials")),
            Behaviour::Hangs | Behaviour::Away => Err(self.unreachable("it is away")),
        }
    }
}
