//! Accepts connections, up to a limit, and limits the time of each. Data of a peer that has not proved anything is held
//! in small buffers only, and a peer that does not read its answer is disconnected.

mod connections;
mod stream;
#[cfg(test)]
mod tests;

use crate::{clients::TrustedProxies, holding::Holding};
use axum::{
    Router,
    body::Body,
    extract::{ConnectInfo, Request},
    http::StatusCode,
    response::Response,
};
use connections::{Busy, Connection, Connections, Refusal};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::{
    convert::Infallible,
    io::{self, Write},
    net::SocketAddr,
    pin::pin,
    sync::Arc,
    time::Duration,
};
use stream::Stream;
use tokio::{
    net::{TcpListener, TcpStream},
    time::sleep,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::ServiceExt;

/// Longest time from a connection's beginning, or from an answer's end, to the end of the next request's head.
const HEAD_TIME: Duration = Duration::from_secs(30);

/// A peer that reads nothing of its answer for so long is disconnected.
const STALL_TIME: Duration = Duration::from_secs(60);

/// The most bytes of a connection that are read ahead. A request's head fits into it.
const READ_AHEAD: usize = 64 * 1024;

/// Pause if the system gives no connection.
const BREATHER: Duration = Duration::from_millis(50);

/// Limits for connections.
#[derive(Clone, Debug)]
pub struct Limits {
    /// The most connections of all peers together.
    pub connections: usize,
    /// The most connections of one address, if it is no proxy.
    pub of_one_address: usize,
    /// Addresses of proxies. Each has many clients behind it.
    pub proxies: TrustedProxies,
}

/// Times after which a connection is closed.
#[derive(Clone, Copy, Debug)]
struct Times {
    head: Duration,
    stall: Duration,
}

/// The router and the limits that all connections of a server share.
struct Serving {
    router: Router,
    times: Times,
    stop: CancellationToken,
}

/// Serves until the stop, and then until all connections have ended. A connection that waits for a request ends at
/// once, the others after their answer.
pub async fn serve(listener: TcpListener, router: Router, limits: Limits, stop: CancellationToken) {
    let times = Times { head: HEAD_TIME, stall: STALL_TIME };
    listen(listener, Serving { router, times, stop }, Connections::new(limits)).await;
}

async fn listen(listener: TcpListener, serving: Serving, connections: Arc<Connections>) {
    let (serving, conversations) = (Arc::new(serving), TaskTracker::new());
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = serving.stop.cancelled() => break,
        };
        match accepted {
            Ok((tcp, peer)) => match connections.admit(peer.ip()) {
                Ok(connection) => {
                    conversations.spawn(converse(Arc::clone(&serving), tcp, peer, connection));
                }
                Err(refusal) => refuse(tcp, refusal),
            },
            Err(fault) => cope(&connections, &fault).await,
        }
    }
    drop(listener);
    conversations.close();
    conversations.wait().await;
}

/// Handles a connection that could not be accepted. If the system has no more file descriptors, a waiting connection is
/// closed for it.
async fn cope(connections: &Connections, fault: &io::Error) {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    if matches!(fault.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset) {
        return;
    }
    connections.warn(format_args!("a connection could not be accepted: {fault}"));
    connections.make_room();
    sleep(BREATHER).await;
}

/// Sends a refusal, as far as the system accepts it without waiting.
fn refuse(tcp: TcpStream, refusal: Refusal) {
    let _ = tcp.into_std().and_then(|mut tcp| tcp.write(refusal.answer().as_bytes()));
}

/// Answers a connection's requests, one after another.
async fn converse(serving: Arc<Serving>, tcp: TcpStream, peer: SocketAddr, connection: Arc<Connection>) {
    let leave = connection.leave();
    // A live log has small pieces, and each goes at once. Without this they only come later.
    let _ = tcp.set_nodelay(true);
    let stream = Stream::new(tcp, serving.times.stall, Arc::clone(&connection));
    let router = serving.router.clone();
    let answer = service_fn(move |request| answer(router.clone(), peer, connection.busy(), request));
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(serving.times.head).max_buf_size(READ_AHEAD);
    let conversation = http.serve_connection(TokioIo::new(stream), answer).with_upgrades();
    let mut conversation = pin!(conversation);
    tokio::select! {
        // A peer that breaks off, or is too slow, is no fault of the server.
        _ = conversation.as_mut() => return,
        () = leave.cancelled() => return,
        () = serving.stop.cancelled() => conversation.as_mut().graceful_shutdown(),
    }
    let _ = conversation.await;
}

/// Answers a request. The connection is busy until the answer is sent.
async fn answer(
    router: Router,
    peer: SocketAddr,
    busy: Busy,
    request: Request<Incoming>,
) -> Result<Response, Infallible> {
    let mut request = request.map(Body::new);
    request.extensions_mut().insert(ConnectInfo(peer));
    let response = router.oneshot(request).await?;
    // A WebSocket has an end of its own and never waits for a request, so its connection stays busy.
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        busy.stays();
        return Ok(response);
    }
    Ok(response.map(|body| Body::new(Holding::new(body, busy))))
}
