//! The buttons that run a job, or all failed jobs of a build, again.

use super::builds;
use crate::{
    address::At,
    app::Shared,
    auth::{self, Checked, Cookies, Nothing, Tone},
    error::WebError,
};
use axum::{
    extract::State,
    response::{IntoResponse, Redirect, Response},
};
use kozmic_flow::steer;
use kozmic_model::{
    ids::{BuildId, JobId, ProjectId},
    project::Role,
};

/// `POST /projects/<id>/jobs/<job>/restart/`
pub(crate) async fn job(
    State(app): State<Shared>,
    cookies: Cookies,
    At((project, job)): At<(ProjectId, JobId)>,
    Checked(Nothing {}, person): Checked<Nothing>,
) -> Result<Response, WebError> {
    let project = auth::project(&app, &person, project, Role::Manager).await?;
    let job = app.edges.store.builds().job(project.id, job).await?.ok_or(WebError::NotFound)?;
    let page = Redirect::to(&builds::job_address(&job));
    match steer::restart(&person.edges(&app), job.id).await? {
        true => Ok(page.into_response()),
        false => Ok(cookies.set_notice(Tone::Bad, "The job has not ended yet.").onto(page)),
    }
}

/// `POST /projects/<id>/builds/<build>/restart/`
pub(crate) async fn build(
    State(app): State<Shared>,
    cookies: Cookies,
    At((project, build)): At<(ProjectId, BuildId)>,
    Checked(Nothing {}, person): Checked<Nothing>,
) -> Result<Response, WebError> {
    let project = auth::project(&app, &person, project, Role::Manager).await?;
    let build = app.edges.store.builds().build(project.id, build).await?.ok_or(WebError::NotFound)?;
    let page = Redirect::to(&builds::address(&build));
    match steer::restart_failed(&person.edges(&app), build.id).await? {
        0 => Ok(cookies.set_notice(Tone::Bad, "No job of this build has failed.").onto(page)),
        _ => Ok(page.into_response()),
    }
}
