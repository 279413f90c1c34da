//! People: who signs in, which repositories they can reach, which projects they make.

use super::{guests, members};
use crate::at_forge::speak;
use anyhow::{Context, Result, anyhow};
use kozmic_edges::{
    Edges,
    broker::Topic,
    clock, secret,
    store::{Avatar, NewSession},
};
use kozmic_model::{
    ids::{RepositoryId, UserId},
    invited::{Admission, Invited},
    project::{Project, Repository},
    user::User,
};
use secrecy::{ExposeSecret, SecretString};
use std::time::Duration;
use url::Url;

/// Lifetime of a session.
pub const SESSION: Duration = Duration::from_secs(30 * 86_400);

/// Somebody who just signed in.
pub struct SignedIn {
    /// The person.
    pub user: User,
    /// Secret that the browser keeps to prove it.
    pub session: SecretString,
}

/// A browser that came back from the forge.
pub struct Returned<'a> {
    /// The code that it brought.
    pub code: &'a str,
    /// The secret that its sign-in began with.
    pub verifier: &'a SecretString,
    /// The address that it was sent back to.
    pub redirect: &'a Url,
    /// Its name for itself.
    pub agent: &'a str,
    /// The fingerprint of the session that it has, which ends.
    pub former: Option<String>,
}

/// Somebody may not sign in here.
#[derive(Debug, thiserror::Error)]
#[error("{0} may not sign in here")]
pub struct NotInvited(String);

/// Signs in a person who comes back from the forge with a code, and takes over name, mail, picture and what they may
/// see.
///
/// # Errors
/// [`NotInvited`], the forge refuses the code or does not answer, or the database does not.
pub async fn sign_in(edges: &Edges, returned: Returned<'_>, invited: &Invited) -> Result<SignedIn> {
    let Returned { code, verifier, redirect, agent, former } = returned;
    let token = edges.forge.exchange_code(code, verifier, redirect).await?;
    let profile = edges.forge.profile(&token).await?;
    let admission = guests::admission(edges, &token, &profile.login, invited).await?;
    if admission == Admission::Nobody {
        edges.store.audit().note_refused(&profile.login).await?;
        return Err(NotInvited(profile.login).into());
    }
    let session = secret::random();
    let now = clock::now();
    let fingerprint = secret::fingerprint(session.expose_secret());
    let (expires_at, agent) = (now.after(SESSION), agent.to_owned());
    let row = NewSession { fingerprint, expires_at, agent, former, admission };
    let user = edges.store.people().sign_in(&profile, &token, &row, now).await?;
    let (pictured, reached) = tokio::join!(picture(edges, &user), repositories(edges, user.id));
    for fault in [pictured.err(), reached.err()].into_iter().flatten() {
        let error = format!("{fault:#}");
        tracing::warn!(user.id = user.id.0, error, "a sign-in could not be completed");
    }
    Ok(SignedIn { user, session })
}

async fn picture(edges: &Edges, user: &User) -> Result<()> {
    let (content_type, bytes) =
        edges.forge.picture(&user.profile.avatar_url).await.context("fetch a picture")?;
    edges.store.people().keep_avatar(user.id, Avatar { content_type, bytes }).await
}

/// Asks the forge anew which repositories a user can reach: those are the projects that they see, and those that they
/// may administer are the ones to make projects of.
///
/// # Errors
/// The forge or the database does not answer; then nothing changed. A user whose token the forge no longer accepts is
/// signed out.
pub async fn repositories(edges: &Edges, user: UserId) -> Result<Vec<Repository>> {
    let token = edges.store.people().token_of(user).await?;
    let reachable = match edges.forge.repositories(&token).await {
        Err(fault) if fault.is_unauthorized() => {
            speak::sign_out(edges, user, &fault).await?;
            return Err(fault.into());
        }
        reachable => reachable?,
    };
    for lost in edges.store.projects().sync_projects_of(user, &reachable).await? {
        edges.broker.ring(Topic::Project(lost));
    }
    edges.broker.ring(Topic::Projects);
    edges.store.projects().repositories(user).await
}

/// Makes a project of a repository that a user may administer, or finds the one that others made. Gives also what
/// could not be done at the forge yet, as a sentence.
///
/// # Errors
/// The repository is not on the user's list, or the database does not answer.
pub async fn add_project(
    edges: &Edges,
    user: UserId,
    repository: RepositoryId,
) -> Result<(Project, Option<String>)> {
    let project = edges.store.projects().add_project(user, repository, clock::now()).await?;
    let synced = members::members(edges, project.id).await;
    let trouble = synced.err().map(|fault| format!("{fault:#}"));
    let project =
        edges.store.projects().project(project.id).await?.ok_or_else(|| anyhow!("the project is gone"))?;
    Ok((project, trouble))
}
