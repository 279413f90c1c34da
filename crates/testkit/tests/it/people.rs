//! A person's helpers, with a few pages in Kozmic's place.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use axum::extract::ws::{Message, WebSocketUpgrade};
use axum::extract::{Form, Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{any, get, post};
use axum::{Json, Router};
use kozmic_testkit::github::GitHub;
use kozmic_testkit::live::Frame;
use kozmic_testkit::person::{Build, NewHook, Person};
use serde_json::{Value, json};

use crate::support::{LIMIT, github_of_anna};

type Fields = std::collections::BTreeMap<String, String>;

struct Pages {
    github: GitHub,
    url: String,
}

type Shared = State<Arc<Pages>>;

async fn kozmic(github: &GitHub) -> Result<String> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    let pages = Arc::new(Pages { github: github.clone(), url: url.clone() });
    let app = Router::new()
        .route("/", get(|| async { Html(button("/logout/", "")) }))
        .route("/logout/", post(|_: Form<Fields>| async { "bye" }))
        .route("/_auth/", get(authorize))
        .route("/_auth/auth-callback/", get(callback))
        .route("/repositories/", get(repositories).post(|| async { Redirect::to("/repositories/") }))
        .route("/projects/", post(add_project))
        .route("/projects/7/", get(|| async { "a project" }))
        .route("/projects/7/hooks/add/", get(|| async { Html(button("", "")) }).post(add_hook))
        .route("/projects/7/builds/latest/", get(latest))
        .route("/projects/7/jobs/3/cancel/", post(|Form(fields): Form<Fields>| async { Json(fields) }))
        .route("/projects/7/jobs/{job}/log/live", any(live))
        .with_state(pages);
    tokio::spawn(async move { axum::serve(listener, app).await });
    Ok(url)
}

fn button(action: &str, more: &str) -> String {
    let token = "<input type=\"hidden\" name=\"csrf_token\" value=\"t0\">";
    format!("<form method=\"post\" action=\"{action}\">{token}{more}<button>Go</button></form>")
}

async fn authorize(State(pages): Shared) -> Redirect {
    let back = format!("{}/_auth/auth-callback/", pages.url);
    let (github, id) = (pages.github.url(), pages.github.client_id());
    Redirect::to(&format!(
        "{github}/login/oauth/authorize?client_id={id}&redirect_uri={back}&scope=repo&state=s&code_challenge={}&code_challenge_method=S256",
        "A".repeat(43)
    ))
}

async fn callback(Query(query): Query<Fields>) -> Response {
    if query.contains_key("code") {
        ([("set-cookie", "session=anna; HttpOnly; Path=/")], Redirect::to("/")).into_response()
    } else {
        (StatusCode::FORBIDDEN, "You did not let Kozmic in").into_response()
    }
}

async fn repositories(State(pages): Shared, headers: HeaderMap) -> Html<String> {
    assert_eq!(headers.get("cookie").map(|cookie| cookie.as_bytes()), Some(&b"session=anna"[..]));
    let id = pages.github.repository("anna/hello").map_or(0, |one| one.id);
    let field = |id| button("/projects/", &format!("<input type=hidden name=repository value={id}>"));
    Html([field(1), field(id)].concat())
}

async fn add_project(State(pages): Shared, Form(fields): Form<Fields>) -> Response {
    let id = pages.github.repository("anna/hello").map_or(0, |one| one.id);
    assert_eq!(fields.get("repository"), Some(&id.to_string()));
    assert_eq!(fields.get("csrf_token").map(String::as_str), Some("t0"));
    Redirect::to("/projects/7/").into_response()
}

async fn add_hook(Form(fields): Form<Fields>) -> Response {
    if fields.get("script").is_some_and(|script| script.starts_with("#!")) {
        return Redirect::to("/projects/7/").into_response();
    }
    Html("A script starts with #!").into_response()
}

async fn latest() -> Html<String> {
    let cancel = button("/projects/7/jobs/3/cancel/", "");
    Html(format!(
        "<main data-project=\"7\" data-build=\"5\" data-job=\"3\" data-status=\"pending\">{cancel}</main>"
    ))
}

