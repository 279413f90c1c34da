//! The message of a commit that a pull request is about: its payload does not carry it, and it may ask to skip the
//! build. The delivery waits for it beside all others, and not without end.

use super::describe;
use crate::{Flow, at_forge::patience};
use anyhow::Result;
use kozmic_edges::broker::Topic;
use kozmic_model::{
    event::Author,
    git::Sha,
    ids::{DeliveryId, ProjectId},
};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::sync::Semaphore;

/// Pauses before the forge is asked again. After the last one, a build begins whose message is not known.
const PAUSES: [u64; 4] = [0, 1, 5, 20];

/// Number of commits that are asked for at once.
const AT_ONCE: usize = 4;

/// Message of a commit, as far as it is known.
#[derive(Clone, Debug)]
pub(crate) enum Message {
    /// The forge is being asked. The deliveries' bell rings when it has answered.
    Awaited,
    /// The message, and the author of the commit.
    Known(String, Author),
    /// The forge does not tell.
    Unknown,
}

/// Messages that deliveries wait for.
#[derive(Clone)]
pub(crate) struct Messages {
    all: Arc<Mutex<HashMap<DeliveryId, Message>>>,
    turns: Arc<Semaphore>,
}

impl Default for Messages {
    fn default() -> Self {
        Self { all: Arc::default(), turns: Arc::new(Semaphore::new(AT_ONCE)) }
    }
}

impl Messages {
    fn set(&self, delivery: DeliveryId, message: Message) {
        self.all.lock().unwrap_or_else(PoisonError::into_inner).insert(delivery, message);
    }

    /// The message as far as it is known by now, if the forge is asked already; an answer is forgotten with that.
    fn take(&self, delivery: DeliveryId) -> Option<Message> {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        let message = all.remove(&delivery)?;
        if let Message::Awaited = message {
            all.insert(delivery, Message::Awaited);
        }
        Some(message)
    }
}

/// The message of the commit that a delivery is about, as far as it is known; else the forge is asked for it.
///
/// # Errors
/// The database does not answer.
pub(crate) async fn message(
    flow: &Flow,
    delivery: DeliveryId,
    project: ProjectId,
    sha: &Sha,
) -> Result<Message> {
    if let Some(message) = flow.messages.take(delivery) {
        return Ok(message);
    }
    if let Some((message, author)) = flow.edges.store.description_of(project, sha).await? {
        return Ok(Message::Known(message, author));
    }
    flow.messages.set(delivery, Message::Awaited);
    let (asking, sha) = (flow.clone(), sha.clone());
    flow.tasks.spawn(async move {
        let message = ask(&asking, project, &sha).await;
        asking.messages.set(delivery, message);
        asking.edges.broker.ring(Topic::Deliveries);
    });
    Ok(Message::Awaited)
}

async fn ask(flow: &Flow, project: ProjectId, sha: &Sha) -> Message {
    for pause in PAUSES {
        if pause > 0 && !flow.pause(Duration::from_secs(pause)).await {
            break;
        }
        let _turn = flow.messages.turns.acquire().await;
        match describe::ask(flow, project, sha).await {
            Ok((message, author)) => return Message::Known(message, author),
            Err(fault) => {
                let is_final = patience::is_refusal(&fault);
                tracing::info!(%sha, error = format!("{fault:#}"), "a commit's message is not known yet");
                if is_final {
                    break;
                }
            }
        }
    }
    Message::Unknown
}
