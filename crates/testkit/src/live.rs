//! Reads the live log like a browser's page: by a WebSocket, from a byte offset on.

use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail, ensure};
use futures_util::StreamExt;
use serde::Deserialize;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::person::Person;

/// Longest time that connecting may take.
const OPEN_LIMIT: Duration = Duration::from_secs(10);
/// The statuses after which no more messages come.
const FINAL: [&str; 4] = ["success", "failure", "error", "canceled"];

/// One message of the live log.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Frame {
    /// The attempt whose log follows. It is the first message, and comes again when another attempt begins.
    Hello {
        /// Number of the attempt, from 1; 0 while the job waits. Each attempt's log begins at byte 0.
        attempt: i32,
    },
    /// A piece of the log.
    Log {
        /// Byte offset of the piece's beginning.
        offset: u64,
        /// Byte offset after the piece's end.
        next: u64,
        /// The piece. Bytes that are no UTF-8 become replacement characters.
        data: String,
    },
    /// The job's status, at first and whenever it changes.
    Status {
        /// The status, such as `pending`.
        status: String,
        /// Exit code of the script.
        return_code: Option<i64>,
    },
    /// The connection is alive.
    Tick,
}

/// End of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// The status: `success`, `failure`, `error` or `canceled`.
    pub status: String,
    /// Exit code of the script.
    pub return_code: Option<i64>,
}

impl Person {
    /// Opens the live log of a job from a byte offset.
    pub async fn live(&self, project: u64, job: u64, offset: u64) -> Result<Live> {
        Live::open(self, project, job, offset).await
    }

    /// Opens the news of a project.
    pub async fn news(&self, project: u64) -> Result<News> {
        News::open(self, project).await
    }
}

/// A viewer of a live log. It checks that no byte is missing or comes twice.
pub struct Live {
    person: Person,
    path: String,
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    attempt: Option<i32>,
    offset: u64,
    text: String,
    frames: usize,
    finished: Option<Finished>,
}

impl Live {
    pub(crate) async fn open(person: &Person, project: u64, job: u64, offset: u64) -> Result<Self> {
        let path = format!("/projects/{project}/jobs/{job}/log/live");
        let socket = connect(person, &format!("{path}?offset={offset}")).await?;
        let (person, text) = (person.clone(), String::new());
        Ok(Self { person, path, socket, attempt: None, offset, text, frames: 0, finished: None })
    }

    /// The text read so far.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The byte offset after everything that was read.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// End of the job, if it has come.
    pub fn finished(&self) -> Option<&Finished> {
        self.finished.as_ref()
    }

    /// Number of log messages so far.
    pub fn frames(&self) -> usize {
        self.frames
    }

    /// Connects again at the place where the last connection stopped, as the page does.
    pub async fn reconnect(&mut self) -> Result<()> {
        self.socket = connect(&self.person, &format!("{}?offset={}", self.path, self.offset)).await?;
        Ok(())
    }

    /// The next message; none if the connection is closed or lost.
    pub async fn next(&mut self, limit: Duration) -> Result<Option<Frame>> {
        let frame = tokio::time::timeout(limit, self.receive()).await;
        let frame = frame.map_err(|_| anyhow!("nothing came within {limit:?}; so far:\n{}", self.text))??;
        if let Some(frame) = &frame {
            self.take(frame)?;
        }
        Ok(frame)
    }

    /// Reads until the text contains this, within a limit for the whole wait.
    pub async fn read_until(&mut self, text: &str, limit: Duration) -> Result<()> {
        let read = async {
            while !self.text.contains(text) {
                let frame = self.receive().await?;
                let frame =
                    frame.with_context(|| format!("the log ended without {text:?}:\n{}", self.text))?;
                self.take(&frame)?;
            }
            anyhow::Ok(())
        };
        let outcome = tokio::time::timeout(limit, read).await;
        outcome.map_err(|_| anyhow!("no {text:?} within {limit:?}; so far:\n{}", self.text))?
    }

