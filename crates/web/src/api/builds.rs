//! Builds: lists them, shows them, runs them again, cancels and approves them.

use super::{
    caller::Caller,
    paging,
    words::{BuildWord, JobWord, WholeBuild},
};
use crate::{
    address::{Ask, At},
    app::Shared,
    approving, attempts,
    error::WebError,
    refs,
};
use axum::{
    Json,
    body::Bytes,
    extract::{State, rejection::BytesRejection},
};
use kozmic_edges::{clock, store::BuildFilter};
use kozmic_flow::steer;
use kozmic_model::{
    build::Build,
    ids::{BuildId, ProjectId},
    project::Role,
    spent::Spent,
    status::NotAStatus,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The filter and page of a list of builds.
#[derive(Deserialize)]
pub(super) struct Wanted {
    #[serde(default, rename = "ref")]
    git_ref: String,
    #[serde(default)]
    status: String,
    page: Option<u32>,
    per_page: Option<u32>,
}

/// The ref whose latest build is asked for.
#[derive(Deserialize)]
pub(super) struct Latest {
    #[serde(default, rename = "ref")]
    git_ref: String,
}

/// One page of builds.
#[derive(Serialize)]
pub(super) struct Builds {
    builds: Vec<BuildWord>,
    page: u64,
    per_page: u64,
    total: u64,
}

/// `GET /api/v1/projects/<project>/builds?ref=&status=&page=&per_page=`: the newest first.
pub(super) async fn list(
    State(app): State<Shared>,
    caller: Caller,
    At(project): At<ProjectId>,
    Ask(wanted): Ask<Wanted>,
) -> Result<Json<Builds>, WebError> {
    let (project, _) = caller.project(&app, project, Role::Member).await?;
    let filter = filter(&wanted)?;
    let asked = paging::asked(wanted.page, wanted.per_page);
    let found = app.edges.store.builds().builds(project.id, &filter, asked).await?;
    let (spans, now) = (app.edges.store.builds().spans_of(&found.items).await?, clock::now());
    let word = |build: Build| {
        let spent = spans.get(&build.id).map(|spans| Spent::of(spans, now)).unwrap_or_default();
        BuildWord::of(build, spent, &app.face)
    };
    let builds = found.items.into_iter().map(word).collect();
    Ok(Json(Builds { builds, page: asked.number, per_page: asked.size, total: found.total }))
}

/// `GET /api/v1/projects/<project>/builds/latest?ref=`
pub(super) async fn latest(
    State(app): State<Shared>,
    caller: Caller,
    At(project): At<ProjectId>,
    Ask(Latest { git_ref }): Ask<Latest>,
) -> Result<Json<WholeBuild>, WebError> {
    let (project, _) = caller.project(&app, project, Role::Member).await?;
    let latest = app.edges.store.builds().latest_build(project.id, refs::named(&git_ref).as_ref()).await?;
    whole(&app, latest.ok_or(WebError::NotFound)?).await
}

/// `GET /api/v1/projects/<project>/builds/<build>`
pub(super) async fn one(
    State(app): State<Shared>,
    caller: Caller,
    At((project, id)): At<(ProjectId, BuildId)>,
) -> Result<Json<WholeBuild>, WebError> {
    let build = build(&app, &caller, project, id, Role::Member).await?;
    whole(&app, build).await
}

/// `POST /api/v1/projects/<project>/builds/<build>/restart`: runs all jobs again that did not end well.
pub(super) async fn restart(
    State(app): State<Shared>,
    caller: Caller,
    At((project, id)): At<(ProjectId, BuildId)>,
) -> Result<Json<WholeBuild>, WebError> {
    let asked = build(&app, &caller, project, id, Role::Manager).await?;
    if steer::restart_failed(&caller.edges(&app), asked.id).await? == 0 {
        return Err(WebError::Conflict("No job of this build has failed.".to_owned()));
    }
    whole(&app, build(&app, &caller, project, id, Role::Manager).await?).await
}

/// `POST /api/v1/projects/<project>/builds/<build>/cancel`: cancels all jobs that wait or run.
pub(super) async fn cancel(
    State(app): State<Shared>,
    caller: Caller,
    At((project, id)): At<(ProjectId, BuildId)>,
) -> Result<Json<WholeBuild>, WebError> {
    let asked = build(&app, &caller, project, id, Role::Manager).await?;
    steer::cancel_build(&caller.edges(&app), asked.id, &attempts::canceled_by(&caller.user)).await?;
    whole(&app, build(&app, &caller, project, id, Role::Manager).await?).await
}

/// The approval of a fork's commit that a person looked at.
#[derive(Deserialize)]
pub(super) struct Approving {
    sha: String,
    /// True if later pushes by the same person to the pull request are approved, too.
    #[serde(default)]
    for_all: bool,
}

/// `POST /api/v1/projects/<project>/builds/<build>/approve`: lets its held jobs run.
pub(super) async fn approve(
    State(app): State<Shared>,
    caller: Caller,
    At((project, id)): At<(ProjectId, BuildId)>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<WholeBuild>, WebError> {
    let asked = build(&app, &caller, project, id, Role::Manager).await?;
    let body = body.map_err(|_| WebError::TooLarge)?;
    // Only an object is accepted: serde would also read a structure from an array.
    let object = serde_json::from_slice::<Map<String, Value>>(&body);
    let Approving { sha, for_all } = object
        .and_then(|object| serde_json::from_value(Value::Object(object)))
        .map_err(|fault| WebError::Senseless(format!("The body is no approval: {fault}.")))?;
    approving::approve(&caller.edges(&app), &asked, &sha, for_all, caller.user.id).await?;
    whole(&app, build(&app, &caller, project, id, Role::Manager).await?).await
}

async fn build(
    app: &Shared,
    caller: &Caller,
    project: ProjectId,
    id: BuildId,
    role: Role,
) -> Result<Build, WebError> {
    let (project, _) = caller.project(app, project, role).await?;
    app.edges.store.builds().build(project.id, id).await?.ok_or(WebError::NotFound)
}

async fn whole(app: &Shared, build: Build) -> Result<Json<WholeBuild>, WebError> {
    let mut artifacts = app.edges.store.artifacts().artifacts_of(build.id).await?;
    let (mut jobs, mut spans) = (Vec::new(), Vec::new());
    for job in app.edges.store.builds().jobs_of(build.id).await? {
        spans.push(job.span());
        let past = app.edges.store.builds().past_attempts(job.id).await?;
        let made = artifacts.extract_if(.., |artifact| artifact.job == job.id).collect();
        jobs.push(JobWord::of(job, &past, made, &app.face));
    }
    let spent = Spent::of(&spans, clock::now());
    Ok(Json(WholeBuild { build: BuildWord::of(build, spent, &app.face), jobs }))
}

fn filter(wanted: &Wanted) -> Result<BuildFilter, WebError> {
    let status = match wanted.status.as_str() {
        "" => None,
        word => Some(word.parse().map_err(|fault: NotAStatus| WebError::Senseless(format!("{fault}.")))?),
    };
    Ok(BuildFilter { git_ref: refs::named(&wanted.git_ref), status })
}
