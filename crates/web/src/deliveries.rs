//! The door that pushes come in by: each delivery of the forge is checked, stored and answered at once. Its meaning is
//! thought about afterwards, in `flow::receive`.

mod bodies;

pub use bodies::Bodies;

use crate::{app::Shared, clients::Client};
use axum::{
    Json,
    body::BodyDataStream,
    extract::{Path, Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use bodies::{Counted, Gathering, NoRoom};
use futures_util::StreamExt;
use kozmic_edges::{
    forge::{DeliveryBody, UnreadableBody},
    secret,
    store::{Door, NewDelivery, Stored},
};
use kozmic_flow::intake;
use kozmic_model::ids::HookId;
use serde_json::json;
use std::time::Duration;
use tokio::time::timeout;

/// The largest payload that GitHub sends, in bytes.
pub(crate) const LARGEST: usize = 25 * 1024 * 1024;

/// Longest time that a payload may take to arrive. GitHub itself waits 10 s for everything.
const BODY_TIME: Duration = Duration::from_secs(30);

/// Longest time that storing a delivery may take: GitHub shall hear that it is not stored before it stops listening.
const STORE_TIME: Duration = Duration::from_secs(8);

/// The longest event name and delivery id that are believed, in bytes.
const LONGEST_NAME: usize = 100;

/// The reason why a delivery is not taken, in a sentence that the forge shows beside it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("there is no such hook")]
    UnknownHook,
    #[error("there is no Auto Builder here")]
    NoAutoBuilder,
    #[error(
        "the body is larger than {LARGEST} bytes; a form is larger than the JSON in it: choose application/json"
    )]
    TooLarge,
    #[error("too many deliveries arrive at once; please send this one again")]
    NoRoom,
    #[error("the body did not arrive within {} s", BODY_TIME.as_secs())]
    TooSlow,
    #[error("the body could not be read")]
    Unreadable,
    #[error(
        "the header X-Hub-Signature-256 is missing: give the webhook its secret by restoring it in Kozmic, or by hand"
    )]
    NoSignature,
    #[error(
        "the signature in X-Hub-Signature-256 does not fit: the webhook's secret is not the one that Kozmic has"
    )]
    BadSignature,
    #[error(
        "the header {0} is missing, empty, longer than {LONGEST_NAME} bytes, or not text: GitHub always sends it"
    )]
    BadHeader(&'static str),
    #[error(transparent)]
    Body(#[from] UnreadableBody),
    #[error("{0}; it is kept, and looked at once more if it is sent again")]
    Unfit(String),
    #[error("the database takes no writes at present; please send the delivery again")]
    Busy,
    #[error("the delivery could not be stored; please send it again")]
    Ours(#[from] anyhow::Error),
}

/// A delivery whose signature was not looked at yet.
struct Unproven {
    headers: HeaderMap,
    signature: String,
    body: Vec<u8>,
    /// The body's room, until the delivery is stored.
    counted: Counted,
}

/// `POST /_hooks/hook/<id>/`
pub(crate) async fn take(
    State(app): State<Shared>,
    Path(hook): Path<String>,
    request: Request,
) -> Result<Response, Refusal> {
    let unproven = read(&app, request).await?;
    let hook = authentic(&app, &hook, &unproven).await?;
    app.edges.store.hooks().note_signature(hook).await?;
    store(&app, Door::Hook(hook), unproven).await
}

/// `POST /build/<project>/hook`, `/hook/monitor-update`, `/hook/monitor-watch` and `/hook/kernel`: one door. The
/// payload of a delivery says what it is for.
pub(crate) async fn take_automatic(State(app): State<Shared>, request: Request) -> Result<Response, Refusal> {
    let builder = app.face.auto_builder.as_ref().ok_or(Refusal::NoAutoBuilder)?;
    let unproven = read(&app, request).await?;
    let Unproven { signature, body, .. } = &unproven;
    if !app.edges.forge.signature_holds(&builder.webhook_secret, body, signature) {
        return Err(Refusal::BadSignature);
    }
    store(&app, Door::AutoBuilder, unproven).await
}

async fn read(app: &Shared, request: Request) -> Result<Unproven, Refusal> {
    let headers = request.headers().clone();
    // A sender who does not even claim to be the forge may not make us read megabytes.
    let signature = text(&headers, "X-Hub-Signature-256").map_err(|_| Refusal::NoSignature)?;
    if declared(&headers).is_some_and(|length| length > LARGEST) {
        return Err(Refusal::TooLarge);
    }
    let client = request.extensions().get().copied().unwrap_or(Client::UNKNOWN);
    let mut pieces = request.into_body().into_data_stream();
    let body = app.bodies.begin(client);
    let gathered = timeout(BODY_TIME, gather(&body, &mut pieces)).await.map_err(|_| Refusal::TooSlow)?;
    if matches!(gathered, Err(Refusal::NoRoom)) {
        // Whoever still sends does not listen yet: the rest is let by, and nothing of it kept.
        let _ = timeout(BODY_TIME, async { while pieces.next().await.is_some_and(|piece| piece.is_ok()) {} })
            .await;
    }
    gathered?;
    let (body, counted) = body.end()?;
    Ok(Unproven { headers, signature, body, counted })
}

async fn gather(body: &Gathering, pieces: &mut BodyDataStream) -> Result<(), Refusal> {
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|_| Refusal::Unreadable)?;
        if body.length() + piece.len() > LARGEST {
            return Err(Refusal::TooLarge);
        }
        body.add(&piece)?;
    }
    Ok(())
}

