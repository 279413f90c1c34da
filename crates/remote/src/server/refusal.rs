//! A request that is refused: an HTTP status, and a sentence with its kind as JSON.

use crate::protocol::fault::{Fault, Kind};
use axum::{
    Json,
    response::{IntoResponse, Response},
};
use http::StatusCode;

/// The reason why a request is refused.
#[derive(Debug)]
pub(super) struct Refusal(Fault);

impl Refusal {
    pub(super) fn new(kind: Kind, error: impl Into<String>) -> Self {
        Self(Fault { error: error.into(), kind })
    }

    pub(super) fn not_held() -> Self {
        Self::new(Kind::NotHeld, "the runner does not hold this attempt")
    }

    pub(super) fn invalid(error: impl Into<String>) -> Self {
        Self::new(Kind::Invalid, error)
    }

    /// The sentence.
    pub(super) fn words(&self) -> &str {
        &self.0.error
    }

    pub(super) fn status(&self) -> StatusCode {
        match self.0.kind {
            Kind::Unauthorized => StatusCode::UNAUTHORIZED,
            Kind::Protocol => StatusCode::UPGRADE_REQUIRED,
            Kind::NotHeld | Kind::LogIncomplete => StatusCode::CONFLICT,
            Kind::Invalid => StatusCode::BAD_REQUEST,
            Kind::Busy => StatusCode::SERVICE_UNAVAILABLE,
            Kind::Failed | Kind::Unknown => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

impl From<anyhow::Error> for Refusal {
    /// The coordinator's error. The runner's attempt ends with it, and its log has the sentence.
    fn from(fault: anyhow::Error) -> Self {
        Self::new(Kind::Failed, format!("{fault:#}"))
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.status(), Json(self.0)).into_response()
    }
}
