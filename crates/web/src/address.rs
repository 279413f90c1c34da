//! The parts of an address, read into types. What names nothing is not found; what asks nonsense is told so.

use crate::error::WebError;
use axum::extract::{
    FromRequestParts, Path, Query,
    rejection::{PathRejection, QueryRejection},
};

/// What stands in an address's path.
#[derive(FromRequestParts)]
#[from_request(via(Path), rejection(WebError))]
pub(crate) struct At<T>(pub(crate) T);

/// What stands behind an address's question mark.
#[derive(FromRequestParts)]
#[from_request(via(Query), rejection(WebError))]
pub(crate) struct Ask<T>(pub(crate) T);

impl From<PathRejection> for WebError {
    fn from(_: PathRejection) -> Self {
        Self::NotFound
    }
}

impl From<QueryRejection> for WebError {
    fn from(fault: QueryRejection) -> Self {
        Self::Senseless(fault.body_text())
    }
}
