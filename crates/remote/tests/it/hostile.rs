//! Runners that send too much, or nonsense.

use crate::stage::Stage;
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http::{HeaderValue, Request, header::AUTHORIZATION};
use kozmic_edges::logs::Source;
use kozmic_model::time::Timestamp;
use kozmic_remote::PROTOCOL;
use kozmic_runner::order::Order;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Message, client::IntoClientRequest},
};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// A WebSocket of a runner that is not ours.
async fn socket(stage: &Stage, path: &str) -> Socket {
    let url = stage.url(path).replace("http://", "ws://");
    let mut request: Request<()> = url.into_client_request().unwrap();
    let token = HeaderValue::try_from(format!("Bearer {}", stage.token.expose())).unwrap();
    request.headers_mut().insert(AUTHORIZATION, token);
    request.headers_mut().insert("kozmic-runner-protocol", HeaderValue::from(PROTOCOL));
    connect_async(request).await.unwrap().0
}

/// Everything that the server says until it hangs up.
async fn last_words(mut socket: Socket) -> Vec<String> {
    let mut words = Vec::new();
    while let Some(Ok(message)) = socket.next().await {
        match message {
            Message::Text(text) => words.push(text.to_string()),
            Message::Close(Some(close)) => words.push(close.reason.to_string()),
            _ => {}
        }
    }
    words
}

fn hello(protocol: u32, holds: &[Value]) -> Message {
    let state = json!({"slots": 1, "busy": 0, "trouble": null});
    let hello = json!({"kind": "hello", "protocol": protocol, "state": state, "holds": holds});
    Message::text(hello.to_string())
}

#[tokio::test]
async fn a_line_that_begins_with_anything_else_than_a_small_hello_ends() {
    let stage = Stage::new().await;
    let many = (0..1_001).map(|job| json!({"job": job, "attempt": 1})).collect::<Vec<_>>();
    for (first, reason) in [
        (hello(0, &[]), Some("update the runner")),
        (hello(1, &many), Some("at most 1000 attempts")),
        (Message::text("nonsense"), None),
        (Message::text("x".repeat(600 * 1024)), None),
    ] {
        let mut socket = socket(&stage, "line").await;
        // The server may hang up before it has read all.
        let _ = socket.send(first).await;
        let words = last_words(socket).await;
        assert!(words.iter().all(|words| !words.contains("welcome")), "{words:?}");
        let is_told = |reason| words.iter().any(|words| words.contains(reason));
        assert!(reason.is_none_or(is_told), "{words:?}");
    }
    assert_eq!(*stage.known.connected.borrow(), 0);
}

#[tokio::test]
async fn an_attempt_of_others_is_not_watched_for_a_runner() {
    let stage = Stage::new().await;
    let mut socket = socket(&stage, "line").await;
    socket.send(hello(1, &[json!({"job": 7, "attempt": 1})])).await.unwrap();
    let watch = json!({"kind": "watch", "of": {"job": 8, "attempt": 1}});
    socket.send(Message::text(watch.to_string())).await.unwrap();
    let mut told = Vec::new();
    while told.len() < 2 {
        let text = socket.next().await.unwrap().unwrap().into_text().unwrap();
        let message = serde_json::from_str::<Value>(&text).unwrap();
        if message["kind"] != "beat" {
            told.push(message);
        }
    }
    assert_eq!(told[0]["gone"], json!([{"job": 7, "attempt": 1}]));
    assert_eq!((&told[1]["kind"], &told[1]["of"]["job"]), (&json!("stop"), &json!(8)));
    assert!(told[1]["outcome"]["reason"].as_str().unwrap().contains("another runner"));
}

#[tokio::test]
async fn a_call_that_is_too_large_is_refused() {
    let stage = Stage::new().await;
    let request = reqwest::Client::new().post(stage.url("call")).bearer_auth(stage.token.expose());
    let request = request.header("kozmic-runner-protocol", "1").body(vec![b' '; (1 << 20) + 1]);
    assert_eq!(request.send().await.unwrap().status(), 413);
}