    /// Reads until the job has ended, and the server has told how or has closed the connection.
    pub async fn read_to_end(&mut self, limit: Duration) -> Result<Finished> {
        let read = async {
            loop {
                if let Some(finished) = &self.finished {
                    return anyhow::Ok(finished.clone());
                }
                let frame = self.receive().await?.context("the connection closed before the job's end")?;
                self.take(&frame)?;
            }
        };
        let outcome = tokio::time::timeout(limit, read).await;
        outcome.map_err(|_| anyhow!("the job did not end within {limit:?}; so far:\n{}", self.text))?
    }

    fn take(&mut self, frame: &Frame) -> Result<()> {
        match frame {
            Frame::Log { offset, next, data } => {
                let here = self.offset;
                ensure!(*offset == here, "the log goes on at byte {offset}, but {here} bytes were read");
                ensure!(next > offset, "a piece of log of no length at {offset}");
                self.offset = *next;
                self.frames += 1;
                self.text.push_str(data);
            }
            Frame::Status { status, return_code } if FINAL.contains(&status.as_str()) => {
                self.finished = Some(Finished { status: status.clone(), return_code: *return_code });
            }
            Frame::Hello { attempt } => self.greet(*attempt),
            Frame::Status { .. } | Frame::Tick => {}
        }
        Ok(())
    }

    /// Begins a new text if another attempt has begun since the last greeting.
    fn greet(&mut self, attempt: i32) {
        if self.attempt.is_some_and(|known| known != attempt) {
            self.offset = 0;
            self.text.clear();
        }
        self.attempt = Some(attempt);
    }

    async fn receive(&mut self) -> Result<Option<Frame>> {
        loop {
            match self.socket.next().await {
                None | Some(Ok(Message::Close(_))) => return Ok(None),
                Some(Ok(Message::Text(text))) => {
                    let frame = serde_json::from_str(&text);
                    return frame.map(Some).with_context(|| format!("not a frame of the live log: {text}"));
                }
                Some(Ok(Message::Binary(_))) => bail!("the live log sent a binary frame"),
                Some(Ok(_)) => {}
                Some(Err(error)) if is_lost(&error) => return Ok(None),
                Some(Err(error)) => return Err(error).context("the live log broke off"),
            }
        }
    }
}

/// The messages that a project's open pages get when their content has changed.
pub struct News(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl News {
    pub(crate) async fn open(person: &Person, project: u64) -> Result<Self> {
        Ok(Self(connect(person, &format!("/live?project={project}")).await?))
    }

    /// Waits for the next message. The first one comes at once.
    pub async fn next(&mut self) -> Result<()> {
        loop {
            let message = self.0.next().await.context("the news ended")?.context("the news broke off")?;
            if message.to_text().is_ok_and(|text| text.contains("changed")) {
                return Ok(());
            }
        }
    }
}

/// True if the connection is lost, for example because the server was killed.
fn is_lost(error: &Error) -> bool {
    matches!(
        error,
        Error::Io(_)
            | Error::ConnectionClosed
            | Error::AlreadyClosed
            | Error::Protocol(ProtocolError::ResetWithoutClosingHandshake)
    )
}

/// A WebSocket as a page of the server opens it, with the person's cookies.
async fn connect(person: &Person, path: &str) -> Result<WebSocketStream<MaybeTlsStream<TcpStream>>> {
    let url = person.address(path)?;
    let origin = url.origin().ascii_serialization();
    let mut request =
        url.as_str().replacen("http", "ws", 1).into_client_request().context("ask for a log")?;
    request.headers_mut().insert("origin", HeaderValue::from_str(&origin).context("write the origin")?);
    if let Some(cookies) = person.cookies() {
        let cookies = HeaderValue::from_bytes(cookies.as_bytes()).context("write the cookies")?;
        request.headers_mut().insert("cookie", cookies);
    }
    let opened = tokio::time::timeout(OPEN_LIMIT, connect_async(request)).await;
    let (socket, _) = opened
        .with_context(|| format!("{path} did not open in time"))?
        .with_context(|| format!("open {path}"))?;
    Ok(socket)
}
