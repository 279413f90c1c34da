//! The address of a job's repository, and the credentials for it.

use crate::{Flow, at_forge::keys};
use anyhow::{Context, Result};
use kozmic_edges::{Edges, git::Credentials};
use kozmic_model::{ids::ProjectId, project::Project};
use kozmic_runner::coordinator::{Complaint, Repository};
use std::sync::PoisonError;

/// The address of a project's repository and its credentials, after an answer to the runner's complaint.
pub(super) async fn of(flow: &Flow, project: ProjectId, complaint: Option<Complaint>) -> Result<Repository> {
    match complaint {
        None => {}
        Some(Complaint::KeyRefused) => keys::make_ready(&flow.edges, project).await?,
        Some(Complaint::NotShown) => {
            keys::follow(&flow.edges, project).await?;
            flow.unshown.lock().unwrap_or_else(PoisonError::into_inner).insert(project);
        }
        Some(Complaint::Lost) => {
            if let Err(fault) = keys::follow(&flow.edges, project).await {
                let error = format!("{fault:#}");
                tracing::info!(error, "a repository that cannot be fetched cannot be looked up");
            }
        }
    }
    known(flow, project).await
}

/// The address of a project's repository and its credentials, as far as they are known without a complaint.
///
/// A private repository is read with its deploy key, and so is one that its server shows to nobody without credentials.
/// If only the Auto Builder builds it, the Auto Builder's token is used.
///
/// # Errors
/// The database does not answer, or the project is gone.
pub(crate) async fn known(flow: &Flow, project: ProjectId) -> Result<Repository> {
    let project = flow.edges.store.projects().project(project).await?.context("the project is gone")?;
    let is_unshown = flow.unshown.lock().unwrap_or_else(PoisonError::into_inner).contains(&project.id);
    let (url, credentials) = match project.repository.private || is_unshown {
        true if flow.edges.store.auto_builder().auto_builder().await? == Some(project.owner) => {
            let token = flow.edges.store.people().token_of(project.owner).await?;
            (project.repository.clone_url.clone(), Credentials::Token(token))
        }
        true => with_key(&flow.edges, &project).await?,
        false => (project.repository.clone_url.clone(), Credentials::Open),
    };
    Ok(Repository { url, credentials, default_branch: project.repository.default_branch })
}

async fn with_key(edges: &Edges, project: &Project) -> Result<(String, Credentials)> {
    let key = edges.store.keys().deploy_key(project.id).await?;
    let is_ready = key.is_some_and(|key| key.at_forge.is_some()) && !project.repository.ssh_url.is_empty();
    if !is_ready {
        keys::make_ready(edges, project.id).await?;
    }
    let project = edges.store.projects().project(project.id).await?.context("the project is gone")?;
    let key = edges.store.keys().private_key(project.id).await?.context("the project has no deploy key")?;
    Ok((project.repository.ssh_url, Credentials::DeployKey(key)))
}
