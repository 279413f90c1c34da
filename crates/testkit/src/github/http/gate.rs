//! The gate that every call passes: it goes into the book, and what shall go wrong goes wrong here.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::uri::PathAndQuery;
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::{StreamExt, stream};

use super::Shared;
use super::call::bearer;
use super::reply::Refusal;
use super::web;
use crate::github::double::Double;
use crate::github::fault::{Active, FaultKind};
use crate::github::wire::Line;
use crate::github::world::{Area, Request as Entry};
use crate::github::{random, stamp};

/// Notes the call under its repository's name, plays a fault if one befalls it, and notes the answer.
pub(super) async fn pass(
    State(double): State<Shared>,
    ConnectInfo(line): ConnectInfo<Line>,
    mut request: Request,
    next: Next,
) -> Response {
    name_repository(&double, &mut request);
    let (method, path) = (request.method().as_str().to_owned(), request.uri().path().to_owned());
    let index = double.note(&request);
    let mut response = match double.faults.befalling(&method, &path) {
        None => next.run(request).await,
        Some(fault) => go_wrong(&fault, &line, request, next).await,
    };
    let id = random::hex(16).to_uppercase();
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert("x-github-request-id", id);
    }
    double.change(|world| world.journal.answered(index, response.status().as_u16()));
    response
}

/// Puts a repository's name in the place of its id, if a call asks by that.
fn name_repository(double: &Double, request: &mut Request) {
    let path = request.uri().path_and_query().map_or("", PathAndQuery::as_str);
    let Some(rest) = path.strip_prefix("/api/v3/repositories/") else { return };
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (id, rest) = rest.split_at(end);
    let name = id.parse().ok().and_then(|id| {
        double.read(|world| world.repository_by_id(id).map(|repository| repository.full_name()))
    });
    let Some(name) = name else { return };
    if let Ok(uri) = format!("/api/v3/repos/{name}{rest}").parse() {
        *request.uri_mut() = uri;
    }
}

impl Double {
    /// Writes a call into the book; the answer is its place there.
    fn note(&self, request: &Request) -> usize {
        let path = request.uri().path().to_owned();
        let token = bearer(request.headers());
        self.change(|world| {
            let login = token.and_then(|token| world.token(&token)).map(|token| token.login.clone());
            world.journal.requests.push(Entry {
                at: Instant::now(),
                time: SystemTime::now(),
                area: Area::of(&path),
                method: request.method().to_string(),
                query: request.uri().query().map(str::to_owned),
                path,
                login,
                status: None,
                took: None,
            });
            world.journal.requests.len() - 1
        })
    }

    /// Notes what GitHub would not have understood.
    pub(super) fn wrong(&self, what: &str) {
        self.change(|world| world.journal.wrong.push(what.to_owned()));
    }
}

async fn go_wrong(fault: &Arc<Active>, line: &Line, request: Request, next: Next) -> Response {
    let rest = Area::of(request.uri().path()) == Area::Rest;
    match fault.kind() {
        FaultKind::Status(status) => {
            let status = StatusCode::from_u16(*status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            broken(status, rest)
        }
        FaultKind::Hang => {
            fault.released.cancelled().await;
            next.run(request).await
        }
        FaultKind::CloseConnection => {
            line.cut();
            StatusCode::BAD_GATEWAY.into_response()
        }
        FaultKind::LoseAnswer => {
            next.run(request).await;
            line.cut();
            StatusCode::BAD_GATEWAY.into_response()
        }
        FaultKind::RateLimited(wait) => rate_limited(*wait),
        FaultKind::SecondaryRateLimit(wait) => secondary_limit(*wait),
        FaultKind::Trickle { piece, pause } => trickle(next.run(request).await, *piece, *pause),
    }
}

/// Look of GitHub when it is down: JSON for programs, the unicorn for people.
fn broken(status: StatusCode, rest: bool) -> Response {
    if rest {
        let message = status.canonical_reason().unwrap_or("Server Error");
        return Refusal::new(status, message).into_response();
    }
    web::page(status, "Unicorn!", "<p>This page is taking too long to load.</p>")
}

fn rate_limited(wait: Duration) -> Response {
    let message = "API rate limit exceeded for user ID 1. If you reach out to GitHub Support for help, \
                   please include the request ID and timestamp.";
    let mut response = Refusal::new(StatusCode::FORBIDDEN, message).into_response();
    let reset = stamp::unix(SystemTime::now() + wait) + u64::from(wait.subsec_nanos() > 0);
    let headers = response.headers_mut();
    headers.insert("x-ratelimit-limit", HeaderValue::from(5000));
    headers.insert("x-ratelimit-remaining", HeaderValue::from(0));
    headers.insert("x-ratelimit-used", HeaderValue::from(5000));
    headers.insert("x-ratelimit-reset", HeaderValue::from(reset));
    headers.insert("x-ratelimit-resource", HeaderValue::from_static("core"));
    response
}

fn secondary_limit(wait: Duration) -> Response {
    let message = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.";
    let mut response = Refusal::new(StatusCode::FORBIDDEN, message).into_response();
    response.headers_mut().insert("retry-after", HeaderValue::from(wait.as_secs()));
    response
}

/// The same answer, its body in small pieces with a pause before each.
fn trickle(response: Response, piece: usize, pause: Duration) -> Response {
    let (head, body) = response.into_parts();
    let pieces = body.into_data_stream().flat_map(move |chunk| {
        let pieces = match chunk {
            Ok(chunk) => cut(chunk, piece).into_iter().map(Ok).collect(),
            Err(error) => vec![Err(error)],
        };
        stream::iter(pieces)
    });
    let slow = pieces.then(move |piece| async move {
        tokio::time::sleep(pause).await;
        piece
    });
    Response::from_parts(head, Body::from_stream(slow))
}

fn cut(mut chunk: Bytes, piece: usize) -> Vec<Bytes> {
    let mut pieces = Vec::new();
    while !chunk.is_empty() {
        pieces.push(chunk.split_to(piece.clamp(1, chunk.len())));
    }
    pieces
}