/// A live log with faults. Job 3 sends two pieces and closes in between, job 4 leaves out a byte, job 5 sends no log,
/// and job 6 has another attempt after a reconnection.
async fn live(Path(job): Path<u64>, Query(query): Query<Fields>, upgrade: WebSocketUpgrade) -> Response {
    let offset: usize = query.get("offset").and_then(|offset| offset.parse().ok()).unwrap_or(0);
    let hole = if job == 4 { 1 } else { 0 };
    let mut frames: Vec<Value> = vec![
        json!({"type": "hello", "attempt": if job == 6 && offset > 0 { 2 } else { 1 }}),
        json!({"type": "tick"}),
        json!({"type": "status", "status": "pending", "return_code": null}),
    ];
    match (job, offset) {
        (5, _) => {}
        (6, 6) => frames.push(json!({"type": "log", "offset": 0, "next": 6, "data": "again\n"})),
        (_, 0) => frames.push(json!({"type": "log", "offset": hole, "next": 6, "data": "first\n"})),
        _ => {
            frames.push(json!({"type": "log", "offset": 6, "next": 13, "data": "second\n"}));
            frames.push(json!({"type": "status", "status": "success", "return_code": 0}));
        }
    }
    upgrade.on_upgrade(async move |mut socket| {
        for frame in frames {
            socket.send(Message::Text(frame.to_string().into())).await.ok();
        }
        if job == 5 {
            socket.recv().await;
        }
    })
}

#[tokio::test]
async fn a_person_signs_in_and_presses_the_buttons() -> Result<()> {
    let github = github_of_anna().await?;
    let url = kozmic(&github).await?;
    let anna = Person::sign_in_at(&url, &github, "anna").await?;
    assert_eq!(anna.add_project("anna/hello").await?, 7);
    let hook = NewHook { title: "Tests", image: "debian", script: "#!/bin/bash" };
    anna.add_hook(7, hook).await?;
    let refused = anna.add_hook(7, NewHook { script: "echo", ..hook }).await;
    assert!(refused.is_err_and(|error| error.to_string().contains("A script starts with #!")));
    let build = Build { project: 7, build: 5, job: Some(3), status: "pending".to_owned() };
    assert_eq!(anna.latest_build(7).await?, Some(build));
    assert_eq!(anna.cancel(7, 3).await?.body, "{\"csrf_token\":\"t0\"}");
    let late = anna.wait_for_build(7, Duration::from_millis(50), |build| build.status == "success").await;
    assert!(late.is_err_and(|error| error.to_string().contains("pending")));
    assert_eq!(anna.sign_out().await?.body, "bye");
    github.assert_no_wrong_calls();
    Ok(())
}

#[tokio::test]
async fn a_person_who_cancels_is_not_signed_in() -> Result<()> {
    let github = github_of_anna().await?;
    let url = kozmic(&github).await?;
    let error = Person::sign_in_at(&url, &github, "").await.err().map(|error| error.to_string());
    assert!(error.is_some_and(|error| error.contains("You did not let Kozmic in")));
    Ok(())
}

#[tokio::test]
async fn a_live_log_goes_on_after_a_lost_connection() -> Result<()> {
    let github = github_of_anna().await?;
    let anna = Person::sign_in_at(&kozmic(&github).await?, &github, "anna").await?;
    let mut live = anna.live(7, 3, 0).await?;
    live.read_until("first", LIMIT).await?;
    assert_eq!((live.offset(), live.next(LIMIT).await?), (6, None));
    live.reconnect().await?;
    let finished = live.read_to_end(LIMIT).await?;
    assert_eq!((finished.status.as_str(), finished.return_code), ("success", Some(0)));
    assert_eq!((live.text(), live.offset(), live.frames()), ("first\nsecond\n", 13, 2));
    Ok(())
}

#[tokio::test]
async fn a_live_log_with_a_hole_or_silence_is_an_error() -> Result<()> {
    let github = github_of_anna().await?;
    let anna = Person::sign_in_at(&kozmic(&github).await?, &github, "anna").await?;
    let hole = anna.live(7, 4, 0).await?.read_until("first", LIMIT).await;
    assert!(hole.is_err_and(|error| error.to_string().contains("goes on at byte 1")));
    let mut silent = anna.live(7, 5, 0).await?;
    assert_eq!(silent.next(LIMIT).await?, Some(Frame::Hello { attempt: 1 }));
    assert_eq!(silent.next(LIMIT).await?, Some(Frame::Tick));
    assert!(matches!(silent.next(LIMIT).await?, Some(Frame::Status { .. })));
    assert!(silent.next(Duration::from_millis(50)).await.is_err());
    Ok(())
}

#[tokio::test]
async fn another_attempt_has_a_log_of_its_own() -> Result<()> {
    let github = github_of_anna().await?;
    let anna = Person::sign_in_at(&kozmic(&github).await?, &github, "anna").await?;
    let mut live = anna.live(7, 6, 0).await?;
    live.read_until("first", LIMIT).await?;
    live.reconnect().await?;
    live.read_until("again", LIMIT).await?;
    assert_eq!((live.text(), live.offset()), ("again\n", 6));
    Ok(())
}
