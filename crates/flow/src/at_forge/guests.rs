//! Guests are people who may sign in because they belong to an organization. The forge is asked if they still belong to
//! it.

use crate::{Flow, at_forge::speak};
use anyhow::{Context, Result};
use kozmic_edges::{Edges, broker::Topic, forge::ForgeError};
use kozmic_model::{
    ids::UserId,
    invited::{Admission, Invited, Standing},
    user::User,
};
use secrecy::SecretString;
use std::time::Duration;

/// Interval between looks at all guests.
const LOOK: Duration = Duration::from_secs(600);

/// The organization by which a person may be here. The forge is asked only if the settings do not name the login.
///
/// # Errors
/// The forge refuses the token, or does not answer.
pub(super) async fn admission(
    edges: &Edges,
    token: &SecretString,
    login: &str,
    invited: &Invited,
) -> Result<Admission, ForgeError> {
    if invited.admits(login) {
        return Ok(Admission::Unasked);
    }
    Ok(invited.admission(&edges.forge.organizations(token).await?))
}

/// True if a person who signed in once may still be here. The forge is asked only if the settings and the known facts
/// do not tell.
///
/// # Errors
/// The forge or the database does not answer.
pub async fn may_stay(edges: &Edges, user: &User, invited: &Invited) -> Result<bool> {
    match invited.standing(&user.profile.login, &user.admission) {
        Standing::In => Ok(true),
        Standing::Out => Ok(false),
        Standing::Unknown => ask_anew(edges, user, invited).await,
    }
}

/// Makes the open pages of everybody who sees this person's projects load again. So the open pages of a person whose
/// sessions ended notice it at once.
///
/// # Errors
/// The database does not answer.
pub async fn ring_out(edges: &Edges, user: UserId) -> Result<()> {
    for line in edges.store.projects().projects_of(user).await? {
        edges.broker.ring(Topic::Project(line.project.id));
    }
    edges.broker.ring(Topic::Projects);
    Ok(())
}

/// Looks every few minutes if all guests still belong to an organization that the settings name.
pub(crate) async fn forever(flow: Flow) {
    loop {
        if let Err(fault) = look(&flow).await {
            tracing::warn!(error = format!("{fault:#}"), "it is not known who may still be here");
        }
        if !flow.pause(LOOK).await {
            return;
        }
    }
}

async fn look(flow: &Flow) -> Result<()> {
    let (edges, invited) = (&flow.edges, &flow.settings.invited);
    for user in edges.store.people().guests().await? {
        if invited.admits(&user.profile.login) || flow.stop.is_cancelled() {
            continue;
        }
        if let Err(fault) = ask_anew(edges, &user, invited).await {
            let error = format!("{fault:#}");
            tracing::warn!(user.id = user.id.0, error, "it is not known whether somebody may still be here");
        }
    }
    Ok(())
}

/// Asks the forge and notes its answer. A person who may not stay is signed out.
async fn ask_anew(edges: &Edges, user: &User, invited: &Invited) -> Result<bool> {
    let Some(token) = speak::token_of(edges, user.id).await? else { return Ok(false) };
    let admission = match admission(edges, &token, &user.profile.login, invited).await {
        Err(fault) if fault.is_unauthorized() => {
            speak::sign_out(edges, user.id, &fault).await?;
            return Ok(false);
        }
        admission => admission.context("ask for a person's organizations")?,
    };
    if admission != user.admission {
        edges.store.people().note_admission(user.id, &admission).await?;
    }
    if admission == Admission::Nobody {
        tracing::warn!(user.id = user.id.0, "somebody may be here no more, and is signed out");
        ring_out(edges, user.id).await?;
    }
    Ok(admission != Admission::Nobody)
}
