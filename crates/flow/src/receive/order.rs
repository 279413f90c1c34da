//! Asks the forge where a branch is, if its known pushes leave it open which one was the last. That goes on beside the
//! way of the push.

use crate::{Flow, speak};
use anyhow::Result;
use kozmic_edges::{broker::Topic, clock, forge::ForgeError};
use kozmic_model::{git::GitRef, ids::ProjectId};
use std::time::Duration;

/// Pauses before the forge is asked, in seconds. Within the first one other deliveries may make it plain.
const PAUSES: [u64; 5] = [1, 2, 10, 60, 300];

/// Asks the forge where a branch is, if that is in doubt. Of other refs the last one that came in counts.
///
/// # Errors
/// The database does not answer.
pub(super) async fn look(flow: &Flow, project: ProjectId, git_ref: &GitRef) -> Result<()> {
    let GitRef::Branch(branch) = git_ref else { return Ok(()) };
    if flow.edges.store.doubt(project, git_ref).await?.is_some() {
        flow.tasks.spawn(ask(flow.clone(), project, branch.clone()));
    }
    Ok(())
}

async fn ask(flow: Flow, project: ProjectId, branch: String) {
    for pause in PAUSES {
        if !flow.pause(Duration::from_secs(pause)).await {
            return;
        }
        let Err(fault) = settle(&flow, project, &branch).await else { return };
        let error = format!("{fault:#}");
        tracing::warn!(project.id = project.0, error, "the forge does not say yet where a branch is");
        if fault.downcast_ref::<ForgeError>().is_some_and(|fault| fault.try_again().is_none()) {
            return;
        }
    }
}

async fn settle(flow: &Flow, project: ProjectId, branch: &str) -> Result<()> {
    let (store, forge) = (&flow.edges.store, flow.edges.forge.as_ref());
    let git_ref = GitRef::Branch(branch.to_owned());
    let Some(last) = store.doubt(project, &git_ref).await? else { return Ok(()) };
    let head = |token, repository| async move { forge.head(&token, &repository, branch).await };
    let head = speak::for_project(&flow.edges, project, head).await?.map(|head| head.sha);
    store.note_seen(project, (&git_ref, head.as_ref()), last, clock::now()).await?;
    for topic in [Topic::Jobs, Topic::Outbox, Topic::Project(project), Topic::Projects, Topic::Monitor] {
        flow.edges.broker.ring(topic);
    }
    Ok(())
}
