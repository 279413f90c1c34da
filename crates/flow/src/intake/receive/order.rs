//! Asks the forge where a branch is, if its known pushes do not tell which was the last. That happens in the background
//! until the forge answers. At a start, open questions of an earlier process are asked again.

use crate::{
    Flow,
    at_forge::{patience, speak},
    ring,
};
use anyhow::Result;
use kozmic_edges::{clock, store::RefAtForge};
use kozmic_model::{git::GitRef, ids::ProjectId};
use std::{
    collections::HashSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// Pauses before the forge is asked, in seconds. The last one is repeated. During the first one other deliveries may
/// settle the doubt.
const PAUSES: [u64; 5] = [1, 2, 10, 60, 300];

/// Age up to which a doubt is worth a question after a start.
const FRESH: Duration = Duration::from_secs(7 * 86_400);

/// The branches that the forge is going to be asked about; cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Questions(Arc<Mutex<HashSet<(ProjectId, String)>>>);

impl Questions {
    fn open(&self) -> MutexGuard<'_, HashSet<(ProjectId, String)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Asks the forge where branches are that were in doubt when the process before this one ended.
pub(crate) async fn take_up(flow: Flow) {
    loop {
        let Err(fault) = look_at_all(&flow).await else { return };
        tracing::warn!(error = format!("{fault:#}"), "doubts about branches cannot be looked for yet");
        if !flow.pause(Duration::from_secs(60)).await {
            return;
        }
    }
}

async fn look_at_all(flow: &Flow) -> Result<()> {
    for (project, git_ref) in flow.edges.store.queue().refs_moved_since(clock::now().before(FRESH)).await? {
        look(flow, project, &git_ref).await?;
    }
    Ok(())
}

/// Asks the forge where a branch is, if that is in doubt. For other refs the last delivery that came in counts.
///
/// # Errors
/// The database does not answer.
pub(super) async fn look(flow: &Flow, project: ProjectId, git_ref: &GitRef) -> Result<()> {
    let GitRef::Branch(branch) = git_ref else { return Ok(()) };
    if flow.edges.store.queue().doubt(project, git_ref).await?.is_some()
        && flow.questions.open().insert((project, branch.clone()))
    {
        flow.tasks.spawn(ask(flow.clone(), project, branch.clone()));
    }
    Ok(())
}

async fn ask(flow: Flow, project: ProjectId, branch: String) {
    let mut wait = Duration::from_secs(PAUSES[0]);
    for tries in 1.. {
        if !flow.pause(wait).await {
            return;
        }
        // The question is closed before the call: the answer may be older than a push that comes in from here on, so
        // that push asks again.
        flow.questions.open().remove(&(project, branch.clone()));
        let Err(fault) = settle(&flow, project, &branch).await else { return };
        let error = format!("{fault:#}");
        tracing::warn!(project.id = project.0, error, "the forge does not say yet where a branch is");
        if patience::is_refusal(&fault) || !flow.questions.open().insert((project, branch.clone())) {
            return;
        }
        wait = patience::pause(&PAUSES, tries, &fault);
    }
}

async fn settle(flow: &Flow, project: ProjectId, branch: &str) -> Result<()> {
    let (store, forge) = (&flow.edges.store, flow.edges.forge.as_ref());
    let git_ref = GitRef::Branch(branch.to_owned());
    let Some(last) = store.queue().doubt(project, &git_ref).await? else { return Ok(()) };
    let head = |token, repository| async move { forge.head(&token, &repository, branch).await };
    let head = speak::for_project(&flow.edges, project, head).await?.map(|head| head.sha);
    let seen = RefAtForge { git_ref: &git_ref, sha: head.as_ref(), last_known: last };
    store.queue().note_seen(project, seen, clock::now()).await?;
    ring::step(&flow.edges, project);
    Ok(())
}