/// The length that a body is said to have.
fn declared(headers: &HeaderMap) -> Option<usize> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

impl From<NoRoom> for Refusal {
    fn from(_: NoRoom) -> Self {
        Self::NoRoom
    }
}

/// The hook, if the body is signed with its secret. The way is as long for a hook that does not exist.
async fn authentic(app: &Shared, hook: &str, unproven: &Unproven) -> Result<HookId, Refusal> {
    let hook = hook.parse().unwrap_or(HookId(0));
    let known = app.edges.store.hooks().hook_secret(hook).await?;
    let is_known = known.is_some();
    let secret = known.unwrap_or_else(secret::random);
    match (app.edges.forge.signature_holds(&secret, &unproven.body, &unproven.signature), is_known) {
        (true, true) => Ok(hook),
        (_, false) => Err(Refusal::UnknownHook),
        (false, true) => Err(Refusal::BadSignature),
    }
}

/// Stores a delivery, and says whether it was new. One that can never be read is not kept; one that only this version
/// of Kozmic cannot read is.
async fn store(app: &Shared, door: Door, proven: Unproven) -> Result<Response, Refusal> {
    let Unproven { headers, body, counted: _counted, .. } = proven;
    let uuid = text(&headers, "X-GitHub-Delivery")?;
    let event = text(&headers, "X-GitHub-Event")?;
    let said = |name: header::HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let body = DeliveryBody {
        content_type: said(header::CONTENT_TYPE),
        content_encoding: said(header::CONTENT_ENCODING),
        bytes: body,
    };
    let payload = app.edges.forge.payload(body)?;
    let delivery = NewDelivery { door, uuid: uuid.clone(), event: event.clone(), payload };
    let unfit = intake::unfit(&app.edges, &delivery).await?;
    let stored = timeout(STORE_TIME, intake::delivery(&app.edges, delivery)).await;
    let status = match stored.map_err(|_| Refusal::Busy)?? {
        Stored::New => "accepted",
        Stored::Duplicate => "duplicate",
    };
    tracing::info!(delivery.door = ?door, delivery.uuid = uuid, delivery.event = event, status, "delivery");
    match unfit {
        Some(why) => Err(Refusal::Unfit(why)),
        None => Ok((StatusCode::ACCEPTED, Json(json!({ "status": status }))).into_response()),
    }
}

fn text(headers: &HeaderMap, name: &'static str) -> Result<String, Refusal> {
    let value = headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    match value {
        Some(text) if !text.is_empty() && text.len() <= LONGEST_NAME => Ok(text.to_owned()),
        _ => Err(Refusal::BadHeader(name)),
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = match &self {
            Self::UnknownHook | Self::NoAutoBuilder => StatusCode::NOT_FOUND,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::Unreadable | Self::BadHeader(_) | Self::Body(UnreadableBody::Content(_)) => {
                StatusCode::BAD_REQUEST
            }
            Self::NoSignature | Self::BadSignature => StatusCode::UNAUTHORIZED,
            Self::Body(UnreadableBody::Kind(_)) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
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
                StatusCode::INTERNAL_SERVER_ERROR
            }
        };
        (status, Json(json!({ "error": self.to_string() }))).into_response()
    }
}

#[cfg(test)]
mod at_the_door;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_that_are_no_names_are_refused() {
        let mut headers = HeaderMap::new();
        assert!(text(&headers, "X-GitHub-Event").is_err());
        headers.insert("X-GitHub-Event", " push ".parse().unwrap());
        assert_eq!(text(&headers, "X-GitHub-Event").unwrap(), "push");
        headers.insert("X-GitHub-Event", axum::http::HeaderValue::from_bytes(b"p\xffsh").unwrap());
        assert!(text(&headers, "X-GitHub-Event").is_err());
        headers.insert("X-GitHub-Event", "x".repeat(101).parse().unwrap());
        assert!(text(&headers, "X-GitHub-Event").is_err());
    }

    #[test]
    fn a_refusal_says_why_and_hides_our_faults() {
        assert_eq!(Refusal::TooLarge.into_response().status(), StatusCode::PAYLOAD_TOO_LARGE);
        assert_eq!(Refusal::BadSignature.into_response().status(), StatusCode::UNAUTHORIZED);
        let ours = Refusal::from(anyhow::anyhow!("disk"));
        assert!(!ours.to_string().contains("disk"));
    }
}
