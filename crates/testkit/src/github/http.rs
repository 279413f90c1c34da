//! The double's addresses, and the handler of each.

mod gate;
mod call;
mod reply;
mod paging;
mod oauth;
mod user;
mod repos;
mod collaborators;
mod commits;
mod branches;
mod hooks;
mod deliveries;
mod keys;
mod statuses;
mod lookup;
mod smart;
mod web;
mod avatar;

use std::sync::Arc;

use axum::Router;
use axum::extract::{OriginalUri, State};
use axum::http::Method;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::Response;
use axum::routing::{any, get, post};

use super::double::Double;
use reply::Refusal;

/// State that all handlers share.
type Shared = Arc<Double>;

/// The double as an application: every call passes the gate, which notes it and plays the faults.
pub(super) fn router(double: Shared) -> Router {
    // The gate is before the routes, since it says how an address is to be read.
    Router::new().fallback_service(addresses(double.clone())).layer(from_fn_with_state(double, gate::pass))
}

fn addresses(double: Shared) -> Router {
    Router::new()
        .route("/login/oauth/authorize", get(oauth::ask).post(oauth::decide))
        .route("/login/oauth/access_token", post(oauth::exchange))
        .route("/avatars/u/{id}", get(avatar::picture))
        .route("/api/v3", get(user::greeting))
        .route("/api/v3/", get(user::greeting))
        .route("/api/v3/meta", get(user::meta))
        .nest("/api/v3", rest(double.clone()))
        .route("/{owner}", get(web::account))
        .route("/{owner}/{repository}", get(web::repository))
        .route("/{owner}/{repository}/{*rest}", any(web::below))
        .fallback(unknown)
        .with_state(double)
}

fn rest(double: Shared) -> Router<Shared> {
    Router::new()
        .route("/user", get(user::own))
        .route("/user/emails", get(user::emails))
        .route("/user/repos", get(repos::own))
        .route("/user/orgs", get(user::organizations))
        .route("/repos/{owner}/{repository}", get(repos::one))
        .route("/repositories/{id}", any(repos::none))
        .route("/repositories/{id}/{*rest}", any(repos::none))
        .route("/repos/{owner}/{repository}/collaborators", get(collaborators::list))
        .route("/repos/{owner}/{repository}/collaborators/{login}/permission", get(collaborators::permission))
        .route("/repos/{owner}/{repository}/commits/{sha}", get(commits::one))
        .route("/repos/{owner}/{repository}/commits/heads/{*rest}", get(commits::of_branch))
        .route("/repos/{owner}/{repository}/commits/tags/{*rest}", get(commits::of_tag))
        .route("/repos/{owner}/{repository}/commits/{sha}/status", get(statuses::combined))
        .route("/repos/{owner}/{repository}/commits/{sha}/statuses", get(statuses::list))
        .route("/repos/{owner}/{repository}/statuses/{sha}", post(statuses::create))
        .route("/repos/{owner}/{repository}/hooks", get(hooks::list).post(hooks::create))
        .route(
            "/repos/{owner}/{repository}/hooks/{id}",
            get(hooks::one).patch(hooks::update).delete(hooks::remove),
        )
        .route("/repos/{owner}/{repository}/hooks/{id}/pings", post(hooks::ping))
        .route("/repos/{owner}/{repository}/hooks/{id}/deliveries", get(deliveries::list))
        .route("/repos/{owner}/{repository}/hooks/{id}/deliveries/{delivery}", get(deliveries::one))
        .route(
            "/repos/{owner}/{repository}/hooks/{id}/deliveries/{delivery}/attempts",
            post(deliveries::again),
        )
        .route("/repos/{owner}/{repository}/branches", get(branches::list))
        .route("/repos/{owner}/{repository}/pulls", get(branches::pulls))
        .route("/repos/{owner}/{repository}/pulls/{number}", get(branches::pull))
        .route("/repos/{owner}/{repository}/keys", get(keys::list).post(keys::create))
        .route("/repos/{owner}/{repository}/keys/{id}", get(keys::one).delete(keys::remove))
        .fallback(unknown)
        .method_not_allowed_fallback(unknown)
        .layer(from_fn_with_state(double, call::identify))
        .layer(from_fn(reply::decorate))
}

/// The answer at an address that GitHub has not, or that Kozmic is not known to need.
async fn unknown(State(double): State<Shared>, method: Method, uri: OriginalUri) -> Refusal {
    double.wrong(&format!("{method} {}: the double knows no such address", uri.0));
    Refusal::not_found()
}

/// The answer for a page that does not exist.
fn no_page(double: &Double, method: &Method, path: &str) -> Response {
    double.wrong(&format!("{method} {path}: the double knows no such address"));
    web::page(axum::http::StatusCode::NOT_FOUND, "Not found", "<p>There is no such page here.</p>")
}
