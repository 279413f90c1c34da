//! WebDriver BiDi, the protocol that drives Firefox: calls and their answers over one WebSocket.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

/// Longest time of one call. The first call waits for the browser's start, and a gesture's call lasts as long as the
/// gesture.
const LIMIT: Duration = Duration::from_secs(120);

/// A connection to a browser.
pub(super) struct Bidi {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    calls: u64,
}

impl Bidi {
    /// Connects and begins a session.
    pub(super) async fn connect(url: &str) -> Result<Self> {
        let (socket, _) = connect_async(format!("{url}/session")).await.context("connect to the browser")?;
        let mut bidi = Self { socket, calls: 0 };
        bidi.call("session.new", json!({"capabilities": {}})).await?;
        Ok(bidi)
    }

    /// Calls a method and waits for its answer. Events are ignored.
    pub(super) async fn call(&mut self, method: &str, parameters: Value) -> Result<Value> {
        let answer = tokio::time::timeout(LIMIT, self.ask(method, parameters)).await;
        let mut answer =
            answer.with_context(|| format!("no answer to {method}"))?.with_context(|| method.to_owned())?;
        if answer["type"] == "error" {
            bail!("{method}: {}: {}", answer["error"], answer["message"]);
        }
        Ok(answer["result"].take())
    }

    async fn ask(&mut self, method: &str, parameters: Value) -> Result<Value> {
        self.calls += 1;
        let call = json!({"id": self.calls, "method": method, "params": parameters});
        self.socket.send(Message::text(call.to_string())).await.context("call the browser")?;
        loop {
            let message = self.socket.next().await.context("the browser is gone")??;
            let Message::Text(text) = message else { continue };
            let answer: Value = serde_json::from_str(&text).context("read the browser's answer")?;
            if answer["id"] == self.calls {
                return Ok(answer);
            }
        }
    }
}
