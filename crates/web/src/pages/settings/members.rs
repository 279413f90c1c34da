//! Members: asks the forge for them again, because it decides who they are.

use super::super::button::Sent;
use super::path;
use crate::{address::At, app::Shared, auth::Nothing, error::WebError};
use axum::{extract::State, response::Response};
use kozmic_flow::at_forge;
use kozmic_model::{ids::ProjectId, project::Role};

/// `POST /projects/<id>/members/sync/`
pub(crate) async fn sync(
    State(app): State<Shared>,
    At(id): At<ProjectId>,
    Sent(Nothing {}, visit): Sent<Nothing>,
) -> Result<Response, WebError> {
    let project = visit.project(&app, id, Role::Manager).await?;
    let forge = &app.face.forge;
    let said = match at_forge::members(&visit.edges(&app), id).await {
        Ok(()) => Ok(format!("The members are those that {forge} tells of.")),
        Err(fault) => {
            tracing::warn!(project.id = id.0, "cannot sync members: {fault:#}");
            Err(format!("The members stay as they were: {}", fault.root_cause()))
        }
    };
    // The person who asked may have another role by now, or none.
    let role = app.edges.store.projects().role_in(id, visit.person.user.id).await?;
    match role {
        Some(Role::Member) => visit.lead(&app, &format!("/projects/{id}/"), said).await,
        Some(_) => visit.lead(&app, &path(id), said).await,
        None => {
            let text =
                format!("{forge} says that {} is not yours to see any more.", project.repository.full_name());
            visit.lead(&app, "/projects/", Err(text)).await
        }
    }
}
