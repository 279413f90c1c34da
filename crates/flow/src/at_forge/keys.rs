//! Deploy keys: a private repository is fetched with a key of its own, that may read this repository and no more.

use crate::at_forge::speak;
use anyhow::{Context, Result};
use kozmic_edges::{
    Edges,
    forge::{ForgeError, PublicKey},
    git::keys::{self, NewKey},
};
use kozmic_model::{
    deploy_key::{DeployKey, KeyKind},
    ids::ProjectId,
    project::Repository,
};

/// Makes sure that a project has a deploy key, and that the forge knows it: one that was removed there is put back. The
/// SSH host keys that the forge publishes are pinned on the way.
///
/// # Errors
/// The forge refuses or does not answer, or no key can be made: this can be tried again.
pub(crate) async fn deploy_key(edges: &Edges, project: ProjectId) -> Result<()> {
    pin_host_keys(edges, project).await?;
    let key = match edges.store.keys().deploy_key(project).await? {
        Some(key) if edges.store.keys().private_key(project).await.is_ok() => key,
        // A key whose private part cannot be opened any more, because the secret key was lost, is no use.
        lost => {
            if let Some(lost) = &lost {
                unregister(edges, project, lost).await?;
            }
            fresh(edges, project, KeyKind::Ed25519, lost.as_ref()).await?
        }
    };
    match register(edges, project, &key).await {
        Err(fault) if is_refused_kind(&fault) && !key.public_key.starts_with("ssh-rsa") => {
            let key = fresh(edges, project, KeyKind::Rsa, Some(&key)).await?;
            register(edges, project, &key).await
        }
        registered => registered,
    }
}

/// Makes ready what fetching a private repository takes: its address for SSH and a registered key.
///
/// # Errors
/// The forge refuses or does not answer.
pub(crate) async fn make_ready(edges: &Edges, id: ProjectId) -> Result<()> {
    let project = edges.store.projects().project(id).await?.context("the project is gone")?;
    if project.repository.ssh_url.is_empty() {
        follow(edges, id).await?;
    }
    deploy_key(edges, id).await.context("register the deploy key")
}

/// Looks up where a project's repository is now, and whether everybody may read it.
///
/// # Errors
/// The forge refuses or does not answer, or the repository is gone.
pub(crate) async fn follow(edges: &Edges, id: ProjectId) -> Result<()> {
    let project = edges.store.projects().project(id).await?.context("the project is gone")?;
    let (forge, number) = (edges.forge.as_ref(), project.repository.id);
    let gone = || ForgeError::Refused {
        forge: "the forge".to_owned(),
        status: 404,
        message: "the repository is gone, or hidden from who manages the project".to_owned(),
    };
    // Somebody else may see what this person does not.
    let ask = |token, _| async move { forge.repository(&token, number).await?.ok_or_else(gone) };
    let found = speak::for_project(edges, id, ask).await?;
    edges.store.projects().follow_repository(id, &found).await
}

/// Looks up projects anew whose name another one's repository has by now: theirs was renamed, and nothing was pushed to
/// it since.
///
/// # Errors
/// The database does not answer.
pub(crate) async fn look_up_namesakes(edges: &Edges, id: ProjectId, repository: &Repository) -> Result<()> {
    for other in edges.store.projects().namesakes(id, repository).await? {
        if let Err(fault) = follow(edges, other).await {
            let error = format!("{fault:#}");
            tracing::warn!(
                project.id = other.0,
                error,
                "a repository whose name is taken cannot be looked up"
            );
        }
    }
    Ok(())
}

/// Takes a deploy key away from the forge. One whose number is not known may be there all the same, if an answer was
/// lost.
pub(crate) async fn unregister(edges: &Edges, project: ProjectId, key: &DeployKey) -> Result<()> {
    let (forge, public) = (edges.forge.as_ref(), key.public_key.as_str());
    let remove =
        |token, repository| async move { forge.remove_deploy_key(&token, &repository, public).await };
    let removed = speak::taking_away(edges, project, remove).await;
    speak::unless_unknown(key.at_forge.is_some(), removed)?;
    edges.store.keys().note_deploy_key(project, None).await
}

/// A new key in place of the one that is known. Somebody may have been faster: then theirs is it.
async fn fresh(
    edges: &Edges,
    project: ProjectId,
    kind: KeyKind,
    known: Option<&DeployKey>,
) -> Result<DeployKey> {
    let NewKey { private, public } = keys::make(kind).await.context("make a deploy key")?;
    let known = known.map(|key| key.public_key.as_str());
    edges.store.keys().replace_deploy_key(project, known, &public, &private).await
}

async fn register(edges: &Edges, project: ProjectId, key: &DeployKey) -> Result<()> {
    let forge = edges.forge.as_ref();
    let (wanted, known) = (&PublicKey { title: "Kozmic", key: &key.public_key }, key.at_forge);
    let ensure =
        |token, repository| async move { forge.ensure_deploy_key(&token, &repository, wanted, known).await };
    let id = speak::for_project(edges, project, ensure).await?;
    edges.store.keys().note_deploy_key(project, Some(id)).await
}

fn is_refused_kind(fault: &anyhow::Error) -> bool {
    fault.downcast_ref::<ForgeError>().is_some_and(ForgeError::is_key_refused)
}

async fn pin_host_keys(edges: &Edges, project: ProjectId) -> Result<()> {
    let forge = edges.forge.as_ref();
    let ask = |token, _| async move { forge.host_keys(&token).await };
    let lines = match speak::for_project(edges, project, ask).await {
        Ok(lines) => lines,
        // Without them, a host's key is the one that it had when it was first met.
        Err(fault) => {
            tracing::warn!(error = format!("{fault:#}"), "the forge's host keys are not known");
            return Ok(());
        }
    };
    let project = edges.store.projects().project(project).await?.context("the project is gone")?;
    if !lines.is_empty() {
        let pinned = edges.mirrors.pin_host_keys(&project.repository.ssh_url, &lines).await;
        pinned.context("pin host keys")?;
    }
    Ok(())
}
