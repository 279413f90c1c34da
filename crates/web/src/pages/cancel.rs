//! The buttons that cancel a job, or all jobs of a build.

use super::builds;
use crate::{
    address::At,
    app::Shared,
    attempts,
    auth::{self, Checked, Nothing},
    error::WebError,
};
use axum::{extract::State, response::Redirect};
use kozmic_flow::steer;
use kozmic_model::{
    ids::{BuildId, JobId, ProjectId},
    project::Role,
};

/// `POST /projects/<id>/jobs/<job>/cancel/`
pub(crate) async fn job(
    State(app): State<Shared>,
    At((project, job)): At<(ProjectId, JobId)>,
    Checked(Nothing {}, person): Checked<Nothing>,
) -> Result<Redirect, WebError> {
    let project = auth::project(&app, &person, project, Role::Manager).await?;
    let job = app.edges.store.builds().job(project.id, job).await?.ok_or(WebError::NotFound)?;
    steer::cancel(&person.edges(&app), job.id, &attempts::canceled_by(&person.user)).await?;
    Ok(Redirect::to(&builds::job_address(&job)))
}

/// `POST /projects/<id>/builds/<build>/cancel/`
pub(crate) async fn build(
    State(app): State<Shared>,
    At((project, build)): At<(ProjectId, BuildId)>,
    Checked(Nothing {}, person): Checked<Nothing>,
) -> Result<Redirect, WebError> {
    let project = auth::project(&app, &person, project, Role::Manager).await?;
    let build = app.edges.store.builds().build(project.id, build).await?.ok_or(WebError::NotFound)?;
    steer::cancel_build(&person.edges(&app), build.id, &attempts::canceled_by(&person.user)).await?;
    Ok(Redirect::to(&builds::address(&build)))
}
