//! Accepts WebSockets only from this server's own pages: browsers send cookies with WebSockets of any page.

use super::socket::Socket;
use crate::{app::Shared, clients::OpenRequest, error::WebError};
use axum::{
    extract::{FromRequestParts, WebSocketUpgrade},
    http::{
        HeaderMap,
        header::{HOST, ORIGIN},
        request::Parts,
    },
    response::{IntoResponse, Response},
};
use url::Url;

/// The longest message that a viewer may send, in bytes. Viewers have nothing to send.
const LONGEST: usize = 4 * 1024;

/// A WebSocket that a page of this server opens.
pub(crate) struct OurSocket {
    upgrade: WebSocketUpgrade,
    /// Counts for the client that opened it.
    open: Option<OpenRequest>,
}

impl OurSocket {
    /// Collects this many bytes before it sends them.
    pub(super) fn gathering(self, bytes: usize) -> Self {
        Self { upgrade: self.upgrade.write_buffer_size(bytes), ..self }
    }

    /// Opens the connection. It counts for its client until `watch` ends.
    pub(super) fn open<W: Future<Output = ()> + Send + 'static>(
        self,
        watch: impl FnOnce(Socket) -> W + Send + 'static,
    ) -> Response {
        let Self { upgrade, open } = self;
        upgrade.on_upgrade(move |socket| async move {
            watch(Socket::new(socket)).await;
            drop(open);
        })
    }
}

impl FromRequestParts<Shared> for OurSocket {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<Self, Response> {
        if !is_ours(&parts.headers, &app.face.public_url) {
            return Err(WebError::Foreign.into_response());
        }
        let upgrade = WebSocketUpgrade::from_request_parts(parts, app).await;
        let upgrade = upgrade.map_err(IntoResponse::into_response)?;
        // A whole frame is read before its message is measured, so the frames are limited, too.
        // Nor does a connection need a larger buffer: many may be open.
        let upgrade = upgrade.max_message_size(LONGEST).max_frame_size(LONGEST).read_buffer_size(LONGEST);
        Ok(Self { upgrade, open: parts.extensions.get().cloned() })
    }
}

/// True if the connection comes from a page of this server, or from no page at all.
fn is_ours(headers: &HeaderMap, public_url: &Url) -> bool {
    let Some(origin) = headers.get(ORIGIN) else { return true };
    let Some(origin) = origin.to_str().ok().and_then(|text| Url::parse(text).ok()) else { return false };
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    origin.origin() == public_url.origin() || host.is_some_and(|host| authority(&origin) == host)
}

/// Host and port as in a `Host` header.
fn authority(origin: &Url) -> String {
    let host = origin.host_str().unwrap_or_default();
    origin.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(origin: Option<&str>, host: &str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, host.parse().unwrap());
        origin.map(|origin| headers.insert(ORIGIN, origin.parse().unwrap()));
        is_ours(&headers, &"https://ci.example.org/".parse().unwrap())
    }

    #[test]
    fn only_pages_of_ours_may_listen() {
        assert!(from(Some("https://ci.example.org"), "internal:8080"));
        assert!(from(Some("http://localhost:8080"), "localhost:8080"));
        assert!(from(None, "ci.example.org"));
        for origin in
            ["https://evil.example", "null", "https://ci.example.org.evil.example", "http://localhost:9"]
        {
            assert!(!from(Some(origin), "localhost:8080"), "{origin}");
        }
    }
}
