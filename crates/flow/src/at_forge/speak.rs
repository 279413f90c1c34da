//! Selects the person whose token is used for a project at the forge: its owner, else one of its managers.

use crate::at_forge::patience;
use anyhow::{Context, Error, Result, anyhow};
use kozmic_edges::{Edges, forge::ForgeError};
use kozmic_model::{
    ids::{ProjectId, UserId},
    project::{Project, Repository},
};
use secrecy::SecretString;

/// Asks the forge something about a project, with the token of the first person whom it does not refuse. If the forge
/// no longer accepts a token, the token is deleted and its user is signed out. If a repository was moved, its new place
/// is used.
///
/// # Errors
/// Nobody may speak for the project, the forge refuses all who may, or it does not answer.
pub(crate) async fn for_project<T, F>(
    edges: &Edges,
    id: ProjectId,
    ask: impl Fn(SecretString, Repository) -> F,
) -> Result<T>
where
    F: Future<Output = Result<T, ForgeError>>,
{
    let project = edges.store.projects().project(id).await?.context("the project is gone")?;
    let mut refusal = None;
    for user in edges.store.projects().speakers(id).await? {
        let Some(token) = token_of(edges, user).await? else { continue };
        let answer = match ask(token.clone(), project.repository.clone()).await {
            Err(moved) if moved.is_moved() => again(edges, &project, &token, moved, &ask).await?,
            answer => answer,
        };
        match answer {
            Err(fault) if fault.is_unauthorized() => sign_out(edges, user, &fault).await?,
            // Another person may be allowed this even if this person is not.
            Err(fault) if fault.try_again().is_none() => refusal = Some(telling(refusal, fault)),
            answer => return Ok(answer?),
        }
    }
    Err(refusal.map_or_else(|| nobody(&project), Error::from))
}

/// Asks the forge something about a project, with the Auto Builder's token. If a repository was moved, its new place is
/// used. If there is no Auto Builder any more, the token of a person who may speak for the project is used.
///
/// # Errors
/// The forge refuses, or does not answer.
pub(crate) async fn as_auto_builder<T, F>(
    edges: &Edges,
    id: ProjectId,
    ask: impl Fn(SecretString, Repository) -> F,
) -> Result<T>
where
    F: Future<Output = Result<T, ForgeError>>,
{
    let auto_builder = edges.store.auto_builder().auto_builder().await?;
    let token = match auto_builder {
        Some(user) => token_of(edges, user).await?,
        None => None,
    };
    let Some(token) = token else { return for_project(edges, id, ask).await };
    let project = edges.store.projects().project(id).await?.context("the project is gone")?;
    match ask(token.clone(), project.repository.clone()).await {
        Err(moved) if moved.is_moved() => Ok(again(edges, &project, &token, moved, &ask).await??),
        answer => Ok(answer?),
    }
}

/// Removes something from the forge. If nobody who may speak for the project sees the repository any more, the thing
/// counts as removed together with the repository.
pub(crate) async fn taking_away<F>(
    edges: &Edges,
    id: ProjectId,
    remove: impl Fn(SecretString, Repository) -> F,
) -> Result<()>
where
    F: Future<Output = Result<(), ForgeError>>,
{
    match for_project(edges, id, remove).await {
        Err(fault) if fault.downcast_ref().is_some_and(ForgeError::is_missing) => Ok(()),
        removed => removed,
    }
}

/// Judges a refusal to remove something. The refusal is ignored if Kozmic does not know that the thing is there: a
/// person who may not look could not have created it.
pub(crate) fn unless_unknown(is_known: bool, removed: Result<()>) -> Result<()> {
    match removed {
        Err(fault) if !is_known && !patience::may_pass(&fault) => Ok(()),
        removed => removed,
    }
}

/// Keeps the more specific of two refusals: a 404 only says that the person cannot see the repository.
pub(crate) fn telling(known: Option<ForgeError>, fault: ForgeError) -> ForgeError {
    known.filter(|known| !known.is_missing()).unwrap_or(fault)
}

/// A user's token; none if it cannot be used any more.
pub(crate) async fn token_of(edges: &Edges, user: UserId) -> Result<Option<SecretString>> {
    match edges.store.people().token_of(user).await {
        Ok(token) => Ok(Some(token)),
        Err(fault) => {
            edges.store.ping().await?;
            tracing::warn!(user.id = user.0, error = format!("{fault:#}"), "a token cannot be used");
            Ok(None)
        }
    }
}

/// Signs out a user whose token the forge no longer accepts. Only a new sign-in gives a new token.
pub(crate) async fn sign_out(edges: &Edges, user: UserId, fault: &ForgeError) -> Result<()> {
    tracing::warn!(user.id = user.0, %fault, "a token is not accepted any more: its user is signed out");
    edges.store.people().drop_token(user).await
}

async fn again<T, F>(
    edges: &Edges,
    project: &Project,
    token: &SecretString,
    moved: ForgeError,
    ask: &impl Fn(SecretString, Repository) -> F,
) -> Result<Result<T, ForgeError>>
where
    F: Future<Output = Result<T, ForgeError>>,
{
    match edges.forge.repository(token, project.repository.id).await {
        Ok(Some(repository)) => {
            edges.store.projects().follow_repository(project.id, &repository).await?;
            Ok(ask(token.clone(), repository).await)
        }
        Ok(None) => Ok(Err(moved)),
        Err(fault) => Ok(Err(fault)),
    }
}

fn nobody(project: &Project) -> Error {
    anyhow!(
        "nobody may speak for {} at the forge: its owner, or somebody who may push to it, has to sign in here",
        project.repository.full_name()
    )
}
