//! Webhooks: creates, restores and removes them. Removes everything that a project has at the forge when the project is
//! deleted.

use crate::at_forge::{keys, speak};
use anyhow::{Context, Result, bail};
use kozmic_edges::{
    Edges,
    broker::Topic,
    clock,
    forge::{Interest, Webhook},
    store::Endpoint,
};
use kozmic_model::{
    hook::Hook,
    ids::{HookId, ProjectId},
};
use url::Url;

/// The events that the webhook of an endpoint is made for.
pub(crate) fn interest(endpoint: Endpoint) -> Interest {
    match endpoint {
        Endpoint::Hook(_) => Interest::PushesAndPulls,
        Endpoint::AutoBuilder => Interest::Pushes,
    }
}

/// Creates a hook's webhook at the forge, or changes it to what the hook needs.
///
/// # Errors
/// The forge refuses or does not answer: the hook stays, and this can be tried again.
pub async fn webhook(edges: &Edges, public_url: &Url, hook: &Hook) -> Result<()> {
    let secret = edges.store.hooks().webhook_secret(hook.id).await?;
    let wanted =
        &Webhook { url: hook_url(public_url, hook.id)?, interest: interest(Endpoint::Hook(hook.id)), secret };
    let (forge, known) = (edges.forge.as_ref(), hook.webhook);
    let ensure =
        |token, repository| async move { forge.ensure_webhook(&token, &repository, wanted, known).await };
    let webhook = speak::for_project(edges, hook.project, ensure).await?;
    if edges.store.hooks().hook(hook.id).await?.is_none() {
        // The deletion could not see this webhook: it was still being created.
        disconnect(edges, public_url, &Hook { webhook: Some(webhook), ..hook.clone() }).await?;
        bail!("the hook was deleted meanwhile");
    }
    edges.store.hooks().connect_hook(hook.id, webhook).await
}

/// Removes a hook's webhook from the forge and deletes the hook. Its builds stay.
///
/// # Errors
/// The forge refuses or does not answer: then nothing is deleted, and this can be tried again.
pub async fn delete_hook(edges: &Edges, public_url: &Url, hook: &Hook) -> Result<()> {
    disconnect(edges, public_url, hook).await?;
    edges.store.hooks().delete_hook(hook.id).await?;
    edges.broker.ring(Topic::Project(hook.project));
    Ok(())
}

/// Restores at the forge what a project needs there, however it was changed or removed by hand. Gives a sentence for
/// each thing that could not be restored.
///
/// # Errors
/// The database does not answer.
pub async fn restore(edges: &Edges, public_url: &Url, id: ProjectId) -> Result<Vec<String>> {
    let project = edges.store.projects().project(id).await?.context("the project is gone")?;
    let mut faults = Vec::new();
    for hook in edges.store.hooks().hooks_of(id).await? {
        if let Err(fault) = webhook(edges, public_url, &hook).await {
            faults.push(format!("The webhook of \"{}\" is not in order: {fault:#}.", hook.settings.title));
        }
    }
    if project.repository.private
        && let Err(fault) = keys::deploy_key(edges, id).await
    {
        faults.push(format!("The deploy key is not in order: {fault:#}."));
    }
    edges.broker.ring(Topic::Project(id));
    Ok(faults)
}

/// Removes what a project has at the forge, and then the project itself. Gives a sentence for each thing that is left
/// at the forge. If anything is left, the project stays, and this can be tried again.
///
/// # Errors
/// The database does not answer.
pub async fn delete_project(edges: &Edges, public_url: &Url, id: ProjectId) -> Result<Vec<String>> {
    let mut left = Vec::new();
    for hook in edges.store.hooks().hooks_of(id).await? {
        let gone = match disconnect(edges, public_url, &hook).await {
            Ok(()) => edges.store.hooks().disconnect_hook(hook.id).await,
            kept => kept,
        };
        if let Err(fault) = gone {
            left.push(format!("The webhook of \"{}\" is still there: {fault:#}.", hook.settings.title));
        }
    }
    if let Some(key) = edges.store.keys().deploy_key(id).await?
        && let Err(fault) = keys::unregister(edges, id, &key).await
    {
        left.push(format!("The deploy key is still there: {fault:#}."));
    }
    if left.is_empty() {
        let stopped = edges.store.projects().delete_project(id, clock::now()).await?;
        stopped.into_iter().for_each(|job| edges.broker.ring(Topic::Job(job)));
        edges.broker.ring(Topic::DeletedProjects);
        tracing::info!(project.id = id.0, "a project was deleted");
    }
    edges.broker.ring(Topic::Project(id));
    edges.broker.ring(Topic::Projects);
    Ok(left)
}

/// Removes a hook's webhook from the forge, even one that Kozmic does not know of because the forge's answer was lost.
async fn disconnect(edges: &Edges, public_url: &Url, hook: &Hook) -> Result<()> {
    let (forge, known, url) = (edges.forge.as_ref(), hook.webhook, &hook_url(public_url, hook.id)?);
    let remove =
        |token, repository| async move { forge.remove_webhook(&token, &repository, url, known).await };
    let removed = speak::taking_away(edges, hook.project, remove).await;
    speak::unless_unknown(known.is_some(), removed)
}

/// Address `<public URL>/_hooks/hook/<id>/`.
fn hook_url(public_url: &Url, hook: HookId) -> Result<Url> {
    let base = public_url.as_str().trim_end_matches('/');
    Url::parse(&format!("{base}/_hooks/hook/{hook}/")).context("write a hook's address")
}
