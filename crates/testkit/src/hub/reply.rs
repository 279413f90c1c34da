//! The answers of both servers: success, and refusals.

use std::sync::Arc;

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::double::Double;

/// State that all handlers share.
pub(super) type Shared = Arc<Double>;

/// Reason for refusing a call.
pub(super) struct Refusal {
    status: StatusCode,
    message: String,
    /// True if a correct client would never make such a call.
    is_wrong: bool,
}

impl Refusal {
    pub(super) fn wrong(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), is_wrong: true }
    }

    pub(super) fn fair(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), is_wrong: false }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response =
            (self.status, Json(json!({"status": "error", "message": self.message}))).into_response();
        if self.is_wrong {
            response.extensions_mut().insert(Wrong(self.message));
        }
        response
    }
}

/// Fault of a call, for the record.
#[derive(Clone)]
pub(super) struct Wrong(pub(super) String);

/// An answer that reports success.
pub(super) fn success() -> Response {
    Json(json!({"status": "success"})).into_response()
}
