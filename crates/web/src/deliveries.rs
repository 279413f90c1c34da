//! The endpoint for deliveries. Each delivery is checked, stored and answered at once. Its meaning is determined later,
//! in `flow::receive`. The forge's client reads the headers and the body: nothing here depends on their form.

use crate::{
    app::Shared,
    bodies::{Counted, Gathering, NoRoom},
    clients::Client,
};
use axum::{
    Json,
    body::BodyDataStream,
    extract::{Path, Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use futures_util::StreamExt;
use kozmic_edges::{
    forge::{DeliveryLimits, Proof, ReadDelivery, RefusedDelivery},
    secret,
    store::{Endpoint, NewDelivery, Stored, is_away},
};
use kozmic_flow::intake;
use kozmic_model::ids::HookId;
use serde_json::json;
use std::time::Duration;
use tokio::time::timeout;

/// Longest time that a payload may take to arrive. GitHub itself waits 10 s for everything.
const BODY_TIME: Duration = Duration::from_secs(30);

/// The part of the forge's time limit that is reserved for the answer. All work on the database has to end before that
/// part, so that the forge learns if a delivery was not stored.
const ANSWER_TIME: Duration = Duration::from_secs(2);

/// The reason why a delivery is not taken, in a sentence that the forge shows with the delivery.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("there is no such hook")]
    UnknownHook,
    #[error("there is no Auto Builder here")]
    NoAutoBuilder,
    #[error(
        "the body is larger than {0} bytes; a form is larger than the JSON in it: choose application/json"
    )]
    TooLarge(usize),
    #[error("too many deliveries arrive at once; please send this one again")]
    NoRoom,
    #[error("the body did not arrive within {} s", BODY_TIME.as_secs())]
    TooSlow,
    #[error("the body could not be read")]
    Unreadable,
    #[error(transparent)]
    Forge(#[from] RefusedDelivery),
    #[error("{0}; it is kept, and looked at once more if it is sent again")]
    Unfit(String),
    #[error("the database takes no writes at present; please send the delivery again")]
    Busy,
    #[error("the delivery could not be stored; please send it again")]
    Ours(#[from] anyhow::Error),
}

/// A delivery whose signature is not checked yet.
struct Unproven {
    headers: HeaderMap,
    proof: Proof,
    body: Vec<u8>,
    /// The memory that the body occupies until the delivery is stored.
    counted: Counted,
}

/// `POST /_hooks/hook/<id>/`
pub(crate) async fn take(
    State(app): State<Shared>,
    Path(hook): Path<String>,
    request: Request,
) -> Result<Response, Refusal> {
    let unproven = read(&app, request).await?;
    in_time(&app, async {
        let hook = authentic(&app, &hook, &unproven).await?;
        app.edges.store.hooks().note_signature(hook).await?;
        store(&app, Endpoint::Hook(hook), unproven).await
    })
    .await
}

/// `POST /build/<project>/hook`, `/hook/monitor-update`, `/hook/monitor-watch` and `/hook/kernel` are one endpoint. The
/// payload of a delivery says its purpose.
pub(crate) async fn take_automatic(State(app): State<Shared>, request: Request) -> Result<Response, Refusal> {
    let builder = app.face.auto_builder.as_ref().ok_or(Refusal::NoAutoBuilder)?;
    let unproven = read(&app, request).await?;
    app.edges.forge.check(&unproven.proof, &builder.webhook_secret, &unproven.body)?;
    in_time(&app, store(&app, Endpoint::AutoBuilder, unproven)).await
}

/// Handles a body that has arrived, as long as the forge waits for the answer.
async fn in_time(
    app: &Shared,
    handled: impl Future<Output = Result<Response, Refusal>>,
) -> Result<Response, Refusal> {
    let DeliveryLimits { answer, .. } = app.edges.forge.delivery_limits();
    timeout(answer.saturating_sub(ANSWER_TIME), handled).await.map_err(|_| Refusal::Busy)?
}

async fn read(app: &Shared, request: Request) -> Result<Unproven, Refusal> {
    let (Parts { headers, extensions, .. }, body) = request.into_parts();
    // Without a signature, nobody may make the server read megabytes.
    let proof = app.edges.forge.proof(&headers)?;
    let largest = app.edges.forge.delivery_limits().body;
    if declared(&headers).is_some_and(|length| length > largest) {
        return Err(Refusal::TooLarge(largest));
    }
    let client = extensions.get().copied().unwrap_or(Client::UNKNOWN);
    let mut pieces = body.into_data_stream();
    let body = app.bodies.begin(client);
    let gathered =
        timeout(BODY_TIME, gather(&body, &mut pieces, largest)).await.map_err(|_| Refusal::TooSlow)?;
    if matches!(gathered, Err(Refusal::NoRoom)) {
        // The sender does not read the answer before it has sent everything. The rest is read, and not kept.
        let _ = timeout(BODY_TIME, async { while pieces.next().await.is_some_and(|piece| piece.is_ok()) {} })
            .await;
    }
    gathered?;
    let (body, counted) = body.end()?;
    Ok(Unproven { headers, proof, body, counted })
}

async fn gather(body: &Gathering, pieces: &mut BodyDataStream, largest: usize) -> Result<(), Refusal> {
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|_| Refusal::Unreadable)?;
        if body.length() + piece.len() > largest {
            return Err(Refusal::TooLarge(largest));
        }
        body.add(&piece)?;
    }
    Ok(())
}

