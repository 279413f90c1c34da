//! A job's whole log as plain text.

use crate::{
    address::{Ask, At},
    app::Shared,
    attempts,
    auth::Looker,
    error::WebError,
    log_text,
};
use axum::{extract::State, http::HeaderMap, response::Response};
use kozmic_model::ids::{JobId, ProjectId};

/// `GET /projects/<id>/jobs/<job>/log/?attempt=`
pub(crate) async fn raw(
    State(app): State<Shared>,
    looker: Looker,
    At((project, job)): At<(ProjectId, JobId)>,
    Ask(wanted): Ask<attempts::Wanted>,
    headers: HeaderMap,
) -> Result<Response, WebError> {
    let project = looker.project(&app, project).await?;
    let job = attempts::find(&app, project.id, job, &wanted).await?;
    if log_text::forgotten(&app, &job).await?.is_some() {
        return Err(WebError::NotFound);
    }
    log_text::of(&app.edges.logs, job.shown_attempt(), &headers).await
}
