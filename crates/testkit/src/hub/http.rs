//! The addresses of both servers: the conditions for each call, and the refusals.

use std::collections::BTreeMap;

use axum::extract::{DefaultBodyLimit, OriginalUri, Path, Request, State};
use axum::http::header::{AUTHORIZATION, COOKIE};
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use futures_util::StreamExt;
use serde_json::{Value, json};

use super::double::{Double, USER, World};
use super::reply::{Refusal, Shared, Wrong, success};
use super::upload;

/// Both servers as an application. Every call is recorded.
pub(super) fn router(double: Shared) -> Router {
    let api = Router::new()
        .route("/upload", post(upload::receive))
        .route("/{flist}/link/{stable}", get(link))
        .layer(from_fn_with_state(double.clone(), check_cookies))
        .layer(from_fn_with_state(double.clone(), go_wrong));
    Router::new()
        .route("/auth/v1/oauth/jwt/refresh", get(refresh))
        .nest("/hub/api/flist/me", api)
        .route("/hub/api/flist/{user}", get(list))
        .fallback(unknown)
        .method_not_allowed_fallback(unknown)
        .layer(DefaultBodyLimit::disable())
        .layer(from_fn_with_state(double.clone(), note))
        .with_state(double)
}

async fn note(State(double): State<Shared>, request: Request, next: Next) -> Response {
    let line = format!("{} {}", request.method(), request.uri());
    double.change(|world| world.requests.push(line.clone()));
    let response = next.run(request).await;
    if let Some(Wrong(what)) = response.extensions().get() {
        double.change(|world| world.wrong.push(format!("{line}: {what}")));
    }
    response
}

/// Makes a call fail as the test asked for, after the whole call was read like in a real server.
async fn go_wrong(State(double): State<Shared>, request: Request, next: Next) -> Response {
    let Some(answer) = double.change(failure) else { return next.run(request).await };
    let mut body = request.into_body().into_data_stream();
    while let Some(Ok(_)) = body.next().await {}
    answer
}

fn failure(world: &mut World) -> Option<Response> {
    let (count, status) = &mut world.failures;
    if *count > 0 {
        *count -= 1;
        let status = StatusCode::from_u16(*status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        return Some((status, "<h1>The hub is down</h1>").into_response());
    }
    world.refusal.take().map(|message| Refusal::fair(StatusCode::OK, message).into_response())
}

async fn check_cookies(
    State(double): State<Shared>,
    request: Request,
    next: Next,
) -> Result<Response, Refusal> {
    let cookies = text(request.headers(), &COOKIE).unwrap_or_default();
    let cookie = |name: &str| {
        let mut pairs = cookies.split("; ").filter_map(|pair| pair.split_once('='));
        pairs.find(|(one, _)| *one == name).map(|(_, value)| value.to_owned())
    };
    check_token(&double, cookie("caddyoauth").as_deref(), "the cookie caddyoauth")?;
    if cookie("active-user").as_deref() != Some(USER) {
        return Err(Refusal::wrong(StatusCode::FORBIDDEN, "the cookie active-user names somebody else"));
    }
    Ok(next.run(request).await)
}

async fn refresh(State(double): State<Shared>, headers: HeaderMap) -> Result<String, Refusal> {
    let header = text(&headers, &AUTHORIZATION).unwrap_or_default();
    let (scheme, token) = header.split_once(' ').unwrap_or_default();
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(Refusal::wrong(StatusCode::UNAUTHORIZED, "no bearer token"));
    }
    if token != double.token {
        check_token(&double, Some(token), "the bearer token")?;
    }
    Ok(double.change(World::give_token))
}

/// Checks that a token was issued and is valid. A token that was valid once is refused, too, but is no fault of the
/// caller.
fn check_token(double: &Double, token: Option<&str>, what: &str) -> Result<(), Refusal> {
    let token = token.unwrap_or_default();
    double.read(|world| {
        if world.given.contains(token) {
            Ok(())
        } else if world.forgotten.contains(token) {
            Err(Refusal::fair(StatusCode::UNAUTHORIZED, format!("{what} has run out")))
        } else {
            Err(Refusal::wrong(StatusCode::UNAUTHORIZED, format!("{what} is none that was given")))
        }
    })
}

async fn link(
    State(double): State<Shared>,
    Path((flist, stable)): Path<(String, String)>,
) -> Result<Response, Refusal> {
    if let Some(opened) = double.read(|world| world.link_gate.clone()) {
        opened.cancelled().await;
    }
    double.change(|world| {
        if !world.has_list(&flist) {
            return Err(Refusal::wrong(StatusCode::NOT_FOUND, format!("there is no list {flist}")));
        }
        if world.has_list(&stable) {
            return Err(Refusal::wrong(StatusCode::CONFLICT, format!("{stable} is a list itself")));
        }
        world.links.insert(stable, flist);
        Ok(success())
    })
}

/// All lists of a user, in the form of the real hub: by name, together with links.
async fn list(State(double): State<Shared>, Path(user): Path<String>) -> Result<Json<Vec<Value>>, Refusal> {
    double.read(|world| {
        if user != USER || world.uploads.is_empty() {
            return Err(Refusal::fair(StatusCode::NOT_FOUND, "user not found"));
        }
        let mut entries = BTreeMap::new();
        for (at, upload) in world.uploads.iter().enumerate() {
            let name = format!("{}.flist", upload.name.trim_end_matches(".tar.gz"));
            let entry =
                json!({"name": name, "size": "1.00 KB", "updated": 1_500_000_000 + at, "type": "regular"});
            entries.insert(name, entry);
        }
        for (name, target) in &world.links {
            let entry = json!({"name": name, "size": "--", "updated": 1_500_000_000, "type": "symlink",
                "target": target});
            entries.insert(name.clone(), entry);
        }
        Ok(Json(entries.into_values().collect()))
    })
}

async fn unknown(uri: OriginalUri) -> Refusal {
    Refusal::wrong(StatusCode::NOT_FOUND, format!("the double knows no such address {}", uri.0))
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}
