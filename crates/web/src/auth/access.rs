//! What of a project a person may see or do. Who has no role learns not even that it exists.

use super::SignedIn;
use crate::{app::Shared, error::WebError};
use kozmic_model::{
    ids::ProjectId,
    project::{Project, Role},
};

/// The project, if the person has at least `role` in it.
pub(crate) async fn project(
    app: &Shared,
    visitor: &SignedIn,
    id: ProjectId,
    role: Role,
) -> Result<Project, WebError> {
    let project = app.edges.store.project(id).await?.ok_or(WebError::NotFound)?;
    match project.role_of(visitor.user.id) {
        Some(held) if held >= role => Ok(project),
        Some(_) | None => Err(WebError::NotFound),
    }
}
