//! From the list of projects to what one wants to see first.

use super::frame::{Frame, Visit};
use super::parts;
use crate::{address::At, app::Shared, error::WebError};
use askama::Template;
use axum::{
    extract::State,
    response::{IntoResponse, Redirect, Response},
};
use kozmic_model::{ids::ProjectId, project::Role};

/// The tab of a project that a page belongs to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tab {
    /// Its latest build.
    Latest,
    /// Its history.
    History,
    /// Its settings.
    Settings,
    /// Its audit trail.
    Audit,
    /// An older build.
    Other,
}

/// First steps, for a person who has no project.
#[derive(Template)]
#[template(path = "first_steps.html")]
struct FirstSteps {
    frame: Frame,
}

/// `GET /projects/`: the first project, or how to make one.
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

/// `GET /projects/<id>/`: the latest build.
pub(crate) async fn project(
    State(app): State<Shared>,
    visit: Visit,
    At(id): At<ProjectId>,
) -> Result<Redirect, WebError> {
    let project = visit.project(&app, id, Role::Member).await?;
    Ok(Redirect::to(&format!("/projects/{}/builds/latest/", project.id)))
}
