//! Whether Kozmic can do its work: for load balancers, for monitors, and for the banner on each page.

use crate::{app::Shared, auth};
use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::IntoResponse,
};
use kozmic_edges::clock;
use kozmic_model::{
    runner::{RUNNER_SILENCE, Runner},
    time::Timestamp,
};
use serde_json::{Value, json};

/// `GET /healthz`: the process answers.
pub(crate) async fn alive() -> &'static str {
    "ok"
}

/// What strangers are told instead of an engine's trouble, which names addresses.
const FOR_STRANGERS: &str = "No runner can start jobs. Who signs in sees why.";

/// `GET /readyz`: the database answers, and a runner can start containers.
pub(crate) async fn ready(State(app): State<Shared>, headers: HeaderMap) -> impl IntoResponse {
    let database = database_trouble(&app).await;
    let is_known = matches!(auth::Looker::of(&headers, &app).await, Ok(Some(_)));
    let engine = engine_trouble(&app).await;
    let engine = engine.map(|trouble| if is_known { trouble } else { FOR_STRANGERS.to_owned() });
    let ready = database.is_none() && engine.is_none();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let reasons = database.iter().chain(&engine).cloned().collect::<Vec<_>>();
    let part = |trouble: &Option<String>| if trouble.is_none() { "ok" } else { "not ready" };
    let body: Value = json!({
        "ready": ready, "database": part(&database), "engine": part(&engine), "reasons": reasons,
    });
    (status, Json(body))
}

/// Why no job can start anywhere, in a sentence; none if a runner can take jobs.
pub(crate) fn trouble(runners: &[Runner], now: Timestamp) -> Option<String> {
    let mut alive = runners.iter().filter(|runner| now.since(runner.seen_at) < RUNNER_SILENCE).peekable();
    if alive.peek().is_none() {
        return Some("No runner is at work: jobs wait until one is.".to_owned());
    }
    alive.map(|runner| runner.trouble.clone()).collect::<Option<Vec<_>>>()?.into_iter().next()
}

async fn database_trouble(app: &Shared) -> Option<String> {
    let fault = app.edges.store.ping().await.err()?;
    tracing::warn!("the database does not answer: {fault:#}");
    Some("The database does not answer.".to_owned())
}

async fn engine_trouble(app: &Shared) -> Option<String> {
    let runners = app.edges.store.runners().await.ok()?;
    trouble(&runners, clock::now())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runner(trouble: Option<&str>, seen_at: i64) -> Runner {
        Runner {
            name: "here".into(),
            slots: 2,
            busy: 0,
            trouble: trouble.map(str::to_owned),
            seen_at: Timestamp(seen_at),
        }
    }

    #[test]
    fn there_is_trouble_only_when_no_runner_can_work() {
        let now = Timestamp(100_000);
        assert!(trouble(&[], now).is_some());
        assert!(trouble(&[runner(None, 0)], now).is_some());
        assert_eq!(trouble(&[runner(Some("No engine."), 99_000)], now).unwrap(), "No engine.");
        assert_eq!(trouble(&[runner(Some("No engine."), 99_000), runner(None, 99_000)], now), None);
    }
}
