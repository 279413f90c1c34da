//! A project's settings: its hooks, and whether the forge calls them.

use super::frame::{Frame, Visit};
use super::{parts, projects::Tab};
use crate::{address::At, app::Shared, error::WebError};
use askama::Template;
use axum::{extract::State, response::Response};
use kozmic_model::{
    hook::Hook,
    ids::ProjectId,
    project::{Project, Role},
};

#[derive(Template)]
#[template(path = "settings.html")]
struct SettingsPage {
    frame: Frame,
    project: Project,
    tab: Tab,
    hooks: Vec<Hook>,
    repository: Option<String>,
}

/// `GET /projects/<id>/settings/`
pub(crate) async fn settings(
    State(app): State<Shared>,
    visit: Visit,
    At(id): At<ProjectId>,
) -> Result<Response, WebError> {
    let project = visit.project(&app, id, Role::Manager).await?;
    let frame = visit.frame(&app, Some(id)).await?;
    let hooks = app.edges.store.hooks_of(id).await?;
    let repository = parts::page_url(&project, "");
    visit.show(&SettingsPage { frame, project, tab: Tab::Settings, hooks, repository })
}
