//! Answers of the forge that deliveries wait for. A delivery that waits does not delay the others, and does not wait
//! without end.

use crate::{Flow, at_forge::patience};
use anyhow::Result;
use kozmic_edges::broker::Topic;
use kozmic_model::ids::DeliveryId;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::sync::Semaphore;

/// Pauses before the forge is asked again, in seconds. After the last one, its answer counts as unknown.
const PAUSES: [u64; 4] = [0, 1, 5, 20];

/// Number of answers that are asked for at once.
const AT_ONCE: usize = 4;

/// An answer of the forge, as far as it is known.
#[derive(Clone, Debug)]
pub(crate) enum Answer<T> {
    /// The forge is being asked. The deliveries' bell rings when it has answered.
    Awaited,
    /// The forge gave this answer.
    Known(T),
    /// The forge gave no answer.
    Unknown,
}

/// Answers of one kind, by the delivery that waits for each; cheap to clone.
#[derive(Clone)]
pub(crate) struct Asked<T> {
    all: Arc<Mutex<HashMap<DeliveryId, Answer<T>>>>,
    turns: Arc<Semaphore>,
}

impl<T> Default for Asked<T> {
    fn default() -> Self {
        Self { all: Arc::default(), turns: Arc::new(Semaphore::new(AT_ONCE)) }
    }
}

impl<T: Clone + Send + 'static> Asked<T> {
    /// The answer for a delivery; none if the forge was not asked.
    pub(crate) fn answer(&self, delivery: DeliveryId) -> Option<Answer<T>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner).get(&delivery).cloned()
    }

    /// Removes the answer for a delivery that is settled.
    pub(crate) fn forget(&self, delivery: DeliveryId) {
        self.all.lock().unwrap_or_else(PoisonError::into_inner).remove(&delivery);
    }

    fn set(&self, delivery: DeliveryId, answer: Answer<T>) {
        self.all.lock().unwrap_or_else(PoisonError::into_inner).insert(delivery, answer);
    }

    /// Begins to ask the forge in the background.
    pub(crate) fn ask<F>(
        &self,
        flow: &Flow,
        delivery: DeliveryId,
        ask: impl Fn(Flow) -> F + Send + Sync + 'static,
    ) where
        F: Future<Output = Result<T>> + Send,
    {
        self.set(delivery, Answer::Awaited);
        let (asked, flow) = (self.clone(), flow.clone());
        flow.tasks.clone().spawn(async move {
            // If everything stops, the next start asks anew.
            if let Some(answer) = flow.stop.run_until_cancelled(asked.patiently(&flow, ask)).await {
                asked.set(delivery, answer);
                flow.edges.broker.ring(Topic::Deliveries);
            }
        });
    }

    async fn patiently<F>(&self, flow: &Flow, ask: impl Fn(Flow) -> F) -> Answer<T>
    where
        F: Future<Output = Result<T>>,
    {
        for pause in PAUSES {
            if pause > 0 && !flow.pause(Duration::from_secs(pause)).await {
                break;
            }
            let _turn = self.turns.acquire().await;
            match ask(flow.clone()).await {
                Ok(answer) => return Answer::Known(answer),
                Err(fault) => {
                    let is_final = patience::is_refusal(&fault);
                    tracing::info!(error = format!("{fault:#}"), "the forge's answer is not known yet");
                    if is_final {
                        break;
                    }
                }
            }
        }
        Answer::Unknown
    }
}
