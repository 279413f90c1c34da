//! The caller, and the projects that they see.

use super::{
    caller::Caller,
    words::{ProjectWord, UserWord},
};
use crate::{address::At, app::Shared, error::WebError};
use axum::{Json, extract::State};
use kozmic_model::{ids::ProjectId, project::Role};
use serde::Serialize;

/// All projects of the caller.
#[derive(Serialize)]
pub(super) struct Projects {
    projects: Vec<ProjectWord>,
}

/// `GET /api/v1/user`
pub(super) async fn user(caller: Caller) -> Json<UserWord> {
    Json(UserWord::of(caller.user))
}

/// `GET /api/v1/projects`: the project that was built last comes first.
pub(super) async fn list(State(app): State<Shared>, caller: Caller) -> Result<Json<Projects>, WebError> {
    let lines = app.edges.store.projects().projects_of(caller.user.id).await?;
    let lines = lines.into_iter().filter(|line| caller.rights.reaches(line.project.id));
    let projects = lines.map(|line| ProjectWord::of(line.project, line.role, &app.face)).collect();
    Ok(Json(Projects { projects }))
}

/// `GET /api/v1/projects/<project>`
pub(super) async fn one(
    State(app): State<Shared>,
    caller: Caller,
    At(project): At<ProjectId>,
) -> Result<Json<ProjectWord>, WebError> {
    let (project, role) = caller.project(&app, project, Role::Member).await?;
    Ok(Json(ProjectWord::of(project, role, &app.face)))
}
