//! The buttons of administrators for one runner: drain, resume, remove.

use super::super::{
    button::Sent,
    frame::{Frame, Visit},
    parts,
};
use super::PATH;
use crate::{
    address::At,
    app::Shared,
    auth::Nothing,
    error::WebError,
    runners::{self, OWN},
};
use askama::Template;
use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use kozmic_flow::runners::{Decisions, Removal};
use kozmic_model::runner::Runner;
use serde::Deserialize;

#[derive(Template)]
#[template(path = "runner_removal.html")]
struct RemovalPage {
    frame: Frame,
    runner: Runner,
}

/// The answer to the question if a runner is to be removed.
#[derive(Deserialize)]
pub(crate) struct Answer {
    /// Filled if the person knows that the runner has jobs.
    #[serde(default)]
    force: String,
}

/// `POST /runners/<runner>/drain/`
pub(crate) async fn drain(
    State(app): State<Shared>,
    At(name): At<String>,
    Sent(Nothing {}, visit): Sent<Nothing>,
) -> Result<Response, WebError> {
    set_draining(&app, visit, &name, true).await
}

/// `POST /runners/<runner>/resume/`
pub(crate) async fn resume(
    State(app): State<Shared>,
    At(name): At<String>,
    Sent(Nothing {}, visit): Sent<Nothing>,
) -> Result<Response, WebError> {
    set_draining(&app, visit, &name, false).await
}

async fn set_draining(
    app: &Shared,
    visit: Visit,
    name: &str,
    is_draining: bool,
) -> Result<Response, WebError> {
    runners::allow(app, &visit.person.user)?;
    let title = runners::one(app, name).await?.title;
    if !Decisions::of(&visit.edges(app)).set_draining(name, is_draining).await? {
        return Err(WebError::NotFound);
    }
    let said = match is_draining {
        true => format!("{title} takes no more jobs. Those that it has go on."),
        false => format!("{title} takes jobs again."),
    };
    visit.lead(app, PATH, Ok(said)).await
}

/// `GET /runners/<runner>/remove/`: asks the person.
pub(crate) async fn ask_to_remove(
    State(app): State<Shared>,
    visit: Visit,
    At(name): At<String>,
) -> Result<Response, WebError> {
    runners::allow(&app, &visit.person.user)?;
    let runner = runners::one(&app, &name).await?;
    if !runner.is_remote {
        return visit.lead(&app, PATH, Err(OWN.to_owned())).await;
    }
    let frame = visit.frame(&app, None).await?;
    visit.show(&RemovalPage { frame, runner })
}

/// `POST /runners/<runner>/remove/`. If the runner has jobs that the person was not told of, asks again.
pub(crate) async fn remove(
    State(app): State<Shared>,
    At(name): At<String>,
    Sent(Answer { force }, visit): Sent<Answer>,
) -> Result<Response, WebError> {
    runners::allow(&app, &visit.person.user)?;
    let runner = runners::one(&app, &name).await?;
    match Decisions::of(&visit.edges(&app)).remove(&name, !force.is_empty()).await? {
        Removal::Done => {
            let said = format!("{} is removed. Its token is refused from now on.", runner.title);
            visit.lead(&app, PATH, Ok(said)).await
        }
        Removal::Holds(jobs) => {
            let frame = visit.frame(&app, None).await?;
            let runner = Runner { busy: i32::try_from(jobs).unwrap_or(i32::MAX), ..runner };
            let page = visit.show(&RemovalPage { frame, runner })?;
            Ok((StatusCode::CONFLICT, page).into_response())
        }
        Removal::Own => visit.lead(&app, PATH, Err(OWN.to_owned())).await,
        Removal::Unknown => Err(WebError::NotFound),
    }
}
