//! State of a runner: how many jobs it has, whether it can take more, and that it is still there.

use crate::Flow;
use anyhow::{Error, Result};
use kozmic_edges::{broker::Topic, clock, engine::EngineError};
use kozmic_model::{runner::Runner, time::Timestamp};
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::sync::Semaphore;

/// Time that a job stays with a runner that says nothing more.
const LEASE: Duration = Duration::from_secs(120);

/// Interval at which a runner says that it is there, and looks for jobs without being woken.
pub(crate) const BEAT: Duration = Duration::from_secs(5);

/// Pause between questions to an engine that does not answer.
pub(crate) const ENGINE_LOOK: Duration = Duration::from_secs(2);

/// A runner's desk; cheap to clone.
#[derive(Clone)]
pub(crate) struct Desk {
    pub(crate) flow: Flow,
    pub(crate) slots: Arc<Semaphore>,
    trouble: Arc<Mutex<Option<String>>>,
}

impl Desk {
    /// An empty desk, noted before anybody asks for it.
    pub(crate) async fn open(flow: &Flow) -> Self {
        let slots = Arc::new(Semaphore::new(flow.settings.slots));
        let desk = Self { flow: flow.clone(), slots, trouble: Arc::default() };
        match tokio::time::timeout(ENGINE_LOOK, flow.edges.engine.ping()).await {
            Ok(Ok(())) => desk.note_now().await,
            Ok(Err(fault)) => desk.say(Some(sentence(&fault.into()))).await,
            Err(_) => desk.say(Some("The Docker engine does not answer in time.".to_owned())).await,
        }
        desk
    }

    /// Says every few seconds that this runner is there, and keeps its jobs.
    pub(crate) async fn beat(self) {
        loop {
            let now = clock::now();
            let store = &self.flow.edges.store;
            let kept = store.renew_leases(&self.flow.settings.instance, lease(now)).await;
            if let Err(fault) = kept.and(self.note(now).await) {
                tracing::warn!(error = format!("{fault:#}"), "the runner cannot note that it is there");
            }
            if !self.flow.pause(BEAT).await {
                return;
            }
        }
    }

    /// Waits until the engine answers again.
    pub(crate) async fn engine_answers(&self) {
        while self.flow.edges.engine.ping().await.is_err() {
            tokio::time::sleep(ENGINE_LOOK).await;
        }
        self.say(None).await;
    }

    /// Says what is wrong, or that nothing is any more.
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

    /// Notes how many jobs there are.
    pub(crate) async fn note_now(&self) {
        if let Err(fault) = self.note(clock::now()).await {
            tracing::warn!(error = format!("{fault:#}"), "the runner cannot note its state");
        }
    }

    fn told(&self) -> Option<String> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn note(&self, now: Timestamp) -> Result<()> {
        let slots = self.flow.settings.slots;
        let runner = Runner {
            name: self.flow.settings.instance.clone(),
            slots: i32::try_from(slots)?,
            busy: i32::try_from(slots.saturating_sub(self.slots.available_permits()))?,
            trouble: self.flow.edges.room.trouble().or_else(|| self.told()),
            seen_at: now,
        };
        let changed = self.flow.edges.store.note_runner(&runner).await?;
        if changed {
            self.flow.edges.broker.ring(Topic::Projects);
        }
        Ok(())
    }
}

/// Time until which a job that is claimed or kept now stays with its runner.
pub(crate) fn lease(now: Timestamp) -> Timestamp {
    now.after(LEASE)
}

/// The chain of causes as a sentence.
pub(crate) fn sentence(fault: &Error) -> String {
    begun_large(&format!("{fault:#}"))
}

/// The engine's fault in a sentence, without the step that met it: it is about all jobs.
pub(crate) fn trouble(fault: &Error) -> String {
    match fault.downcast_ref::<EngineError>() {
        Some(engine) => begun_large(&engine.to_string()),
        None => sentence(fault),
    }
}

fn begun_large(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", characters.as_str().trim_end_matches('.'))
}
