//! Private registries: the credentials with which a project's images are pulled. A password is stored and never shown
//! again.

use super::super::button::Sent;
use super::{Said, page, path};
use crate::{address::At, app::Shared, auth::Nothing, error::WebError};
use axum::{extract::State, response::Response};
use kozmic_edges::clock;
use kozmic_model::{
    ids::{CredentialId, ProjectId},
    project::Role,
    registry::CredentialDraft,
};
use serde::Deserialize;

/// The fields as typed.
#[derive(Deserialize)]
pub(crate) struct Typed {
    #[serde(default)]
    registry: String,
    #[serde(default)]
    username: String,
    #[serde(default)]
    password: String,
}

/// `POST /projects/<id>/registries/`
pub(crate) async fn add(
    State(app): State<Shared>,
    At(id): At<ProjectId>,
    Sent(Typed { registry, username, password }, visit): Sent<Typed>,
) -> Result<Response, WebError> {
    let project = visit.project(&app, id, Role::Manager).await?;
    let typed = CredentialDraft { registry: registry.clone(), username: username.clone(), password };
    match typed.check() {
        Ok(checked) => {
            visit.edges(&app).store.keys().keep_credential(project.id, &checked, clock::now()).await?;
            let said = format!("Images from {} are pulled as {}.", checked.registry, checked.username);
            visit.lead(&app, &path(id), Ok(said)).await
        }
        Err(faults) => {
            let credential = CredentialDraft { registry, username, password: String::new() };
            page(&app, visit, id, Said { faults, credential, ..Said::default() }).await
        }
    }
}

/// `POST /projects/<id>/registries/<credential>/delete/`
pub(crate) async fn remove(
    State(app): State<Shared>,
    At((id, credential)): At<(ProjectId, CredentialId)>,
    Sent(Nothing {}, visit): Sent<Nothing>,
) -> Result<Response, WebError> {
    let project = visit.project(&app, id, Role::Manager).await?;
    let known = app.edges.store.keys().credentials(project.id).await?;
    let known = known.into_iter().find(|one| one.id == credential).ok_or(WebError::NotFound)?;
    visit.edges(&app).store.keys().remove_credential(project.id, known.id).await?;
    let said = format!("Images from {} are pulled without a password again.", known.registry);
    visit.lead(&app, &path(id), Ok(said)).await
}
