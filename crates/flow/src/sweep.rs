//! Removes what nobody needs any more: surplus images, deliveries that were understood long ago, and what deleted
//! projects left.

mod old;

pub use old::Retention;

use crate::{Flow, at_forge::patience, images, publish};
use anyhow::{Context, Result};
use kozmic_edges::{broker::Topic, clock};
use kozmic_model::{
    ids::{JobId, ProjectId},
    job::Attempt,
};
use std::time::Duration;

const EVERY: Duration = Duration::from_secs(600);

/// Time for which a runner is thought to have a project's repository and images. Runners keep mirrors as long.
const BUILT_KEPT: Duration = Duration::from_hours(30 * 24);

/// Interval between looks at the disk.
const ROOM: Duration = Duration::from_secs(1);

/// The most entries of the audit trail, even if they are young: about 100 MiB.
const MOST_ENTRIES: u64 = 500_000;

pub(crate) async fn forever(flow: Flow) {
    loop {
        if let Err(fault) = all_images(&flow).await {
            tracing::warn!(error = format!("{fault:#}"), "cached images could not be swept up");
        }
        old::forget(&flow).await;
        if let Err(fault) = outbox(&flow).await {
            tracing::warn!(error = format!("{fault:#}"), "the outbox cannot be looked through");
        }
        let now = clock::now();
        match flow.edges.store.audit().forget_audit(now.before(flow.settings.audit_kept), MOST_ENTRIES).await
        {
            Ok(0) => {}
            Ok(count) => tracing::info!(count, "old entries of the audit trail were forgotten"),
            Err(fault) => tracing::warn!(error = format!("{fault:#}"), "old entries of the audit trail stay"),
        }
        if let Err(fault) = flow.edges.store.missed().forget_missed(now.before(old::UNDERSTOOD_KEPT)).await {
            tracing::warn!(error = format!("{fault:#}"), "old notes of missed deliveries stay");
        }
        if let Err(fault) = flow.edges.store.runners().forget_built(now.before(BUILT_KEPT)).await {
            tracing::warn!(error = format!("{fault:#}"), "old notes of what runners built stay");
        }
        let has_room = flow.edges.room.is_used_up().is_none();
        if let Err(fault) = flow.edges.mirrors.look_after(has_room).await {
            tracing::warn!(%fault, "mirrors could not be tidied up");
        }
        if !flow.pause(EVERY).await {
            return;
        }
    }
}

/// Shortens waits in the outbox that a wrong clock made too long, and drops messages of notifiers that the settings name
/// no longer.
async fn outbox(flow: &Flow) -> Result<()> {
    let (outbox, now) = (flow.edges.store.outbox(), clock::now());
    if outbox.shorten_waits(now.after(patience::LONGEST_WAIT), now).await? > 0 {
        flow.edges.broker.ring(Topic::Outbox);
    }
    let count = outbox.drop_unsendable(&flow.edges.notifiers.names()).await?;
    if count > 0 {
        tracing::info!(count, "messages that no notifier sends were dropped");
    }
    Ok(())
}

/// Manages the ballast: on a full disk it is removed, so that what was promised can still be noted.
pub(crate) async fn room(flow: Flow) {
    loop {
        if let Err(fault) = flow.edges.room.trim() {
            tracing::debug!(%fault, "the disk's room cannot be looked after");
        }
        if !flow.pause(ROOM).await {
            return;
        }
    }
}

/// Erases the data of deleted projects, as soon as none of their jobs runs any more.
pub(crate) async fn deleted_projects(flow: Flow) {
    let mut bell = flow.edges.broker.bell(Topic::DeletedProjects);
    while !flow.stop.is_cancelled() {
        if let Err(fault) = erase_deleted_projects(&flow).await {
            tracing::warn!(error = format!("{fault:#}"), "the data of a deleted project is not erased yet");
        }
        tokio::select! {
            () = bell.rung() => {}
            () = tokio::time::sleep(EVERY) => {}
            () = flow.stop.cancelled() => {}
        }
    }
}

async fn erase_deleted_projects(flow: &Flow) -> Result<()> {
    for project in flow.edges.store.projects().erasable_projects().await? {
        match erase_deleted_project(flow, project).await {
            Ok(()) => {
                tracing::info!(project.id = project.0, "the data of a deleted project is erased");
                flow.edges.broker.ring(Topic::Images);
            }
            Err(fault) => tracing::warn!(
                project.id = project.0,
                error = format!("{fault:#}"),
                "the data of a deleted project is not erased yet"
            ),
        }
    }
    Ok(())
}

/// Erases the data of one deleted project. A new try can begin at any point, because the project's rows go last.
async fn erase_deleted_project(flow: &Flow, project: ProjectId) -> Result<()> {
    let edges = &flow.edges;
    let mut behind = JobId(0);
    loop {
        let attempts = edges.store.projects().last_attempts(project, behind).await?;
        let Some(last) = attempts.last() else { break };
        behind = last.job;
        for Attempt { job, number } in attempts {
            for number in 1..=number {
                edges.logs.remove(Attempt { job, number }).await?;
            }
        }
    }
    edges.mirrors.remove(project).await.context("remove a mirror")?;
    if edges.store.projects().drops_artifacts(project).await? {
        publish::removal::of_project(flow, project).await.context("remove a project's artifacts")?;
    }
    all_images(flow).await?;
    edges.store.projects().erase_project(project).await
}

/// Removes images from the server's own engine. A server without slots may have none.
async fn all_images(flow: &Flow) -> Result<()> {
    if flow.settings.slots == 0 {
        return Ok(());
    }
    let (store, shelf) = (&flow.edges.store, flow.shelf());
    images::trim(store, &shelf, flow.settings.cached_images).await?;
    images::remove_strays(store, &shelf).await?;
    images::remove_nameless(flow).await
}
