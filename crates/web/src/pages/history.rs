//! All builds of a project, the newest first, in pages.

use super::frame::{Frame, Visit};
use super::{parts, projects::Tab};
use crate::{
    address::{Ask, At},
    app::Shared,
    error::WebError,
};
use askama::Template;
use axum::{
    extract::State,
    response::{IntoResponse, Redirect, Response},
};
use kozmic_model::{
    build::Build,
    ids::ProjectId,
    project::{Project, Role},
};
use serde::Deserialize;

/// Builds on a page.
const PER_PAGE: u64 = 25;

/// No history reaches so far; a number beyond it would not fit into a database's count of rows.
const LAST_PAGE: u64 = 1_000_000_000;

#[derive(Template)]
#[template(path = "history.html")]
struct HistoryPage {
    frame: Frame,
    project: Project,
    tab: Tab,
    builds: Vec<Build>,
    total: u64,
    page: u64,
    pages: u64,
}

/// Which page is wanted.
#[derive(Deserialize)]
pub(crate) struct Turned {
    page: Option<String>,
}

/// `GET /projects/<id>/history/?page=`
pub(crate) async fn history(
    State(app): State<Shared>,
    visit: Visit,
    At(id): At<ProjectId>,
    Ask(Turned { page }): Ask<Turned>,
) -> Result<Response, WebError> {
    let project = visit.project(&app, id, Role::Member).await?;
    let page = page.and_then(|text| text.parse::<u64>().ok()).unwrap_or(1).clamp(1, LAST_PAGE);
    let found = app.edges.store.builds(id, page, PER_PAGE).await?;
    let pages = found.total.div_ceil(PER_PAGE).max(1);
    if page > pages {
        return Ok(Redirect::to(&format!("/projects/{id}/history/?page={pages}")).into_response());
    }
    let frame = visit.frame(&app, Some(id)).await?;
    let (builds, total) = (found.items, found.total);
    visit.show(&HistoryPage { frame, project, tab: Tab::History, builds, total, page, pages })
}
