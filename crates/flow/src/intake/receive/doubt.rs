//! Handles a delivery that describes its repository differently from what is known: the forge is asked, and its answer
//! counts. The payload may be old or forged. But it may also be the first to tell a new name, while the old name
//! already belongs to another repository. While the forge does not answer, the delivery waits and delays no other.

use crate::{
    Flow,
    at_forge::{self, keys, patience},
    configuration,
};
use anyhow::Result;
use kozmic_edges::{broker::Topic, clock, store::Endpoint};
use kozmic_model::{
    ids::{DeliveryId, ProjectId},
    project::{Project, Repository},
};
use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Pauses between tries to ask the forge, in seconds. The last one is repeated.
const PAUSES: [u64; 5] = [1, 5, 15, 30, 60];

/// Deliveries that wait for the forge's answer; cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Doubts(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    /// The deliveries that wait, by their project. For each project in this map the forge is being asked.
    waiting: HashMap<ProjectId, HashSet<DeliveryId>>,
    /// The deliveries about which the forge is being asked right now.
    underway: HashSet<DeliveryId>,
    /// The deliveries about which the forge was asked.
    asked: HashSet<DeliveryId>,
}

impl Doubts {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The deliveries that the next question is about; empty if none waits any more.
    fn next(&self, project: ProjectId) -> Vec<DeliveryId> {
        let mut state = self.state();
        let batch = state.waiting.get_mut(&project).map(std::mem::take).unwrap_or_default();
        if batch.is_empty() {
            state.waiting.remove(&project);
        }
        state.underway.extend(&batch);
        batch.into_iter().collect()
    }

    fn settle(&self, batch: &[DeliveryId]) {
        let mut state = self.state();
        for delivery in batch {
            state.underway.remove(delivery);
            state.asked.insert(*delivery);
        }
    }
}

/// True if this delivery may be built on the known facts of its project's repository. If false, the forge is being
/// asked, and the bell rings afterwards. An ordinary delivery costs no call.
///
/// # Errors
/// The database does not answer.
pub(super) async fn is_settled(
    flow: &Flow,
    delivery: DeliveryId,
    endpoint: Endpoint,
    project: &Project,
    told: &Repository,
) -> Result<bool> {
    if flow.doubts.state().asked.remove(&delivery) || project.repository.is_as_told(told) {
        return Ok(true);
    }
    // Hiding comes first: once the delivery waits, a task has to be asking, so nothing in between may fail.
    if told.private && !project.repository.private {
        flow.edges.store.projects().hide_project(project.id, clock::now()).await?;
        ring(flow, project.id);
    }
    let is_new = {
        let mut state = flow.doubts.state();
        if state.underway.contains(&delivery) {
            return Ok(false);
        }
        let is_new = !state.waiting.contains_key(&project.id);
        state.waiting.entry(project.id).or_default().insert(delivery);
        is_new
    };
    if is_new {
        let name = told.full_name();
        tracing::info!(project.id = project.id.0, told = name, "a delivery tells a repository otherwise");
        flow.tasks.spawn(ask(flow.clone(), project.clone(), endpoint));
    }
    Ok(false)
}

/// Asks the forge until no delivery waits for its answer any more.
async fn ask(flow: Flow, project: Project, endpoint: Endpoint) {
    loop {
        let batch = flow.doubts.next(project.id);
        if batch.is_empty() {
            return;
        }
        if !answered(&flow, &project, endpoint).await {
            return;
        }
        flow.doubts.settle(&batch);
        flow.edges.broker.ring(Topic::Deliveries);
        ring(&flow, project.id);
        if let Err(fault) = look_at_members(&flow, &project).await {
            let error = format!("{fault:#}");
            tracing::warn!(project.id = project.id.0, error, "a project could not be brought in line");
        }
    }
}

/// Asks for the members again if the owner or the visibility changed: other people may see the project now.
async fn look_at_members(flow: &Flow, before: &Project) -> Result<()> {
    let now = flow.edges.store.projects().project(before.id).await?.map(|project| project.repository);
    let eyes = |it: &Repository| (it.owner.clone(), it.private);
    match now {
        Some(now) if eyes(&now) != eyes(&before.repository) => {
            at_forge::members(&flow.edges, before.id).await
        }
        _ => Ok(()),
    }
}

fn ring(flow: &Flow, project: ProjectId) {
    for topic in [Topic::Project(project), Topic::Projects, Topic::Monitor] {
        flow.edges.broker.ring(topic);
    }
}

/// Asks until the forge answers, or until nobody is left whom it would answer. False if everything stops meanwhile.
async fn answered(flow: &Flow, project: &Project, endpoint: Endpoint) -> bool {
    for tries in 0.. {
        let asked_at = clock::now();
        let fault = match look_up(flow, project, endpoint).await {
            Ok(()) => match flow.edges.store.projects().believe_forge(project.id, asked_at).await {
                Ok(()) => return true,
                Err(fault) => fault,
            },
            Err(fault) => fault,
        };
        let error = format!("{fault:#}");
        tracing::warn!(project.id = project.id.0, error, "a repository cannot be looked up");
        if !patience::may_pass(&fault) && flow.edges.store.ping().await.is_ok() {
            return true;
        }
        if !flow.pause(patience::pause(&PAUSES, tries, &fault)).await {
            return false;
        }
    }
    true
}

/// Brings the known facts of a project in line with the forge.
async fn look_up(flow: &Flow, project: &Project, endpoint: Endpoint) -> Result<()> {
    if endpoint == Endpoint::AutoBuilder
        && configuration::look_up(flow, project.repository.id).await?.is_some()
    {
        return Ok(());
    }
    keys::follow(&flow.edges, project.id).await
}
