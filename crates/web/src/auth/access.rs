//! A person's access to a project. Somebody without a role in it learns not even that it exists; somebody with too
//! small a role is told which one it would take.

use super::SignedIn;
use crate::{app::Shared, error::WebError};
use kozmic_edges::{broker::Topic, clock};
use kozmic_model::{
    ids::{ProjectId, UserId},
    project::{Project, Role},
};

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
    let held = store.role_in(id, user).await?.ok_or(WebError::NotFound)?;
    let project = store.project(id).await?.ok_or(WebError::NotFound)?;
    if held >= role { Ok((project, held)) } else { Err(WebError::Role(role)) }
}

/// Whether the person's session has not ended meanwhile, as it does when the forge no longer accepts their token.
pub(crate) async fn is_signed_in(app: &Shared, person: &SignedIn) -> Result<bool, WebError> {
    let user = app.edges.store.user_of_session(&person.session.fingerprint(), clock::now()).await?;
    Ok(user.is_some())
}

/// Has the open pages of a person whose sessions ended find that out at once: those of all who see the same projects
/// look again.
pub(crate) async fn ring_out(app: &Shared, user: UserId) -> Result<(), WebError> {
    let broker = &app.edges.broker;
    for line in app.edges.store.projects_of(user).await? {
        broker.ring(Topic::Project(line.project.id));
    }
    broker.ring(Topic::Projects);
    Ok(())
}
