//! A person's access to this server, by a session or a token, and to a project. A person without a role in a project
//! does not even learn that it exists. A person whose role is too small is told the necessary one.

use super::{Session, SignedIn};
use crate::{app::Shared, error::WebError};
use kozmic_edges::{
    clock,
    store::{SessionLook, TokenHolder},
};
use kozmic_flow::at_forge;
use kozmic_model::{
    ids::{ProjectId, UserId},
    project::{Project, Role},
    user::User,
};
use secrecy::SecretString;

/// The project, if the person has at least `role` in it.
pub(crate) async fn project(
    app: &Shared,
    visitor: &SignedIn,
    id: ProjectId,
    role: Role,
) -> Result<Project, WebError> {
    allowed(app, visitor.user.id, id, role).await.map(|(project, _)| project)
}

/// The project and the user's role in it, if that is at least `role`.
pub(crate) async fn allowed(
    app: &Shared,
    user: UserId,
    id: ProjectId,
    role: Role,
) -> Result<(Project, Role), WebError> {
    let store = &app.edges.store;
    let held = store.projects().role_in(id, user).await?.ok_or(WebError::NotFound)?;
    let project = store.projects().project(id).await?.ok_or(WebError::NotFound)?;
    if held >= role { Ok((project, held)) } else { Err(WebError::Role(role)) }
}

/// The person of a session, if it has not ended and they may still be here.
pub(super) async fn of_session(
    app: &Shared,
    session: &Session,
    is_use: bool,
) -> Result<Option<User>, WebError> {
    let look = SessionLook { idle: app.face.session_idle, is_use };
    let user = app.edges.store.people().user_of_session(&session.fingerprint(), look, clock::now()).await?;
    match user {
        Some(user) if may_stay(app, &user).await => Ok(Some(user)),
        _ => Ok(None),
    }
}

/// True if the person's session has not ended meanwhile. It ends when the forge no longer accepts their token.
pub(crate) async fn is_signed_in(app: &Shared, person: &SignedIn) -> Result<bool, WebError> {
    Ok(of_session(app, &person.session, false).await?.is_some())
}

/// The holder of a token, if it has not expired and they may still be here.
pub(crate) async fn holder(app: &Shared, token: &SecretString) -> Result<TokenHolder, WebError> {
    let now = clock::now();
    let holder = app.edges.store.people().token_holder(token, now).await?.ok_or(WebError::NoToken)?;
    if holder.token.rights.has_ended(now) {
        return Err(WebError::TokenEnded);
    }
    if may_stay(app, &holder.user).await { Ok(holder) } else { Err(WebError::NoToken) }
}

/// True if a person who signed in once may still be here. False as long as the forge does not answer.
async fn may_stay(app: &Shared, user: &User) -> bool {
    match at_forge::may_stay(&app.edges, user, &app.face.invited).await {
        Ok(may_stay) => may_stay,
        Err(fault) => {
            let error = format!("{fault:#}");
            tracing::warn!(
                user.id = user.id.0,
                error,
                "somebody is kept out: it is not known if they may stay"
            );
            false
        }
    }
}

/// Makes the open pages of a person whose sessions ended notice that at once.
pub(crate) async fn ring_out(app: &Shared, user: UserId) -> Result<(), WebError> {
    Ok(at_forge::ring_out(&app.edges, user).await?)
}
