//! The runner's desk: the state of a runner, with its free slots, its trouble and its sign of life.

use crate::{Runner, coordinator::State, slots::Slots, words::sentence};
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// Interval at which a runner reports that it is alive.
pub(crate) const BEAT: Duration = Duration::from_secs(5);

/// Pause between questions to an engine that does not answer.
pub(crate) const ENGINE_LOOK: Duration = Duration::from_secs(2);

/// A runner's desk; cheap to clone.
#[derive(Clone)]
pub(crate) struct Desk {
    pub(crate) runner: Runner,
    pub(crate) slots: Slots,
    trouble: Arc<Mutex<Option<String>>>,
}

impl Desk {
    /// Opens an empty desk. It is reported before any job is claimed.
    pub(crate) async fn open(runner: &Runner) -> Self {
        let slots = Slots::new(runner.settings.slots);
        let desk = Self { runner: runner.clone(), slots, trouble: Arc::default() };
        let ready = async {
            runner.tools.engine.ping().await?;
            runner.tools.engine.prepare().await
        };
        match tokio::time::timeout(ENGINE_LOOK, ready).await {
            Ok(Ok(())) => desk.note_now().await,
            Ok(Err(fault)) => desk.say(Some(sentence(&fault.into()))).await,
            Err(_) => desk.say(Some("The Docker engine does not answer in time.".to_owned())).await,
        }
        desk
    }

    /// Reports every few seconds that this runner is alive, so that it keeps its jobs.
    pub(crate) async fn beat(self) {
        loop {
            if let Err(fault) = self.runner.coordinator.beat(&self.state()).await {
                tracing::warn!(error = format!("{fault:#}"), "the runner cannot note that it is there");
            }
            if !self.runner.pause(BEAT).await {
                return;
            }
        }
    }

    /// Waits until the engine answers again.
    pub(crate) async fn engine_answers(&self) {
        while self.runner.tools.engine.ping().await.is_err() {
            tokio::time::sleep(ENGINE_LOOK).await;
        }
        self.say(None).await;
    }

    /// Stores a trouble, or that there is none any more.
    pub(crate) async fn say(&self, trouble: Option<String>) {
        {
            let mut current = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
            if *current == trouble {
                return;
            }
            current.clone_from(&trouble);
        }
        match trouble {
            Some(trouble) => tracing::warn!(trouble, "no jobs can be taken"),
            None => tracing::info!("jobs can be taken again"),
        }
        self.note_now().await;
    }

    /// Reports the number of jobs.
    pub(crate) async fn note_now(&self) {
        if let Err(fault) = self.runner.coordinator.note_state(&self.state()).await {
            tracing::warn!(error = format!("{fault:#}"), "the runner cannot note its state");
        }
    }

    fn told(&self) -> Option<String> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn state(&self) -> State {
        State {
            slots: self.slots.total(),
            busy: self.slots.busy(),
            trouble: self.runner.tools.room.trouble().or_else(|| self.told()),
        }
    }
}