/// The length of the body, as the headers give it.
fn declared(headers: &HeaderMap) -> Option<usize> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

impl From<NoRoom> for Refusal {
    fn from(_: NoRoom) -> Self {
        Self::NoRoom
    }
}

/// The hook, if the signature fits its secret. For a hook that does not exist, the check takes the same time.
async fn authentic(app: &Shared, hook: &str, unproven: &Unproven) -> Result<HookId, Refusal> {
    let hook = hook.parse().unwrap_or(HookId(0));
    let known = app.edges.store.hooks().hook_secret(hook).await?;
    let is_known = known.is_some();
    let secret = known.unwrap_or_else(secret::random);
    let checked = app.edges.forge.check(&unproven.proof, &secret, &unproven.body);
    if !is_known {
        return Err(Refusal::UnknownHook);
    }
    checked?;
    Ok(hook)
}

/// Stores a delivery, and answers if it was new. A delivery that no version of Kozmic can read is not stored. A
/// delivery that only this version cannot read is stored.
async fn store(app: &Shared, endpoint: Endpoint, proven: Unproven) -> Result<Response, Refusal> {
    let Unproven { headers, body, counted: _counted, .. } = proven;
    let forge = &app.edges.forge;
    let ReadDelivery { uuid, event, payload } = forge.delivery(&headers, body)?;
    let delivery = NewDelivery { endpoint, uuid: uuid.clone(), event: event.clone(), payload };
    let unfit = intake::unfit(&app.edges, &delivery).await?;
    let status = match intake::delivery(&app.edges, delivery).await? {
        Stored::New => "accepted",
        Stored::Duplicate => "duplicate",
    };
    tracing::info!(delivery.endpoint = ?endpoint, delivery.uuid = uuid, delivery.event = event, status, "delivery");
    match unfit {
        Some(why) => Err(Refusal::Unfit(why)),
        None => Ok((StatusCode::ACCEPTED, Json(json!({ "status": status }))).into_response()),
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = match &self {
            Self::UnknownHook | Self::NoAutoBuilder => StatusCode::NOT_FOUND,
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::Unreadable | Self::Forge(RefusedDelivery::Malformed(_)) => StatusCode::BAD_REQUEST,
            Self::Forge(RefusedDelivery::Unproven(_)) => StatusCode::UNAUTHORIZED,
            Self::Forge(RefusedDelivery::Kind(_)) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Unfit(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::NoRoom => {
                let body = Json(json!({ "error": self.to_string() }));
                let wait = [(header::RETRY_AFTER, HeaderValue::from_static("10"))];
                return (StatusCode::SERVICE_UNAVAILABLE, wait, body).into_response();
            }
            Self::Busy => {
                tracing::error!("a delivery is lost unless it comes again: the database takes no writes");
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::Ours(cause) => {
                tracing::error!("a delivery is lost unless it comes again: {cause:#}");
                match is_away(cause) {
                    true => StatusCode::SERVICE_UNAVAILABLE,
                    false => StatusCode::INTERNAL_SERVER_ERROR,
                }
            }
        };
        (status, Json(json!({ "error": self.to_string() }))).into_response()
    }
}

#[cfg(test)]
mod tests;
