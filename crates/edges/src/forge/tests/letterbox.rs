//! An address on this machine that takes deliveries as they come, headers and body.

use http::{HeaderMap, HeaderName, HeaderValue};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU16, Ordering},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    sync::{Mutex, mpsc},
    time::timeout,
};
use url::Url;

/// Long enough for any delivery, short enough to wait for when something is broken.
const LIMIT: Duration = Duration::from_secs(10);

/// A request that came.
pub(super) struct Letter {
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

/// The address.
pub(super) struct Letterbox {
    pub(super) url: Url,
    answer: Arc<AtomicU16>,
    came: Mutex<mpsc::UnboundedReceiver<Letter>>,
}

impl Letterbox {
    /// Opens the address. It answers that each delivery is accepted.
    pub(super) async fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap()).parse().unwrap();
        let (answer, (send, came)) = (Arc::new(AtomicU16::new(202)), mpsc::unbounded_channel());
        let status = Arc::clone(&answer);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let letter = take(BufReader::new(stream), status.load(Ordering::Relaxed)).await;
                if send.send(letter).is_err() {
                    break;
                }
            }
        });
        Self { url, answer, came: Mutex::new(came) }
    }

    /// Answers with another status from now on.
    pub(super) fn answer(&self, status: u16) {
        self.answer.store(status, Ordering::Relaxed);
    }

    /// The next letter.
    pub(super) async fn next(&self) -> Letter {
        let mut came = self.came.lock().await;
        timeout(LIMIT, came.recv()).await.expect("a delivery comes").expect("the address is open")
    }
}

async fn take(mut stream: BufReader<TcpStream>, status: u16) -> Letter {
    let (mut line, mut headers) = (String::new(), HeaderMap::new());
    stream.read_line(&mut line).await.unwrap();
    loop {
        line.clear();
        stream.read_line(&mut line).await.unwrap();
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.insert(name.parse::<HeaderName>().unwrap(), value.parse::<HeaderValue>().unwrap());
    }
    let length =
        headers.get(http::header::CONTENT_LENGTH).map_or(0, |value| value.to_str().unwrap().parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.unwrap();
    let answer = format!("HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
    stream.write_all(answer.as_bytes()).await.unwrap();
    Letter { headers, body }
}