#[tokio::test]
async fn long_names_and_many_phases_are_refused() {
    let stage = Stage::new().await;
    let (_runner, _order) = stage.claimed().await;
    let phase = json!({"kind": "pull", "started_at": 1, "finished_at": null});
    let long = "x".repeat(501);
    for step in [
        json!({"step": "phases", "phases": vec![phase; 501]}),
        json!({"step": "begin", "container": long, "cache_key": null, "phases": []}),
        json!({"step": "begin", "container": "c", "cache_key": long, "phases": []}),
    ] {
        let call = json!({"call": "attempt", "of": {"job": 1, "attempt": 1}, "step": step});
        let request = reqwest::Client::new().post(stage.url("call")).bearer_auth(stage.token.expose());
        let request = request.header("kozmic-runner-protocol", "1").json(&call);
        assert_eq!(request.send().await.unwrap().status(), 400);
    }
    assert_eq!(stage.known.ledger.notes().calls, ["claim"]);
}

/// A frame of a log, as a runner writes it.
async fn frame(stage: &Stage, order: &Order, length: usize) -> Bytes {
    let logs = kozmic_edges::logs::Logs::open(stage.dir.path().join("hostile")).unwrap();
    let mut writer = logs.writer(order.attempt).await.unwrap();
    writer.append(Source::Output, vec![b'x'; length].into(), Timestamp(1)).await.unwrap();
    logs.pieces(order.attempt).next(usize::MAX).await.unwrap().unwrap()
}

#[tokio::test]
async fn frames_of_a_log_that_are_too_large_or_nonsense_end_its_connection() {
    let stage = Stage::new().await;
    stage.known.ledger.give(crate::stage::order(1));
    let runner = stage.runner();
    let order =
        kozmic_runner::coordinator::Coordinator::claim(&*runner.away, &kozmic_runner::new_key()).await;
    let order = order.unwrap().expect("a job waits");
    drop(runner);
    let good = frame(&stage, &order, 100).await;
    let behind = [&9_u64.to_le_bytes(), &good[8..]].concat();
    for bad in [
        Bytes::from_static(b"nonsense"),
        good.slice(..good.len() - 1),
        Bytes::from(behind),
        Bytes::from(vec![0xff; 10_000]),
        Bytes::from(vec![0; 600 * 1024]),
    ] {
        let mut socket = socket(&stage, "jobs/1/attempts/1/log").await;
        let _ = socket.send(Message::Binary(bad)).await;
        let words = last_words(socket).await;
        assert!(words.len() <= 1, "{words:?}");
    }
    assert_eq!(stage.log(&order).await.len(), 0);
    let mut socket = socket(&stage, "jobs/1/attempts/1/log").await;
    socket.send(Message::Binary(good)).await.unwrap();
    stage.log_has(&order, 100).await;
}

#[tokio::test]
async fn a_log_beyond_its_limit_is_refused() {
    let stage = Stage::new().await;
    let mut small = crate::stage::order(1);
    small.limits.log = 1;
    stage.known.ledger.give(small);
    let runner = stage.runner();
    let order =
        kozmic_runner::coordinator::Coordinator::claim(&*runner.away, &kozmic_runner::new_key()).await;
    let order = order.unwrap().expect("a job waits");
    drop(runner);
    let mut socket = socket(&stage, "jobs/1/attempts/1/log").await;
    let whole = frame(&stage, &order, 5 << 20).await;
    let logs = kozmic_edges::logs::Logs::open(stage.dir.path().join("hostile")).unwrap();
    let mut reader = logs.pieces(order.attempt);
    assert!(whole.len() > 5 << 20);
    while let Some(frame) = reader.next(256 * 1024).await.unwrap() {
        let _ = socket.send(Message::Binary(frame)).await;
    }
    let words = last_words(socket).await;
    assert!(words.last().is_some_and(|words| words.contains("has more than")), "{words:?}");
    assert!(stage.log(&order).await.len() <= (4 << 20) + 1);
}

#[tokio::test]
async fn a_log_of_others_cannot_be_opened() {
    let stage = Stage::new().await;
    let request = reqwest::Client::new().get(stage.url("jobs/1/attempts/1/log"));
    let request = request.bearer_auth(stage.token.expose()).header("kozmic-runner-protocol", "1");
    let upgrade = [("connection", "upgrade"), ("upgrade", "websocket"), ("sec-websocket-version", "13")];
    let request = upgrade.into_iter().fold(request, |request, (name, value)| request.header(name, value));
    let response = request.header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==").send().await.unwrap();
    assert_eq!(response.status(), 409);
}
