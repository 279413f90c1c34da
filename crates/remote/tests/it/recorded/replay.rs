//! The ends of an older version, which say again what was recorded.

use super::{Channel, Said, relay};
use crate::stage::{LONGEST, Stage, order};
use anyhow::{Context, Result, ensure};
use axum::{
    Json, Router,
    extract::{
        State,
        ws::{Message, WebSocket, WebSocketUpgrade},
    },
    http::HeaderMap,
    response::Response,
    routing::{get, post},
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use std::{
    collections::{HashMap, VecDeque},
    net::SocketAddr,
    sync::{Arc, Mutex},
};
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{WebSocketStream, tungstenite::Message as Sent};

/// A runner that says what was recorded.
pub(super) struct OldRunner<'a> {
    stage: &'a Stage,
    said: Vec<Said>,
    headers: HeaderMap,
    http: reqwest::Client,
    line: Option<WebSocketStream<TcpStream>>,
    log: Option<WebSocketStream<TcpStream>>,
}

impl<'a> OldRunner<'a> {
    pub(super) fn of(stage: &'a Stage, said: Vec<Said>) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert("authorization", format!("Bearer {}", stage.token.expose()).parse().unwrap());
        headers.insert("kozmic-runner-protocol", "1".parse().unwrap());
        Self { stage, said, headers, http: reqwest::Client::new(), line: None, log: None }
    }

    /// Says everything, and checks that the answers are of the kind that they were.
    pub(super) async fn talk(mut self) -> Result<()> {
        for said in std::mem::take(&mut self.said) {
            let Said { on, runner, server } = said;
            match (on, runner, server) {
                (Channel::Call, Some(call), Some(answer)) => self.call(&call, &answer).await?,
                (Channel::Line, Some(message), _) => {
                    let line = self.line().await;
                    line.send(Sent::text(message.to_string())).await?;
                }
                (Channel::Line, None, Some(message)) => self.hear(&message).await?,
                (Channel::Log, Some(frame), _) => {
                    let frame = BASE64_STANDARD.decode(frame.as_str().context("a frame")?)?;
                    self.log().await.send(Sent::Binary(frame.into())).await?;
                }
                (Channel::Log, None, Some(message)) => {
                    hear_until(self.log().await, |heard| heard["end"] == message["end"]).await?
                }
                (_, None, None) | (Channel::Call, _, _) => {}
            }
        }
        Ok(())
    }

    async fn call(&mut self, call: &Value, answer: &Value) -> Result<()> {
        if call["call"] == "claim" {
            self.stage.known.ledger.give(order(1));
        }
        let request = self.http.post(self.stage.url("call")).headers(self.headers.clone());
        let response = request.json(call).send().await?;
        let (status, body) = (response.status(), response.json::<Value>().await?);
        ensure!(status.is_success() && body["answer"] == answer["answer"], "{call} gets {body}");
        Ok(())
    }

    /// Waits for a message of the server's that somebody or something is the reason of.
    async fn hear(&mut self, message: &Value) -> Result<()> {
        match message["kind"].as_str() {
            Some("stop") => self.stage.known.ledger.cancel(1, "By anna."),
            Some("welcome") => {}
            _ => return Ok(()),
        }
        hear_until(self.line().await, |heard| heard["kind"] == message["kind"]).await
    }

    async fn line(&mut self) -> &mut WebSocketStream<TcpStream> {
        if self.line.is_none() {
            let server = self.stage.proxy.address;
            self.line = Some(relay::connect(server, "/runner/v1/line", &self.headers).await);
        }
        self.line.as_mut().unwrap()
    }

    async fn log(&mut self) -> &mut WebSocketStream<TcpStream> {
        if self.log.is_none() {
            let path = "/runner/v1/jobs/1/attempts/1/log";
            self.log = Some(relay::connect(self.stage.proxy.address, path, &self.headers).await);
        }
        self.log.as_mut().unwrap()
    }
}

async fn hear_until(socket: &mut WebSocketStream<TcpStream>, is_it: impl Fn(&Value) -> bool) -> Result<()> {
    let hear = async {
        loop {
            if let Sent::Text(text) = socket.next().await.context("the server hung up")??
                && is_it(&serde_json::from_str(&text)?)
            {
                return Ok(());
            }
        }
    };
    timeout(LONGEST, hear).await.context("the server says nothing")?
}

/// A server that says what was recorded.
pub(super) struct OldServer {
    pub(super) address: SocketAddr,
}

struct Script {
    said: Vec<Said>,
    answers: Mutex<HashMap<String, VecDeque<Value>>>,
}

impl OldServer {
    pub(super) async fn start(said: Vec<Said>) -> Self {
        let mut answers = HashMap::<_, VecDeque<_>>::new();
        for said in said.iter().filter(|said| said.on == Channel::Call) {
            if let (Some(call), Some(answer)) = (&said.runner, &said.server) {
                answers.entry(verb(call)).or_default().push_back(answer.clone());
            }
        }
        let script = Arc::new(Script { said, answers: Mutex::new(answers) });
        let routes = Router::new()
            .route("/runner/v1/call", post(answer))
            .route("/runner/v1/line", get(line))
            .route("/runner/v1/jobs/{job}/attempts/{attempt}/log", get(log))
            .with_state(script);
        Self { address: relay::serve(routes).await }
    }
}

impl Script {
    /// The server's messages that followed a runner's message of this kind.
    fn after(&self, kind: &Value) -> Vec<Value> {
        let mut line = self.said.iter().filter(|said| said.on == Channel::Line);
        let is_it = |said: &&Said| said.runner.as_ref().is_some_and(|message| message["kind"] == *kind);
        let Some(_) = line.find(is_it) else { return Vec::new() };
        line.take_while(|said| said.runner.is_none()).filter_map(|said| said.server.clone()).collect()
    }

    fn of_log(&self) -> Vec<Value> {
        let of_log = self.said.iter().filter(|said| said.on == Channel::Log);
        of_log.filter_map(|said| said.server.clone()).collect()
    }
}

/// The words that tell a call apart from others.
fn verb(call: &Value) -> String {
    [&call["call"], &call["step"]["step"], &call["about"]["about"]].map(Value::to_string).join(" ")
}

async fn answer(State(script): State<Arc<Script>>, Json(call): Json<Value>) -> Json<Value> {
    let mut answers = script.answers.lock().unwrap();
    let queue = answers.get_mut(&verb(&call)).expect("such a call was recorded");
    Json(if queue.len() > 1 { queue.pop_front() } else { queue.front().cloned() }.unwrap())
}

async fn line(State(script): State<Arc<Script>>, up: WebSocketUpgrade) -> Response {
    up.on_upgrade(|mut socket: WebSocket| async move {
        while let Some(Ok(heard)) = socket.recv().await {
            let Message::Text(text) = heard else { continue };
            let heard = serde_json::from_str::<Value>(&text).unwrap();
            for message in script.after(&heard["kind"]) {
                if socket.send(Message::text(message.to_string())).await.is_err() {
                    return;
                }
            }
        }
    })
}

async fn log(State(script): State<Arc<Script>>, up: WebSocketUpgrade) -> Response {
    up.on_upgrade(|mut socket: WebSocket| async move {
        let all = script.of_log();
        let (Some(first), Some(last)) = (all.first(), all.last()) else { return };
        if socket.send(Message::text(first.to_string())).await.is_err() {
            return;
        }
        while let Some(Ok(heard)) = socket.recv().await {
            if matches!(heard, Message::Binary(_)) {
                socket.send(Message::text(last.to_string())).await.ok();
            }
        }
    })
}
