//! The API for programs: JSON, with a token instead of a session. It reads no cookies, so no page of another server can
//! use it through somebody's browser.

mod audit;
mod builds;
mod caller;
mod document;
mod jobs;
mod paging;
mod projects;
mod runners;
mod words;
#[cfg(test)]
mod tests;

use crate::app::Shared;
use axum::{
    Extension, Router,
    extract::DefaultBodyLimit,
    routing::{MethodRouter, get, post},
};
use caller::Takes;
use kozmic_model::token::Scope;

/// An address of the API, as the document describes it.
struct Route {
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "the handler knows it; tests compare it with the document")
    )]
    method: &'static str,
    path: &'static str,
    /// The scope that a token has to have.
    scope: Scope,
    handler: MethodRouter<Shared>,
}

/// The largest body of a request, in bytes. The body of an approval has about a hundred.
const LARGEST_BODY: usize = 1024 * 1024;

/// The whole API, to be put below its version. Each address requires its scope of the caller.
pub(crate) fn router() -> Router<Shared> {
    let router = routes().into_iter().fold(Router::new(), |router, Route { path, scope, handler, .. }| {
        router.route(path, handler.layer(Extension(Takes(scope))))
    });
    router.layer(DefaultBodyLimit::max(LARGEST_BODY))
}

fn routes() -> Vec<Route> {
    let get_at = |path, handler| Route { method: "get", path, scope: Scope::Read, handler };
    let restart_at = |path, handler| Route { method: "post", path, scope: Scope::Restart, handler };
    let post_at = |path, handler| Route { method: "post", path, scope: Scope::All, handler };
    vec![
        get_at("/openapi.json", get(document::show)),
        get_at("/user", get(projects::user)),
        get_at("/audit", get(audit::all)),
        get_at("/projects", get(projects::list)),
        get_at("/projects/{project}", get(projects::one)),
        get_at("/projects/{project}/audit", get(audit::of_project)),
        get_at("/projects/{project}/builds", get(builds::list)),
        get_at("/projects/{project}/builds/latest", get(builds::latest)),
        get_at("/projects/{project}/builds/{build}", get(builds::one)),
        restart_at("/projects/{project}/builds/{build}/restart", post(builds::restart)),
        restart_at("/projects/{project}/builds/{build}/cancel", post(builds::cancel)),
        post_at("/projects/{project}/builds/{build}/approve", post(builds::approve)),
        get_at("/projects/{project}/jobs/{job}", get(jobs::one)),
        get_at("/projects/{project}/jobs/{job}/log", get(jobs::log)),
        restart_at("/projects/{project}/jobs/{job}/restart", post(jobs::restart)),
        restart_at("/projects/{project}/jobs/{job}/cancel", post(jobs::cancel)),
        get_at("/runners", get(runners::list)),
        post_at("/runners", post(runners::add)),
        get_at("/runners/{runner}", get(runners::one)),
        post_at("/runners/{runner}/drain", post(runners::drain)),
        post_at("/runners/{runner}/resume", post(runners::resume)),
        post_at("/runners/{runner}/remove", post(runners::remove)),
    ]
}
