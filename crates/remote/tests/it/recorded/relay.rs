//! A relay between a runner and its server, which notes all that both say.

use super::{Channel, Said};
use axum::{
    Json, Router,
    extract::{
        State,
        ws::{Message, WebSocket, WebSocketUpgrade},
    },
    http::{HeaderMap, Uri},
    response::Response,
    routing::{get, post},
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Message as Sent, client::IntoClientRequest},
};

/// The headers by which a server knows its runner.
const KNOWN_BY: [&str; 2] = ["authorization", "kozmic-runner-protocol"];

/// A relay.
pub(super) struct Relay {
    pub(super) address: SocketAddr,
    notes: Arc<Notes>,
}

struct Notes {
    server: SocketAddr,
    said: Mutex<Vec<Said>>,
}

impl Relay {
    /// A relay to a server.
    pub(super) async fn to(server: SocketAddr) -> Self {
        let notes = Arc::new(Notes { server, said: Mutex::default() });
        let routes = Router::new()
            .route("/runner/v1/call", post(call))
            .route("/runner/v1/line", get(line))
            .route("/runner/v1/jobs/{job}/attempts/{attempt}/log", get(log))
            .with_state(Arc::clone(&notes));
        let address = serve(routes).await;
        Self { address, notes }
    }

    /// All that was said so far. What a side repeats is noted once.
    pub(super) fn said(&self) -> Vec<Said> {
        self.notes.said.lock().unwrap().clone()
    }
}

/// Serves routes on a port of their own.
pub(super) async fn serve(routes: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, routes).await });
    address
}

impl Notes {
    fn note(&self, said: Said) {
        let mut all = self.said.lock().unwrap();
        let is_beat = |said: &Said| {
            [&said.runner, &said.server].into_iter().flatten().any(|message| message["kind"] == "beat")
        };
        if !is_beat(&said) || !all.iter().any(|known| is_beat(known) && of_runner(known) == of_runner(&said))
        {
            all.push(said);
        }
    }
}

fn of_runner(said: &Said) -> bool {
    said.runner.is_some()
}

async fn call(State(notes): State<Arc<Notes>>, headers: HeaderMap, Json(call): Json<Value>) -> Json<Value> {
    let url = format!("http://{}/runner/v1/call", notes.server);
    let request = KNOWN_BY
        .into_iter()
        .fold(reqwest::Client::new().post(url), |request, name| request.header(name, headers[name].clone()));
    let answer = request.json(&call).send().await.unwrap().json::<Value>().await.unwrap();
    notes.note(Said { on: Channel::Call, runner: Some(call), server: Some(answer.clone()) });
    Json(answer)
}

async fn line(
    State(notes): State<Arc<Notes>>,
    uri: Uri,
    headers: HeaderMap,
    up: WebSocketUpgrade,
) -> Response {
    let server = connect(notes.server, uri.path(), &headers).await;
    up.on_upgrade(|runner| pump(notes, Channel::Line, runner, server))
}

async fn log(
    State(notes): State<Arc<Notes>>,
    uri: Uri,
    headers: HeaderMap,
    up: WebSocketUpgrade,
) -> Response {
    let server = connect(notes.server, uri.path(), &headers).await;
    up.on_upgrade(|runner| pump(notes, Channel::Log, runner, server))
}

/// Opens a WebSocket to a server.
pub(super) async fn connect(
    server: SocketAddr,
    path: &str,
    headers: &HeaderMap,
) -> WebSocketStream<TcpStream> {
    let mut request = format!("ws://{server}{path}").into_client_request().unwrap();
    for name in KNOWN_BY {
        request.headers_mut().insert(name, headers[name].clone());
    }
    client_async(request, TcpStream::connect(server).await.unwrap()).await.unwrap().0
}

async fn pump(notes: Arc<Notes>, on: Channel, mut runner: WebSocket, mut server: WebSocketStream<TcpStream>) {
    loop {
        let is_passed = tokio::select! {
            heard = runner.recv() => match heard {
                Some(Ok(Message::Text(text))) => {
                    notes.note(Said { on, runner: serde_json::from_str(&text).ok(), server: None });
                    server.send(Sent::text(text.as_str())).await.is_ok()
                }
                Some(Ok(Message::Binary(frame))) => {
                    let runner = Some(Value::String(BASE64_STANDARD.encode(&frame)));
                    notes.note(Said { on, runner, server: None });
                    server.send(Sent::Binary(frame)).await.is_ok()
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => true,
                Some(Ok(Message::Close(_)) | Err(_)) | None => false,
            },
            heard = server.next() => match heard {
                Some(Ok(Sent::Text(text))) => {
                    notes.note(Said { on, runner: None, server: serde_json::from_str(&text).ok() });
                    runner.send(Message::text(text.as_str())).await.is_ok()
                }
                Some(Ok(Sent::Ping(_) | Sent::Pong(_))) => true,
                _ => false,
            },
        };
        if !is_passed {
            return;
        }
    }
}
