//! The first step: a delivery was stored and answered; now it is understood and becomes a job, or a reason why not.

use crate::{Flow, plan, report, sync};
use anyhow::Result;
use kozmic_edges::{
    Edges,
    broker::Topic,
    clock,
    store::{Enqueued, NewDelivery, Stored, WaitingDelivery},
};
use kozmic_model::{
    event::{Change, Event},
    ids::DeliveryId,
};
use std::time::Duration;

/// How often to look for deliveries without being woken.
const LOOK: Duration = Duration::from_secs(5);

/// How long to wait after trouble.
const PAUSE: Duration = Duration::from_secs(1);

/// Stores a delivery whose signature holds, and wakes who waits for it.
///
/// # Errors
/// The database does not answer: the forge is to deliver again.
pub async fn delivery(edges: &Edges, delivery: NewDelivery) -> Result<Stored> {
    let stored = edges.store.store_delivery(delivery, clock::now()).await?;
    edges.broker.ring(Topic::Deliveries);
    Ok(stored)
}

/// Works on deliveries as they come, the oldest first. One that cannot be worked on, because the database or the disk
/// has trouble, is passed over and tried again in the next round: it holds up no other, and is never given up.
pub(crate) async fn forever(flow: Flow) {
    let mut bell = flow.edges.broker.bell(Topic::Deliveries);
    let mut behind = DeliveryId(0);
    while !flow.stop.is_cancelled() {
        let fault = match flow.edges.store.waiting_delivery(behind).await {
            Ok(Some(waiting)) => match work_on(&flow, &waiting).await {
                Ok(()) => continue,
                Err(fault) => {
                    behind = waiting.id;
                    Some(fault)
                }
            },
            Ok(None) => None,
            Err(fault) => Some(fault),
        };
        if let Some(fault) = fault {
            tracing::error!(error = format!("{fault:#}"), "a delivery could not be worked on yet");
            flow.pause(PAUSE).await;
            continue;
        }
        behind = DeliveryId(0);
        tokio::select! {
            () = bell.rung() => {}
            () = tokio::time::sleep(LOOK) => {}
            () = flow.stop.cancelled() => {}
        }
    }
}

/// Settles one delivery. Only what its payload says can settle it as failed.
async fn work_on(flow: &Flow, waiting: &WaitingDelivery) -> Result<()> {
    let store = &flow.edges.store;
    let WaitingDelivery { id, ref delivery } = *waiting;
    match flow.edges.forge.event(&delivery.event, &delivery.payload) {
        Ok(Event::Change(change)) => match change.skip_word() {
            Some(word) => ignore(flow, waiting, &format!("its author asks to skip it with {word}")).await,
            None => enqueue(flow, waiting, &change).await,
        },
        Ok(Event::Ping) => store.ignore_delivery(id, "the forge tried the hook's address").await,
        Ok(Event::Moved) => look_again(flow, waiting).await,
        Ok(Event::Ignored(why)) => ignore(flow, waiting, &why).await,
        Err(fault) => {
            tracing::warn!(delivery.uuid, %fault, "a delivery cannot be read");
            store.fail_delivery(id, &fault.to_string()).await
        }
    }
}

async fn ignore(flow: &Flow, waiting: &WaitingDelivery, why: &str) -> Result<()> {
    tracing::info!(delivery.uuid = waiting.delivery.uuid, why, "a delivery makes no build");
    flow.edges.store.ignore_delivery(waiting.id, why).await
}

/// The repository or its people changed at the forge: what is known of them is asked for anew.
async fn look_again(flow: &Flow, waiting: &WaitingDelivery) -> Result<()> {
    let Some(hook) = flow.edges.store.hook(waiting.delivery.hook).await? else {
        return ignore(flow, waiting, "its hook was deleted").await;
    };
    let edges = flow.edges.clone();
    flow.tasks.spawn(async move {
        if let Err(fault) = sync::members(&edges, hook.project).await {
            let error = format!("{fault:#}");
            tracing::warn!(project.id = hook.project.0, error, "a project could not be brought in line");
        }
    });
    ignore(flow, waiting, "the repository or its members changed: they are looked at again").await
}

async fn enqueue(flow: &Flow, waiting: &WaitingDelivery, change: &Change) -> Result<()> {
    let store = &flow.edges.store;
    let Some(hook) = store.hook(waiting.delivery.hook).await? else {
        return ignore(flow, waiting, "its hook was deleted").await;
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
