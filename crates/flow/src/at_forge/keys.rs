//! Deploy keys: each private repository is fetched with a key of its own, which may only read this repository.

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

/// Makes sure that a project has a deploy key and that the forge knows it. A key that was removed at the forge is
/// registered again. The SSH host keys that the forge publishes are pinned before that.
///
/// # Errors
/// The forge refuses or does not answer, or no key can be made: this can be tried again.
pub(crate) async fn deploy_key(edges: &Edges, project: ProjectId) -> Result<()> {
    pin_host_keys(edges, project).await?;
    let key = match edges.store.keys().deploy_key(project).await? {
        Some(key) if edges.store.keys().private_key(project).await.is_ok() => key,
        // A key is useless if its private part cannot be opened any more because the secret key was lost.
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

/// Prepares fetching a private repository: looks up its SSH address if none is known, and registers a key.
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

/// Looks up a project's repository at the forge: its present name, and if everybody may read it.
///
/// # Errors
/// The forge refuses or does not answer, or the repository is gone.
pub(crate) async fn follow(edges: &Edges, id: ProjectId) -> Result<()> {
    let project = edges.store.projects().project(id).await?.context("the project is gone")?;
    let (forge, number) = (edges.forge.as_ref(), project.repository.id);
    let gone = || ForgeError::missing("the repository is gone, or hidden from who manages the project");
    // Another person may see the repository even if this person does not.
    let ask = |token, _| async move { forge.repository(&token, number).await?.ok_or_else(gone) };
    let found = speak::for_project(edges, id, ask).await?;
    edges.store.projects().follow_repository(id, &found).await
}

/// Looks up other projects that have the name of this repository. Their repositories were renamed, and no push told of
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

/// Removes a deploy key from the forge, even one whose number is not known: it may be there if the forge's answer was
/// lost.
pub(crate) async fn unregister(edges: &Edges, project: ProjectId, key: &DeployKey) -> Result<()> {
    let (forge, public) = (edges.forge.as_ref(), key.public_key.as_str());
    let remove =
        |token, repository| async move { forge.remove_deploy_key(&token, &repository, public).await };
    let removed = speak::taking_away(edges, project, remove).await;
    speak::unless_unknown(key.at_forge.is_some(), removed)?;
    edges.store.keys().note_deploy_key(project, None).await
}

/// Stores a new key in place of the known one. If somebody else was faster, their key is returned.
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
        // Without published host keys, a host's key is trusted when it is first seen.
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
