//! Deletes a project: its owner has to type its full name, so that nobody deletes one by mistake.

use super::super::button::Sent;
use super::{Said, page};
use crate::{address::At, app::Shared, error::WebError};
use axum::{extract::State, response::Response};
use kozmic_flow::at_forge;
use kozmic_model::{form::FieldFaults, ids::ProjectId, project::Role};
use serde::Deserialize;

/// The name as typed.
#[derive(Deserialize)]
pub(crate) struct Typed {
    #[serde(default)]
    name: String,
    /// Set if the field is sent, with any value: the artifacts are removed, too.
    artifacts: Option<String>,
}

/// `POST /projects/<id>/delete/`
pub(crate) async fn delete(
    State(app): State<Shared>,
    At(id): At<ProjectId>,
    Sent(Typed { name, artifacts }, visit): Sent<Typed>,
) -> Result<Response, WebError> {
    let project = visit.project(&app, id, Role::Owner).await?;
    let full_name = project.repository.full_name();
    if name.trim() != full_name {
        let fault = format!("Nothing was deleted. To delete the project, type {full_name}");
        let faults = FieldFaults::from([("name", fault)]);
        return page(&app, visit, id, Said { faults, ..Said::default() }).await;
    }
    app.edges.store.projects().set_drops_artifacts(id, artifacts.is_some()).await?;
    let left = at_forge::delete_project(&visit.edges(&app), &app.face.public_url, id).await?;
    if left.is_empty() {
        return visit.lead(&app, "/projects/", Ok(format!("The project {full_name} is deleted."))).await;
    }
    let forge = &app.face.forge;
    let headline =
        format!("The project is not deleted, because some of it is left at {forge}. You can try again.");
    page(&app, visit, id, Said::left(headline, left)).await
}
