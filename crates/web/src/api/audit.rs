//! The audit trail: a project's for its owner, the whole one for administrators.

use super::{caller::Caller, paging, words::AuditWord};
use crate::{
    address::{Ask, At},
    app::Shared,
    error::WebError,
};
use axum::{Json, extract::State};
use kozmic_model::{ids::ProjectId, project::Role};
use serde::{Deserialize, Serialize};

/// The page that is asked for.
#[derive(Deserialize)]
pub(super) struct Wanted {
    page: Option<u32>,
    per_page: Option<u32>,
}

/// One page of the trail.
#[derive(Serialize)]
pub(super) struct Trail {
    entries: Vec<AuditWord>,
    page: u64,
    per_page: u64,
    total: u64,
}

/// `GET /api/v1/audit?page=&per_page=`: for administrators. For all others, and for tokens of a project, it does not
/// exist.
pub(super) async fn all(
    State(app): State<Shared>,
    caller: Caller,
    Ask(wanted): Ask<Wanted>,
) -> Result<Json<Trail>, WebError> {
    let is_for_all = caller.rights.project.is_none() && app.face.is_admin(&caller.user);
    if !is_for_all {
        return Err(WebError::NotFound);
    }
    trail(&app, None, &wanted).await
}

/// `GET /api/v1/projects/<project>/audit?page=&per_page=`
pub(super) async fn of_project(
    State(app): State<Shared>,
    caller: Caller,
    At(project): At<ProjectId>,
    Ask(wanted): Ask<Wanted>,
) -> Result<Json<Trail>, WebError> {
    let (project, _) = caller.project(&app, project, Role::Owner).await?;
    trail(&app, Some(project.id), &wanted).await
}

async fn trail(app: &Shared, of: Option<ProjectId>, wanted: &Wanted) -> Result<Json<Trail>, WebError> {
    let asked = paging::asked(wanted.page, wanted.per_page);
    let found = app.edges.store.audit().audit(of, asked).await?;
    let entries = found.items.into_iter().map(AuditWord::of).collect();
    Ok(Json(Trail { entries, page: asked.number, per_page: asked.size, total: found.total }))
}
