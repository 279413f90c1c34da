//! Requests to the server: calls, and connections that become WebSockets.

use super::Access;
use crate::protocol::{
    LARGEST_FRAME, PROTOCOL, PROTOCOL_HEADER, ROOT,
    call::{Answer, Call},
    fault::{Fault, Kind},
};
use anyhow::{Context, Result, anyhow};
use futures_util::StreamExt;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use kozmic_edges::tls_fault::TlsFault;
use reqwest::{Client, RequestBuilder, Response, Upgraded, redirect};
use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};
use tokio::{sync::watch, time::timeout};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        handshake::{client::generate_key, derive_accept_key},
        protocol::{Role, WebSocketConfig},
    },
};
use url::Url;

/// Longest time of a call.
const CALL: Duration = Duration::from_secs(60);

/// Longest time for a connection to be made.
const CONNECT: Duration = Duration::from_secs(5);

/// The largest answer to a call, in bytes. An order has a script and a commit's message, which are someone else's.
const LARGEST_ANSWER: usize = 16 * 1024 * 1024;

/// The largest answer that is an error, in bytes.
const LARGEST_FAULT: usize = 64 * 1024;

/// A WebSocket to the server.
pub(super) type Socket = WebSocketStream<Upgraded>;

/// The way to the server, with the token.
pub(super) struct Link {
    /// For requests, over connections that are kept for the next one.
    http: Mutex<Client>,
    /// For WebSockets, each over a new connection: a kept one may be dead without anybody's knowledge.
    sockets: Client,
    /// Changes when the connections of before are forgotten.
    forgotten: watch::Sender<()>,
    access: Access,
}

/// A request without the wanted answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum LinkFault {
    /// The request or its answer was lost, or the server is busy: it may be repeated.
    #[error("the server does not answer: {0:#}")]
    Lost(anyhow::Error),
    /// The server refuses.
    #[error("{words}")]
    Refused { kind: Kind, words: String },
}

impl LinkFault {
    /// True if the server refuses for this reason.
    pub(super) fn is(&self, reason: Kind) -> bool {
        matches!(self, Self::Refused { kind, .. } if *kind == reason)
    }
}

impl Link {
    pub(super) fn new(access: Access) -> Result<Self> {
        let (http, sockets) = (client(&access, usize::MAX)?, client(&access, 0)?);
        Ok(Self { http: Mutex::new(http), sockets, forgotten: watch::Sender::new(()), access })
    }

    /// Uses new connections from now on: those of before may be as dead as one that broke. Calls that wait for an answer
    /// over one of them are lost.
    pub(super) fn forget_connections(&self) {
        if let Ok(new) = client(&self.access, usize::MAX) {
            *self.http.lock().unwrap_or_else(PoisonError::into_inner) = new;
        }
        self.forgotten.send_replace(());
    }

    /// The token, for git.
    pub(super) fn token(&self) -> &str {
        self.access.token.expose()
    }

    /// The address of a path on the server.
    pub(super) fn address(&self, path: &str) -> Url {
        let server = &self.access.server;
        let mut url = server.clone();
        url.set_path(&format!("{}{path}", server.path().trim_end_matches('/')));
        url
    }

    pub(super) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let http = self.http.lock().unwrap_or_else(PoisonError::into_inner).clone();
        http.request(method, self.address(path))
    }

    /// Makes a call once.
    pub(super) async fn call(&self, call: &Call) -> Result<Answer, LinkFault> {
        let mut forgotten = self.forgotten.subscribe();
        tokio::select! {
            answer = self.answer(call) => answer,
            _ = forgotten.changed() => Err(LinkFault::Lost(anyhow!("the connection to the server broke"))),
        }
    }

    async fn answer(&self, call: &Call) -> Result<Answer, LinkFault> {
        let request = self.request(Method::POST, &format!("{ROOT}/call")).json(call).timeout(CALL);
        let response = accepted(request.send().await.map_err(lost)?).await?;
        let body = bounded(response, LARGEST_ANSWER).await.map_err(LinkFault::Lost)?;
        serde_json::from_slice(&body).map_err(|fault| LinkFault::Refused {
            kind: Kind::Unknown,
            words: format!("the server's answer cannot be read: {fault}"),
        })
    }

    /// Opens a WebSocket that reads up to `buffer` bytes at once.
    pub(super) async fn socket(&self, path: &str, buffer: usize) -> Result<Socket, LinkFault> {
        let key = generate_key();
        let request = self
            .sockets
            .get(self.address(path))
            .header(header::CONNECTION, "Upgrade")
            .header(header::UPGRADE, "websocket")
            .header(header::SEC_WEBSOCKET_VERSION, "13")
            .header(header::SEC_WEBSOCKET_KEY, &key);
        let opening = async {
            let response = accepted(request.send().await.map_err(lost)?).await?;
            let accept = response.headers().get(header::SEC_WEBSOCKET_ACCEPT);
            let is_socket = response.status() == StatusCode::SWITCHING_PROTOCOLS
                && accept
                    .is_some_and(|accept| accept.as_bytes() == derive_accept_key(key.as_bytes()).as_bytes());
            if !is_socket {
                return Err(LinkFault::Lost(anyhow!(
                    "something between here and the server allows no WebSockets"
                )));
            }
            response.upgrade().await.map_err(lost)
        };
        let slow = |_| LinkFault::Lost(anyhow!("a connection took too long"));
        let stream = timeout(2 * CONNECT, opening).await.map_err(slow)??;
        Ok(WebSocketStream::from_raw_socket(stream, Role::Client, Some(limits().read_buffer_size(buffer)))
            .await)
    }
}

