//! The first step: a delivery was stored and answered. Now it is read and becomes a job, or gets a reason why not.

mod automatic;
mod doubt;
mod fork;
mod order;
mod rest;
mod touched;

pub(crate) use doubt::Doubts;
use fork::Judged;
pub(crate) use order::{Questions, take_up};
use rest::ByPaths;
pub(crate) use touched::Touches;

use crate::{
    Flow,
    at_forge::{self, Answer},
    ring,
};
use anyhow::Result;
use kozmic_edges::{
    Edges,
    broker::Topic,
    clock,
    store::{Endpoint, Enqueued, HookCall, NewDelivery, ProjectChange, Stored, WaitingDelivery},
};
use kozmic_model::{
    event::{Change, Event, Gone},
    hook::Hook,
    ids::{DeliveryId, ProjectId},
    project::Project,
};
use std::time::Duration;

/// Longest pause between two looks for deliveries.
const LOOK: Duration = Duration::from_secs(5);

/// Pause after trouble.
const PAUSE: Duration = Duration::from_secs(1);

/// The reason why nothing is built for a ping.
const TRIED: &str = "the forge tried the hook's address";

/// Stores a delivery with a valid signature, and wakes the tasks that wait for deliveries.
///
/// # Errors
/// The database does not answer: the forge is to deliver again.
pub async fn delivery(edges: &Edges, delivery: NewDelivery) -> Result<Stored> {
    let stored = edges.store.deliveries().store_delivery(delivery, clock::now()).await?;
    edges.broker.ring(Topic::Deliveries);
    Ok(stored)
}

/// The reason why nothing can come of a delivery as it is, in a sentence for its sender. The delivery is stored all the
/// same: the fault may be ours.
///
/// # Errors
/// The database does not answer.
pub async fn unfit(edges: &Edges, delivery: &NewDelivery) -> Result<Option<String>> {
    let NewDelivery { endpoint, event, payload, .. } = delivery;
    if !edges.forge.is_of_use(event, at_forge::interest(*endpoint)) {
        return Ok(None);
    }
    let said = match edges.forge.event(event, payload) {
        Ok(said) => said,
        Err(fault) => return Ok(Some(fault.to_string())),
    };
    let told = edges.forge.pushed_repository(payload);
    match (endpoint, said, told) {
        (_, Event::Change(_), Err(fault)) => Ok(Some(fault.to_string())),
        (Endpoint::Hook(hook), Event::Change(_), Ok(told)) => {
            let Some(hook) = edges.store.hooks().hook(*hook).await? else { return Ok(None) };
            let project = edges.store.projects().project(hook.project).await?;
            let other = project.filter(|project| project.repository.id != told.id);
            Ok(other.map(|project| elsewhere(&project, &told.full_name())))
        }
        _ => Ok(None),
    }
}

/// Result of working on a delivery.
enum Seen {
    /// The delivery led to jobs, or to a reason why not.
    Settled,
    /// The delivery waits for the first configuration, or for the forge's answer about its repository or commit. It
    /// delays no other delivery.
    Waits,
}

