//! The first step: a delivery was stored and answered; now it is understood and becomes a job, or a reason why not.

use crate::{Flow, plan, report, sync};
use anyhow::Result;
use kozmic_edges::{
    Edges,
    broker::Topic,
    clock,
    store::{Enqueued, NewDelivery, Stored, WaitingDelivery},
};
use kozmic_model::event::{Change, Event};
use std::time::Duration;

/// How often to look for deliveries without being woken.
const LOOK: Duration = Duration::from_secs(5);

/// A delivery that cannot be worked on so often is put aside, so that it does not hold up the others.
const TRIES: u32 = 5;

/// Stores a delivery whose signature holds, and wakes who waits for it.
///
/// # Errors
/// The database does not answer: the forge is to deliver again.
pub async fn delivery(edges: &Edges, delivery: NewDelivery) -> Result<Stored> {
    let stored = edges.store.store_delivery(delivery, clock::now()).await?;
    edges.broker.ring(Topic::Deliveries);
    Ok(stored)
}

/// Works on deliveries as they come, the oldest first.
pub(crate) async fn forever(flow: Flow) {
    let mut bell = flow.edges.broker.bell(Topic::Deliveries);
    let mut tries = 0;
    while !flow.stop.is_cancelled() {
        match next(&flow, tries).await {
            Ok(true) => tries = 0,
            Ok(false) => tokio::select! {
                () = bell.rung() => {}
                () = tokio::time::sleep(LOOK) => {}
                () = flow.stop.cancelled() => {}
            },
            Err(fault) => {
                tries += 1;
                tracing::error!(error = format!("{fault:#}"), tries, "a delivery could not be worked on");
                flow.pause(Duration::from_secs(1)).await;
            }
        }
    }
}

/// Works on the oldest delivery; false if there is none.
async fn next(flow: &Flow, tries: u32) -> Result<bool> {
    let store = &flow.edges.store;
    let Some(waiting) = store.waiting_delivery().await? else { return Ok(false) };
    if tries >= TRIES {
        store.fail_delivery(waiting.id, "it could not be worked on; the server's log says why").await?;
        return Ok(true);
    }
    let WaitingDelivery { id, ref delivery } = waiting;
    match flow.edges.forge.event(&delivery.event, &delivery.payload) {
        Ok(Event::Change(change)) => match change.skip_word() {
            Some(word) => {
                store.ignore_delivery(id, &format!("its author asks to skip it with {word}")).await?
            }
            None => enqueue(flow, &waiting, &change).await?,
        },
        Ok(Event::Ping) => store.ignore_delivery(id, "the forge tried the hook's address").await?,
        Ok(Event::Ignored(why)) => store.ignore_delivery(id, &why).await?,
        Err(fault) => {
            tracing::warn!(delivery.uuid, %fault, "a delivery could not be read");
            store.fail_delivery(id, &fault.to_string()).await?;
        }
    }
    Ok(true)
}

async fn enqueue(flow: &Flow, waiting: &WaitingDelivery, change: &Change) -> Result<()> {
    let store = &flow.edges.store;
    let Some(hook) = store.hook(waiting.delivery.hook).await? else {
        return store.ignore_delivery(waiting.id, "its hook was deleted").await;
    };
    let spec = plan::job(&hook);
    let enqueued = store.enqueue(waiting.id, (hook.project, hook.id), (change, &spec), clock::now()).await?;
    let Enqueued::Job(build, job) = enqueued else { return Ok(()) };
    flow.edges.broker.ring(Topic::Jobs);
    tracing::info!(build.id = build.id.0, build.number, job.id = job.0, %change.sha, "a job was enqueued");
    report::change(&flow.edges, build.project, job);
    if change.message.is_none() {
        flow.tasks.spawn(sync::description(flow.clone(), *build, job));
    }
    Ok(())
}
