//! One end of a WebSocket, which counts pings without an answer.

use super::Broken;
use axum::{
    body::Bytes,
    extract::ws::{Message, WebSocket},
};

/// The most pings in a row that may stay without an answer: a busy browser answers late.
const UNANSWERED: u8 = 3;

/// A viewer's connection.
pub(super) struct Socket {
    inner: WebSocket,
    unanswered: u8,
}

impl Socket {
    pub(super) fn new(inner: WebSocket) -> Self {
        Self { inner, unanswered: 0 }
    }

    pub(super) async fn send(&mut self, message: Message) -> Result<(), Broken> {
        self.inner.send(message).await.map_err(|_| Broken::Gone)
    }

    /// Sends a ping, unless too many are without an answer.
    pub(super) async fn ping(&mut self) -> Result<(), Broken> {
        if self.unanswered >= UNANSWERED {
            return Err(Broken::Gone);
        }
        self.unanswered += 1;
        self.send(Message::Ping(Bytes::new())).await
    }

    /// Waits for anything from the other side, such as the answer to a ping.
    pub(super) async fn hear(&mut self) -> Result<(), Broken> {
        let heard = self.inner.recv().await;
        self.unanswered = 0;
        match heard {
            Some(Ok(Message::Close(_)) | Err(_)) | None => Err(Broken::Gone),
            Some(Ok(_)) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::{Router, extract::WebSocketUpgrade, routing::get};
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::{TcpListener, TcpStream},
        sync::mpsc,
    };

    /// Both ends of a WebSocket: the server's, and the bare stream of the other side.
    async fn pair() -> (Socket, TcpStream) {
        let (opened, mut opens) = mpsc::unbounded_channel();
        let open = move |upgrade: WebSocketUpgrade| async move {
            upgrade.on_upgrade(|socket| async move { opened.send(Socket::new(socket)).ok().unwrap() })
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, Router::new().route("/", get(open))).await });
        let mut peer = TcpStream::connect(address).await.unwrap();
        let request = "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                       Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
        peer.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            answer.push(peer.read_u8().await.unwrap());
        }
        (opens.recv().await.unwrap(), peer)
    }

    #[tokio::test]
    async fn a_peer_that_answers_no_ping_is_gone_and_one_that_does_stays() {
        let (mut socket, mut peer) = pair().await;
        for _ in 0..4 {
            for _ in 0..UNANSWERED {
                socket.ping().await.unwrap();
            }
            // A pong without content, masked as clients' frames are.
            peer.write_all(&[0x8a, 0x80, 1, 2, 3, 4]).await.unwrap();
            socket.hear().await.unwrap();
        }
        for _ in 0..UNANSWERED {
            socket.ping().await.unwrap();
        }
        assert!(matches!(socket.ping().await, Err(Broken::Gone)));
    }
}
