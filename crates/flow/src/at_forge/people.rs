//! People: their sign-in, the repositories that they can reach, and the projects that they make.

use super::{guests, members};
use crate::at_forge::speak;
use anyhow::{Context, Result, anyhow};
use kozmic_edges::{
    Edges,
    broker::Topic,
    clock,
    forge::Token,
    secret,
    store::{Avatar, NewSession},
};
use kozmic_model::{
    ids::{RepositoryId, UserId},
    invited::{Admission, Invited},
    project::{Project, Repository},
    time::Timestamp,
    user::User,
};
use secrecy::{ExposeSecret, SecretString};
use std::time::Duration;
use url::Url;

/// The longest lifetime of a session.
const SESSION: Duration = Duration::from_secs(30 * 86_400);

/// Somebody who just signed in.
pub struct SignedIn {
    /// The person.
    pub user: User,
    /// Secret by which the browser proves the session.
    pub session: SecretString,
    /// Lifetime of the session.
    pub lasts: Duration,
}

/// A browser that came back from the forge's sign-in page.
pub struct Returned<'a> {
    /// The code that the forge gave to the browser.
    pub code: &'a str,
    /// The secret with which the sign-in began.
    pub verifier: &'a SecretString,
    /// The address to which the forge sent the browser back.
    pub redirect: &'a Url,
    /// The browser's name for itself.
    pub agent: &'a str,
    /// The fingerprint of the browser's session so far, which ends now.
    pub former: Option<String>,
}

/// A person may not sign in here.
#[derive(Debug, thiserror::Error)]
#[error("{0} may not sign in here")]
pub struct NotInvited(String);

/// Signs in a person who comes back from the forge with a code. Takes over their name, mail address and picture, and
/// the repositories that they may see.
///
/// # Errors
/// [`NotInvited`], the forge refuses the code or does not answer, or the database does not.
pub async fn sign_in(edges: &Edges, returned: Returned<'_>, invited: &Invited) -> Result<SignedIn> {
    let Returned { code, verifier, redirect, agent, former } = returned;
    let Token { access: token, expires_at: token_ends, .. } =
        edges.forge.exchange_code(code, verifier, redirect).await?;
    let profile = edges.forge.profile(&token).await?;
    let admission = guests::admission(edges, &token, &profile.login, invited).await?;
    if admission == Admission::Nobody {
        edges.store.audit().note_refused(&profile.login).await?;
        return Err(NotInvited(profile.login).into());
    }
    let session = secret::random();
    let now = clock::now();
    let fingerprint = secret::fingerprint(session.expose_secret());
    let (lasts, agent) = (lifetime(token_ends, now), agent.to_owned());
    let expires_at = now.after(lasts);
    let row = NewSession { fingerprint, expires_at, agent, former, admission };
    let user = edges.store.people().sign_in(&profile, &token, &row, now).await?;
    let (pictured, reached) = tokio::join!(picture(edges, &user), repositories(edges, user.id));
    for fault in [pictured.err(), reached.err()].into_iter().flatten() {
        let error = format!("{fault:#}");
        tracing::warn!(user.id = user.id.0, error, "a sign-in could not be completed");
    }
    Ok(SignedIn { user, session, lasts })
}

/// Lifetime of a session that begins now. A session ends with the token: nothing works for the person without one, and
/// a new sign-in brings the next one.
fn lifetime(token_ends: Option<Timestamp>, now: Timestamp) -> Duration {
    let Some(end) = token_ends else { return SESSION };
    let left = end.since(now);
    if left < SESSION {
        tracing::warn!(
            seconds = left.as_secs(),
            "the forge gave a token that ends: it tells statuses and members only until then"
        );
    }
    left.min(SESSION)
}

async fn picture(edges: &Edges, user: &User) -> Result<()> {
    let (content_type, bytes) =
        edges.forge.picture(&user.profile.avatar_url).await.context("fetch a picture")?;
    edges.store.people().keep_avatar(user.id, Avatar { content_type, bytes }).await
}

/// Asks the forge which repositories a user can reach. The user sees the projects of these, and can make projects of
/// those that they may administer.
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

/// Makes a project of a repository that a user may administer, or finds the project that others made of it. Also gives
/// a sentence about what could not be done at the forge yet.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_ends_with_its_token_and_after_thirty_days_at_last() {
        let now = Timestamp(1_000_000);
        let hours = |hours: u64| Duration::from_secs(hours * 3_600);
        assert_eq!(lifetime(None, now), SESSION);
        assert_eq!(lifetime(Some(now.after(hours(8))), now), hours(8));
        assert_eq!(lifetime(Some(now.after(hours(24 * 365))), now), SESSION);
        assert_eq!(lifetime(Some(now.before(hours(1))), now), Duration::ZERO);
    }
}
