//! Tells load balancers, monitoring and each page's banner if Kozmic can do its work, and an admin what waits to be sent.

use crate::{app::Shared, auth};
use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::IntoResponse,
};
use kozmic_edges::{clock, store::LaneState};
use kozmic_model::runner;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::timeout;

/// Longest time that a question to the database may take.
const PULSE_TIME: Duration = Duration::from_secs(3);

/// `GET /healthz`: the process answers.
pub(crate) async fn alive() -> &'static str {
    "ok"
}

/// The words for strangers instead of an engine's trouble, because that names addresses.
const FOR_STRANGERS: &str = "No runner can start jobs. Who signs in sees why.";

/// `GET /readyz`: the database can be written, the disk has room, and a runner can start containers.
pub(crate) async fn ready(State(app): State<Shared>, headers: HeaderMap) -> impl IntoResponse {
    let looker = async { timeout(PULSE_TIME, auth::Looker::of(&headers, &app)).await.ok()?.ok().flatten() };
    let (database, looker, engine) = tokio::join!(database_trouble(&app), looker, engine_trouble(&app));
    let is_known = looker.is_some();
    let is_admin = looker.is_some_and(|looker| looker.only().is_none() && app.face.is_admin(looker.user()));
    let disk = app.edges.room.trouble();
    // A runner reports the disk's trouble, too.
    let engine = engine.filter(|trouble| disk.as_ref() != Some(trouble));
    let engine = engine.map(|trouble| if is_known { trouble } else { FOR_STRANGERS.to_owned() });
    let ready = database.is_none() && disk.is_none() && engine.is_none();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let reasons = database.iter().chain(&disk).chain(&engine).cloned().collect::<Vec<_>>();
    let part = |trouble: &Option<String>| if trouble.is_none() { "ok" } else { "not ready" };
    let mut body: Value = json!({
        "ready": ready, "database": part(&database), "disk": part(&disk), "engine": part(&engine),
        "reasons": reasons,
    });
    // Faults may name private repositories.
    if is_admin && let Ok(Some(lanes)) = timeout(PULSE_TIME, lanes(&app)).await {
        body["outbox"] = lanes;
    }
    (status, Json(body))
}

/// For each lane of the outbox, how many messages wait and the last fault; none if the database does not answer.
async fn lanes(app: &Shared) -> Option<Value> {
    let mut lanes = serde_json::Map::new();
    for lane in app.edges.lanes() {
        match app.edges.store.outbox().lane_state(lane).await {
            Ok(LaneState { waiting, fault }) => {
                lanes.insert(lane.name().to_owned(), json!({ "waiting": waiting, "fault": fault }));
            }
            Err(fault) => {
                tracing::warn!("the outbox cannot be looked at: {fault:#}");
                return None;
            }
        }
    }
    Some(lanes.into())
}

/// The reason why the database cannot be written, in a sentence. A result of the last moment is used again.
async fn database_trouble(app: &Shared) -> Option<String> {
    let now = clock::now();
    let attempt = async {
        match timeout(PULSE_TIME, app.edges.store.try_writing(now)).await {
            Ok(Ok(())) => None,
            Ok(Err(fault)) => {
                tracing::warn!("the database cannot be written: {fault:#}");
                Some("The database cannot be written: the server's log says why.".to_owned())
            }
            Err(_) => Some(
                "The database has taken no writes for seconds: it is busy, or does not answer.".to_owned(),
            ),
        }
    };
    app.pulse.trouble(now, attempt).await
}

async fn engine_trouble(app: &Shared) -> Option<String> {
    match timeout(PULSE_TIME, app.edges.store.runners().runners()).await {
        Ok(Ok(runners)) => return runner::trouble(&runners, clock::now()),
        Ok(Err(fault)) => tracing::warn!("the runners cannot be looked up: {fault:#}"),
        Err(_) => tracing::warn!("the runners cannot be looked up: the database does not answer"),
    }
    Some("Nothing is known of the runners: the database cannot be read.".to_owned())
}
