//! Leads from the list of projects to the page that a person most likely wants.

use super::frame::{Frame, Visit};
use super::parts;
use crate::{address::At, app::Shared, error::WebError};
use askama::Template;
use axum::{
    extract::State,
    response::{IntoResponse, Redirect, Response},
};
use kozmic_model::{ids::ProjectId, project::Role};

/// The tab of a project's pages.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tab {
    /// The latest build.
    Latest,
    /// The history.
    History,
    /// The settings.
    Settings,
    /// The audit trail.
    Audit,
    /// An older build.
    Other,
}

/// First steps for a person who has no project.
#[derive(Template)]
#[template(path = "first_steps.html")]
struct FirstSteps {
    frame: Frame,
}

/// `GET /projects/`: redirects to the first project, or shows how to make one.
pub(crate) async fn list(State(app): State<Shared>, visit: Visit) -> Result<Response, WebError> {
    let frame = visit.frame(&app, None).await?;
    match frame.projects.first() {
        Some(line) => {
            let address = format!("/projects/{}/", line.project.id);
            Ok(Redirect::to(&address).into_response())
        }
        None => visit.show(&FirstSteps { frame }),
    }
}

/// `GET /projects/<id>/`: redirects to the latest build.
pub(crate) async fn project(
    State(app): State<Shared>,
    visit: Visit,
    At(id): At<ProjectId>,
) -> Result<Redirect, WebError> {
    let project = visit.project(&app, id, Role::Member).await?;
    Ok(Redirect::to(&format!("/projects/{}/builds/latest/", project.id)))
}
