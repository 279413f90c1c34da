//! Stands before all addresses: a job's container may not call the server that runs it. A request through a proxy has
//! the proxy's address.

use crate::{app::Shared, error::WebError};
use axum::{
    extract::{ConnectInfo, Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use std::net::SocketAddr;

/// Refuses a request from a job, unless the settings allow jobs to call.
pub(crate) async fn keep_out_jobs(State(app): State<Shared>, request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip());
    match peer {
        Some(peer) if !app.jobs_may_call && app.edges.engine.is_job(peer).await => {
            tracing::debug!(%peer, "a job's container was refused");
            WebError::OfJob(peer.to_canonical()).into_response()
        }
        _ => next.run(request).await,
    }
}
