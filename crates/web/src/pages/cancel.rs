//! The button that stops a job.

use crate::{
    address::At,
    app::Shared,
    auth::{self, Checked, Nothing},
    error::WebError,
};
use axum::{extract::State, response::Redirect};
use kozmic_flow::run;
use kozmic_model::{
    ids::{JobId, ProjectId},
    project::Role,
};

/// `POST /projects/<id>/jobs/<job>/cancel/`
pub(crate) async fn cancel(
    State(app): State<Shared>,
    At((project, job)): At<(ProjectId, JobId)>,
    Checked(Nothing {}, person): Checked<Nothing>,
) -> Result<Redirect, WebError> {
    let project = auth::project(&app, &person, project, Role::Manager).await?;
    let job = app.edges.store.job(project.id, job).await?.ok_or(WebError::NotFound)?;
    let why = format!("Canceled by {}.", person.user.profile.login);
    run::cancel(&app.edges, job.id, &why).await?;
    Ok(Redirect::to(&format!("/projects/{}/builds/{}/jobs/{}/", project.id, job.build, job.id)))
}