/// Works on deliveries as they come, the oldest first. If the database or the disk has trouble with one, it is passed
/// over and tried again in the next round. So it delays no other, and is never given up.
pub(crate) async fn forever(flow: Flow) {
    let mut bell = flow.edges.broker.bell(Topic::Deliveries);
    let mut behind = DeliveryId(0);
    while !flow.stop.is_cancelled() {
        let fault = match flow.edges.store.deliveries().waiting_delivery(behind).await {
            Ok(Some(waiting)) => match work_on(&flow, &waiting).await {
                Ok(Seen::Settled) => {
                    flow.messages.forget(waiting.id);
                    flow.trusts.forget(waiting.id);
                    flow.touches.forget(waiting.id);
                    continue;
                }
                Ok(Seen::Waits) => {
                    behind = waiting.id;
                    continue;
                }
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

/// Settles one delivery. It fails only because of its own payload.
async fn work_on(flow: &Flow, waiting: &WaitingDelivery) -> Result<Seen> {
    let store = &flow.edges.store;
    let WaitingDelivery { id, ref delivery } = *waiting;
    let event = match flow.edges.forge.event(&delivery.event, &delivery.payload) {
        Ok(event) => event,
        Err(fault) => {
            tracing::warn!(delivery.uuid, %fault, "a delivery cannot be read");
            return store.deliveries().fail_delivery(id, &fault.to_string()).await.map(|()| Seen::Settled);
        }
    };
    match (delivery.endpoint, event) {
        (Endpoint::AutoBuilder, Event::Change(change)) => {
            return automatic::plan_push(flow, waiting, &change).await;
        }
        (Endpoint::AutoBuilder, Event::Moved) => {
            ignore(flow, waiting, "the Auto Builder hears of pushes only").await?;
        }
        (Endpoint::AutoBuilder, Event::Turned(turned)) => ignore(flow, waiting, &turned.why).await?,
        (_, Event::Ping) => store.deliveries().ignore_delivery(id, TRIED).await?,
        (Endpoint::Hook(hook), event) => match store.hooks().hook(hook).await? {
            Some(hook) => return enter(flow, waiting, &hook, event).await,
            None => ignore(flow, waiting, "its hook was deleted").await?,
        },
        (Endpoint::AutoBuilder, Event::Ignored(why)) => ignore(flow, waiting, &why).await?,
        (Endpoint::AutoBuilder, Event::Gone(gone)) => {
            let told = flow.edges.forge.pushed_repository(&delivery.payload);
            let project = match told {
                Ok(told) => store.auto_builder().project_about(told.id).await?,
                Err(_) => None,
            };
            match project {
                Some(project) => note_gone(flow, waiting, project.id, &gone).await?,
                None => ignore(flow, waiting, &gone.why).await?,
            }
        }
    }
    Ok(Seen::Settled)
}

/// Handles an event that a hook receives from its repository. Each event also carries facts of the repository.
async fn enter(flow: &Flow, waiting: &WaitingDelivery, hook: &Hook, event: Event) -> Result<Seen> {
    let Some(project) = flow.edges.store.projects().project(hook.project).await? else {
        return ignore(flow, waiting, "its project was deleted").await.map(|()| Seen::Settled);
    };
    match (flow.edges.forge.pushed_repository(&waiting.delivery.payload), &event) {
        (Ok(told), _) if told.id != project.repository.id => {
            let why = elsewhere(&project, &told.full_name());
            return ignore(flow, waiting, &why).await.map(|()| Seen::Settled);
        }
        (Ok(told), _) => {
            if !doubt::is_settled(flow, waiting.id, waiting.delivery.endpoint, &project, &told).await? {
                return Ok(Seen::Waits);
            }
        }
        // A push fails if its payload does not say which repository it is about.
        (Err(fault), Event::Change(_) | Event::Turned(_)) => {
            let failed = flow.edges.store.deliveries().fail_delivery(waiting.id, &fault.to_string()).await;
            return failed.map(|()| Seen::Settled);
        }
        (Err(_), _) => {}
    }
    match event {
        Event::Ping => ignore(flow, waiting, TRIED).await?,
        Event::Moved => look_again(flow, waiting, hook).await?,
        Event::Ignored(why) => ignore(flow, waiting, &why).await?,
        Event::Gone(gone) => note_gone(flow, waiting, project.id, &gone).await?,
        Event::Change(change) => return wake(flow, waiting, hook, &project, *change).await,
        Event::Turned(turned) if hook.settings.wake.minds(turned.turn) => {
            return wake(flow, waiting, hook, &project, turned.change).await;
        }
        Event::Turned(turned) => ignore(flow, waiting, &turned.why).await?,
    }
    Ok(Seen::Settled)
}

/// Makes a hook's job, unless the hook's rules or the change's author ask to skip it, or the change is from a fork that
/// is not built. A commit's message may ask to skip it, too. For a pull request the forge is asked for the message,
/// because the payload does not carry it.
async fn wake(
    flow: &Flow,
    waiting: &WaitingDelivery,
    hook: &Hook,
    project: &Project,
    change: Change,
) -> Result<Seen> {
    let mut change = match fork::judge(flow, waiting, project, &change) {
        Judged::Built { is_held } => Change { is_held, ..change },
        Judged::Awaited => return Ok(Seen::Waits),
        Judged::Refused(why) => {
            pass_over(flow, waiting, hook.project, &change, why).await?;
            order::look(flow, hook.project, &change.git_ref).await?;
            return Ok(Seen::Settled);
        }
    };
    // A stranger's push ends a standing approval, also if no hook runs for it. So it was judged before.
    if let Some(why) = hook.settings.wake.rests_by_event(&change) {
        return rest::note(flow, waiting, hook, &change, &why).await;
    }
    if change.message.is_none() && change.skip_word().is_none() {
        match at_forge::message(flow, waiting.id, hook.project, &change.sha).await? {
            Answer::Awaited => return Ok(Seen::Waits),
            Answer::Known((message, author)) => {
                change = Change { message: Some(message), author, ..change };
            }
            Answer::Unknown => {}
        }
    }
    let skipped = change.skip_word().map(skipped);
    if let Some(why) = skipped.or_else(|| hook.settings.wake.rests_by_words(&change)) {
        return rest::note(flow, waiting, hook, &change, &why).await;
    }
    let unknown = match rest::by_paths(flow, waiting, hook, &change) {
        ByPaths::Awaited => return Ok(Seen::Waits),
        ByPaths::Rests(why) => return rest::note(flow, waiting, hook, &change, &why).await,
        ByPaths::Wakes => None,
        ByPaths::WakesUnknowing(why) => Some(why),
    };
    let is_new = enqueue(flow, waiting, hook, &change).await?;
    if let Some(why) = unknown.filter(|_| is_new) {
        rest::remark(flow, waiting, &why).await;
    }
    order::look(flow, hook.project, &change.git_ref).await?;
    Ok(Seen::Settled)
}

/// Settles a push of which nothing is built. It is still a step of its branch.
async fn pass_over(
    flow: &Flow,
    waiting: &WaitingDelivery,
    project: ProjectId,
    change: &Change,
    why: &str,
) -> Result<()> {
    tracing::info!(delivery.uuid = waiting.delivery.uuid, why, "a delivery makes no build");
    if flow
        .edges
        .store
        .queue()
        .pass_over(waiting.id, ProjectChange { project, change }, why, clock::now())
        .await?
    {
        ring::step(&flow.edges, project);
    }
    Ok(())
}

/// Notes that a branch was deleted. It may come back at the same commit or another.
async fn note_gone(flow: &Flow, waiting: &WaitingDelivery, project: ProjectId, gone: &Gone) -> Result<()> {
    flow.edges.store.queue().note_gone(waiting.id, project, gone, clock::now()).await?;
    ring::step(&flow.edges, project);
    order::look(flow, project, &gone.git_ref).await
}

/// The reason why a hook ignores a delivery about another repository.
fn elsewhere(project: &Project, told: &str) -> String {
    format!(
        "this hook is about {}, and the delivery is about another repository, {told}",
        project.repository.full_name()
    )
}

fn skipped(word: &str) -> String {
    format!("its author asks to skip it with {word}")
}

async fn ignore(flow: &Flow, waiting: &WaitingDelivery, why: &str) -> Result<()> {
    tracing::info!(delivery.uuid = waiting.delivery.uuid, why, "a delivery makes no build");
    flow.edges.store.deliveries().ignore_delivery(waiting.id, why).await
}

/// Asks the forge again for a repository and its members: they changed there.
async fn look_again(flow: &Flow, waiting: &WaitingDelivery, hook: &Hook) -> Result<()> {
    let (edges, project) = (flow.edges.clone(), hook.project);
    flow.tasks.spawn(async move {
        if let Err(fault) = at_forge::members(&edges, project).await {
            let error = format!("{fault:#}");
            tracing::warn!(project.id = project.0, error, "a project could not be brought in line");
        }
    });
    ignore(flow, waiting, "the repository or its members changed: they are looked at again").await
}

/// Makes a hook's job; false if it was made before.
async fn enqueue(flow: &Flow, waiting: &WaitingDelivery, hook: &Hook, change: &Change) -> Result<bool> {
    let store = &flow.edges.store;
    let spec = hook.settings.job(hook.id);
    let call = HookCall { delivery: waiting.id, hook: hook.id };
    let heard = ProjectChange { project: hook.project, change };
    let enqueued = store.queue().enqueue(call, heard, &spec, clock::now()).await?;
    ring::step(&flow.edges, hook.project);
    let Enqueued::Job(build, job) = enqueued else { return Ok(false) };
    tracing::info!(build.id = build.id.0, build.number, job.id = job.0, %change.sha, "a job was enqueued");
    ring::change(&flow.edges, build.project, job);
    if change.message.is_none() {
        flow.tasks.spawn(at_forge::description(flow.clone(), *build, job));
    }
    Ok(true)
}
