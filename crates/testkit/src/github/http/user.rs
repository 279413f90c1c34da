//! The signed-in person, as Kozmic asks for them right after signing in, and what anybody
//! may know of the API.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use serde_json::json;

use super::Shared;
use super::call::{Call, welcome};
use super::reply::{Reply, answer};

/// `GET /`: what anybody may ask, to see whether GitHub answers.
pub(super) async fn greeting(State(double): State<Shared>, headers: HeaderMap) -> Reply {
    welcome(&double, &headers)?;
    let addresses = json!({
        "current_user_url": double.api("/user"),
        "emails_url": double.api("/user/emails"),
        "repository_url": double.api("/repos/{owner}/{repo}"),
    });
    Ok(answer(StatusCode::OK, addresses))
}

/// `GET /meta`: GitHub's own addresses and host keys, which anybody may ask for.
pub(super) async fn meta(State(double): State<Shared>, headers: HeaderMap) -> Reply {
    welcome(&double, &headers)?;
    Ok(answer(StatusCode::OK, double.shapes(|shapes| shapes.meta())))
}

/// `GET /user`.
pub(super) async fn own(call: Call) -> Reply {
    call.allow_parameters(&[]);
    Ok(answer(StatusCode::OK, call.double.shapes(|shapes| shapes.own_user(&call.login))))
}

/// `GET /user/emails`: needs `user:email`.
pub(super) async fn emails(call: Call) -> Reply {
    call.allow_parameters(&["per_page", "page"]);
    call.need_scope(&["user", "user:email"])?;
    Ok(answer(StatusCode::OK, call.double.shapes(|shapes| shapes.emails(&call.login))))
}

/// `GET /user/orgs`: needs `read:org` to see more than what is public, which here is nothing.
pub(super) async fn organizations(call: Call) -> Reply {
    call.allow_parameters(&["per_page", "page"]);
    call.need_scope(&["user", "read:org"])?;
    let own = call.double.read(|world| {
        let own = world.accounts.iter().filter(|account| {
            account.organization.as_ref().is_some_and(|organization| organization.has_member(&call.login))
        });
        own.map(|account| json!({ "id": account.id, "login": account.login, "description": null })).collect()
    });
    Ok(call.page("/user/orgs", own))
}
