//! The button that lets a fork's commit run.

use super::{builds, button::Sent};
use crate::{address::At, app::Shared, approving, error::WebError};
use axum::{extract::State, response::Response};
use kozmic_model::{
    ids::{BuildId, ProjectId},
    project::Role,
};
use serde::Deserialize;

/// The commit that the page showed. A browser sends the switch only if it is on.
#[derive(Deserialize)]
pub(crate) struct Approving {
    #[serde(default)]
    sha: String,
    for_all: Option<String>,
}

/// `POST /projects/<id>/builds/<build>/approve/`
pub(crate) async fn build(
    State(app): State<Shared>,
    At((project, build)): At<(ProjectId, BuildId)>,
    Sent(Approving { sha, for_all }, visit): Sent<Approving>,
) -> Result<Response, WebError> {
    let project = visit.project(&app, project, Role::Manager).await?;
    let build = app.edges.store.builds().build(project.id, build).await?.ok_or(WebError::NotFound)?;
    let by = visit.person.user.id;
    match approving::approve(&visit.edges(&app), &build, &sha, for_all.is_some(), by).await {
        Ok(()) => {
            visit
                .lead(
                    &app,
                    &builds::address(&build),
                    Ok("Approved: it runs as soon as a runner is free.".to_owned()),
                )
                .await
        }
        Err(WebError::Conflict(why)) => visit.lead(&app, &builds::address(&build), Err(why)).await,
        Err(fault) => Err(fault),
    }
}