/// A client that keeps up to `kept` unused connections.
fn client(access: &Access, kept: usize) -> Result<Client> {
    let mut headers = HeaderMap::new();
    let mut token = HeaderValue::try_from(format!("Bearer {}", access.token.expose()))?;
    token.set_sensitive(true);
    headers.insert(header::AUTHORIZATION, token);
    headers.insert(PROTOCOL_HEADER, HeaderValue::from(PROTOCOL));
    let client = Client::builder()
        .user_agent(concat!("kozmic-runner/", env!("CARGO_PKG_VERSION")))
        // A redirect to another host would get the token.
        .redirect(redirect::Policy::none())
        .default_headers(headers)
        .connect_timeout(CONNECT)
        .tcp_keepalive(Duration::from_secs(20))
        .pool_idle_timeout(Duration::from_secs(50))
        .pool_max_idle_per_host(kept);
    client.build().context("prepare connections to the server")
}

/// The limits of WebSockets.
pub(super) fn limits() -> WebSocketConfig {
    WebSocketConfig::default().max_message_size(Some(LARGEST_FRAME)).max_frame_size(Some(LARGEST_FRAME))
}

pub(super) fn lost(fault: reqwest::Error) -> LinkFault {
    LinkFault::Lost(match TlsFault::within(&fault) {
        Some(TlsFault::UnknownAuthority) => {
            anyhow!("it {}; {}", TlsFault::UnknownAuthority, TlsFault::TRUST)
        }
        Some(fault) => anyhow!("it {fault}"),
        // The address has nothing secret, but it is long.
        None => fault.without_url().into(),
    })
}

/// The response, if it is no error.
pub(super) async fn accepted(response: Response) -> Result<Response, LinkFault> {
    let status = response.status();
    if status.is_success() || status == StatusCode::SWITCHING_PROTOCOLS {
        return Ok(response);
    }
    let location = response.headers().get(header::LOCATION).cloned();
    let body = bounded(response, LARGEST_FAULT).await.map_err(LinkFault::Lost)?;
    match serde_json::from_slice::<Fault>(&body) {
        Ok(Fault { kind: Kind::Busy | Kind::Unknown, error }) => Err(LinkFault::Lost(anyhow!(error))),
        Ok(Fault { kind, error }) => Err(LinkFault::Refused { kind, words: error }),
        // Something answers in the server's place, such as a proxy while the server is replaced.
        Err(_) if status == StatusCode::NOT_FOUND => {
            Err(LinkFault::Lost(anyhow!("this is not the address of a Kozmic that has runners")))
        }
        Err(_) if status.is_redirection() => Err(LinkFault::Lost(anyhow!(
            "this address redirects to {}: give the runner an address that does not redirect",
            place(&location)
        ))),
        Err(_) => Err(LinkFault::Lost(anyhow!("the answer is {status}"))),
    }
}

/// Scheme and host of the address to which an answer leads.
fn place(location: &Option<HeaderValue>) -> String {
    let url = location.as_ref().and_then(|location| location.to_str().ok()?.parse::<Url>().ok());
    url.map_or_else(|| "another one".to_owned(), |url| url.origin().ascii_serialization())
}

/// The body, if it is not too large.
async fn bounded(response: Response, limit: usize) -> Result<Vec<u8>> {
    let (mut body, mut stream) = (Vec::new(), response.bytes_stream());
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(reqwest::Error::without_url)?;
        anyhow::ensure!(body.len() + chunk.len() <= limit, "an answer has more than {limit} bytes");
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}
