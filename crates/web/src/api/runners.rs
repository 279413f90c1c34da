//! Runners: lists and shows them to everybody, and lets administrators decide about them.

use super::{caller::Caller, words::RunnerWord};
use crate::{
    address::{Ask, At},
    app::Shared,
    error::WebError,
    runners::{self, OWN},
};
use axum::{
    Json,
    body::Bytes,
    extract::{State, rejection::BytesRejection},
    http::StatusCode,
};
use kozmic_edges::clock;
use kozmic_flow::runners::{Added, Decisions, Removal};
use kozmic_model::{
    label::{Label, Labels, MOST_LABELS, NotALabel},
    runner::{Forks, ProjectPatterns, Runner, RunnerRules, RunnerTitle},
};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// All runners.
#[derive(Serialize)]
pub(super) struct Runners {
    runners: Vec<RunnerWord>,
}

/// A runner that was just added, and its token.
#[derive(Serialize)]
pub(super) struct AddedWord {
    runner: RunnerWord,
    token: String,
}

/// A runner to add, as sent.
#[derive(Deserialize)]
pub(super) struct Sent {
    title: String,
    #[serde(default)]
    labels: Vec<Label>,
    #[serde(default)]
    projects: ProjectPatterns,
    #[serde(default)]
    forks: Forks,
}

/// The decision to remove a runner.
#[derive(Deserialize)]
pub(super) struct Removing {
    #[serde(default)]
    force: bool,
}

/// `GET /api/v1/runners`
pub(super) async fn list(State(app): State<Shared>, caller: Caller) -> Result<Json<Runners>, WebError> {
    let runners = runners::all(&app).await?.into_iter();
    Ok(Json(Runners { runners: runners.map(|runner| word(&app, &caller, runner)).collect() }))
}

/// `GET /api/v1/runners/<runner>`
pub(super) async fn one(
    State(app): State<Shared>,
    caller: Caller,
    At(name): At<String>,
) -> Result<Json<RunnerWord>, WebError> {
    let runner = runners::one(&app, &name).await?;
    Ok(Json(word(&app, &caller, runner)))
}

/// `POST /api/v1/runners`: this answer is the only one that has the token.
pub(super) async fn add(
    State(app): State<Shared>,
    caller: Caller,
    body: Result<Bytes, BytesRejection>,
) -> Result<(StatusCode, Json<AddedWord>), WebError> {
    allow(&app, &caller)?;
    let (title, rules) = wanted(&body.map_err(|_| WebError::TooLarge)?)?;
    let added = Decisions::of(&caller.edges(&app)).add(&title, &rules).await?;
    let Added { name, token } = added.ok_or_else(|| WebError::Conflict(runners::taken(&title)))?;
    let runner = word(&app, &caller, runners::one(&app, &name).await?);
    Ok((StatusCode::CREATED, Json(AddedWord { runner, token: token.expose_secret().to_owned() })))
}

/// `POST /api/v1/runners/<runner>/drain`
pub(super) async fn drain(
    State(app): State<Shared>,
    caller: Caller,
    At(name): At<String>,
) -> Result<Json<RunnerWord>, WebError> {
    set_draining(&app, &caller, &name, true).await
}

/// `POST /api/v1/runners/<runner>/resume`
pub(super) async fn resume(
    State(app): State<Shared>,
    caller: Caller,
    At(name): At<String>,
) -> Result<Json<RunnerWord>, WebError> {
    set_draining(&app, &caller, &name, false).await
}

/// `POST /api/v1/runners/<runner>/remove?force=`: gives the runner as it was.
pub(super) async fn remove(
    State(app): State<Shared>,
    caller: Caller,
    At(name): At<String>,
    Ask(Removing { force }): Ask<Removing>,
) -> Result<Json<RunnerWord>, WebError> {
    allow(&app, &caller)?;
    let runner = runners::one(&app, &name).await?;
    match Decisions::of(&caller.edges(&app)).remove(&name, force).await? {
        Removal::Done => Ok(Json(word(&app, &caller, runner))),
        Removal::Holds(jobs) => Err(WebError::Conflict(format!(
            "Jobs that the runner has now: {jobs}. With force=true, other runners begin them again."
        ))),
        Removal::Own => Err(WebError::Conflict(OWN.to_owned())),
        Removal::Unknown => Err(WebError::NotFound),
    }
}

async fn set_draining(
    app: &Shared,
    caller: &Caller,
    name: &str,
    is_draining: bool,
) -> Result<Json<RunnerWord>, WebError> {
    allow(app, caller)?;
    match Decisions::of(&caller.edges(app)).set_draining(name, is_draining).await? {
        true => Ok(Json(word(app, caller, runners::one(app, name).await?))),
        false => Err(WebError::NotFound),
    }
}

/// The title and the rules in a body. Only an object is accepted: serde would also read a structure from an array.
fn wanted(body: &[u8]) -> Result<(RunnerTitle, RunnerRules), WebError> {
    let object = serde_json::from_slice::<Map<String, Value>>(body);
    let Sent { title, labels, projects, forks } = object
        .and_then(|object| serde_json::from_value(Value::Object(object)))
        .map_err(|fault| WebError::Senseless(format!("The body is no runner: {fault}.")))?;
    let senseless = |fault: &dyn ToString| WebError::Senseless(fault.to_string());
    let title = title.parse::<RunnerTitle>().map_err(|fault| senseless(&fault))?;
    // A list with one label many times is too long, too: the document says so.
    let labels = match labels.len() {
        many if many > MOST_LABELS => Err(NotALabel::Many(many)),
        _ => Labels::listed(labels),
    };
    let labels = labels.map_err(|fault| senseless(&fault))?;
    Ok((title, RunnerRules { labels, projects, forks }))
}

fn word(app: &Shared, caller: &Caller, runner: Runner) -> RunnerWord {
    RunnerWord::of(runner, clock::now(), allow(app, caller).is_ok())
}

/// Refuses all but administrators, and tokens of one project.
fn allow(app: &Shared, caller: &Caller) -> Result<(), WebError> {
    match caller.rights.project {
        None => runners::allow(app, &caller.user),
        Some(_) => Err(WebError::AdminsOnly),
    }
}
