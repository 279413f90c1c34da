//! A project's rules for its builds: older builds of a branch, builds of forks, and rights that scripts gain.

use super::super::button::Sent;
use super::path;
use crate::{address::At, app::Shared, error::WebError};
use axum::{extract::State, response::Response};
use kozmic_model::{
    fork::NotARule,
    ids::ProjectId,
    project::{ProjectSettings, Role},
    sudo::NotASudoRule,
};
use serde::Deserialize;

/// The switches. A browser sends only those that are on.
#[derive(Deserialize)]
pub(crate) struct Switches {
    cancel_waiting: Option<String>,
    cancel_running: Option<String>,
    forks: Option<String>,
    sudo: Option<String>,
}

/// `POST /projects/<id>/settings/builds/`
pub(crate) async fn change(
    State(app): State<Shared>,
    At(id): At<ProjectId>,
    Sent(switches, visit): Sent<Switches>,
) -> Result<Response, WebError> {
    let project = visit.project(&app, id, Role::Manager).await?;
    let forks = match switches.forks {
        Some(word) => word.parse().map_err(|fault: NotARule| WebError::Senseless(format!("{fault}.")))?,
        None => project.settings.forks,
    };
    let sudo = match switches.sudo {
        Some(word) => word.parse().map_err(|fault: NotASudoRule| WebError::Senseless(format!("{fault}.")))?,
        None => project.settings.sudo,
    };
    let settings = ProjectSettings {
        forks,
        sudo,
        cancel_waiting: switches.cancel_waiting.is_some(),
        cancel_running: switches.cancel_running.is_some(),
    };
    visit.edges(&app).store.projects().change_project(project.id, settings).await?;
    visit.lead(&app, &path(project.id), Ok("Saved: the next push is handled like this.".to_owned())).await
}
