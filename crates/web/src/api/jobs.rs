//! Jobs: shows them and their logs, runs them again, cancels them.

use super::{caller::Caller, words::JobWord};
use crate::{
    address::{Ask, At},
    app::Shared,
    attempts,
    error::WebError,
    log_text,
};
use axum::{Json, extract::State, http::HeaderMap, response::Response};
use kozmic_flow::steer;
use kozmic_model::{
    ids::{JobId, ProjectId},
    job::Job,
    project::Role,
};

/// `GET /api/v1/projects/<project>/jobs/<job>`
pub(super) async fn one(
    State(app): State<Shared>,
    caller: Caller,
    At((project, id)): At<(ProjectId, JobId)>,
) -> Result<Json<JobWord>, WebError> {
    let job = job(&app, &caller, project, id, Role::Member).await?;
    whole(&app, job).await
}

/// `GET /api/v1/projects/<project>/jobs/<job>/log?attempt=`: plain text, whole or by range.
pub(super) async fn log(
    State(app): State<Shared>,
    caller: Caller,
    At((project, job)): At<(ProjectId, JobId)>,
    Ask(wanted): Ask<attempts::Wanted>,
    headers: HeaderMap,
) -> Result<Response, WebError> {
    let (project, _) = caller.project(&app, project, Role::Member).await?;
    let job = attempts::find(&app, project.id, job, &wanted).await?;
    if log_text::forgotten(&app, &job).await?.is_some() {
        return Err(WebError::NotFound);
    }
    log_text::of(&app.edges.logs, job.shown_attempt(), &headers).await
}

/// `POST /api/v1/projects/<project>/jobs/<job>/restart`
pub(super) async fn restart(
    State(app): State<Shared>,
    caller: Caller,
    At((project, id)): At<(ProjectId, JobId)>,
) -> Result<Json<JobWord>, WebError> {
    let asked = job(&app, &caller, project, id, Role::Manager).await?;
    if !steer::restart(&caller.edges(&app), asked.id).await? {
        return Err(WebError::Conflict("The job has not ended yet.".to_owned()));
    }
    whole(&app, job(&app, &caller, project, id, Role::Manager).await?).await
}

/// `POST /api/v1/projects/<project>/jobs/<job>/cancel`: a job that ended stays as it is.
pub(super) async fn cancel(
    State(app): State<Shared>,
    caller: Caller,
    At((project, id)): At<(ProjectId, JobId)>,
) -> Result<Json<JobWord>, WebError> {
    let asked = job(&app, &caller, project, id, Role::Manager).await?;
    steer::cancel(&caller.edges(&app), asked.id, &attempts::canceled_by(&caller.user)).await?;
    whole(&app, job(&app, &caller, project, id, Role::Manager).await?).await
}

async fn job(
    app: &Shared,
    caller: &Caller,
    project: ProjectId,
    id: JobId,
    role: Role,
) -> Result<Job, WebError> {
    let (project, _) = caller.project(app, project, role).await?;
    app.edges.store.builds().job(project.id, id).await?.ok_or(WebError::NotFound)
}

async fn whole(app: &Shared, job: Job) -> Result<Json<JobWord>, WebError> {
    let past = app.edges.store.builds().past_attempts(job.id).await?;
    let artifacts = app.edges.store.artifacts().artifacts_of_jobs(&[job.id]).await?;
    Ok(Json(JobWord::of(job, &past, artifacts, &app.face)))
}
