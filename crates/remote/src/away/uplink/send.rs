//! One connection of a log: from the server's first word about its end until the connection breaks.

use super::{Sent, Uplink};
use crate::{
    away::{
        Shared,
        link::{LinkFault, Socket},
    },
    protocol::{
        At, LOG_BUFFER, LOG_FRAME, UNANSWERED,
        fault::Kind,
        log::{OfRunner, OfServer},
    },
};
use anyhow::{Context, Error, Result, anyhow, bail};
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use kozmic_edges::logs::{PieceReader, Pieces, Position};
use std::time::Duration;
use tokio::time::{Instant, interval, timeout};
use tokio_tungstenite::tungstenite::Message;

/// Pause between two pings.
const PING: Duration = Duration::from_secs(5);

/// Time without anything from the server after which the connection counts as broken.
const SILENCE: Duration = Duration::from_secs(15);

/// The reason why a connection ended.
pub(super) enum Parted {
    /// It broke, or could not be opened.
    Lost(Error),
    /// A newer connection sends this log.
    Replaced,
    /// The server takes no more of it.
    Refused(String),
    /// The server has to be asked again for the part that it has.
    Again,
}

/// The server's next message.
enum Heard {
    Frame(Bytes),
    Text(OfServer),
    Nothing,
}

impl Uplink {
    /// Sends the log over a new connection.
    pub(super) async fn send(&self, shared: &Shared, is_taken_up: &mut bool) -> Parted {
        let socket = match shared.link.socket(&At::from(self.attempt).path("log"), LOG_BUFFER).await {
            Ok(socket) => socket,
            Err(LinkFault::Lost(fault)) => return Parted::Lost(fault),
            Err(LinkFault::Refused { kind: Kind::NotHeld | Kind::Unauthorized, words }) => {
                return Parted::Refused(words);
            }
            Err(LinkFault::Refused { words, .. }) => return Parted::Lost(anyhow!(words)),
        };
        let sent = self.send_over(shared, socket, is_taken_up).await;
        sent.unwrap_or_else(Parted::Lost)
    }

    async fn send_over(&self, shared: &Shared, mut socket: Socket, is_taken_up: &mut bool) -> Result<Parted> {
        let have = match first(&mut socket).await? {
            OfServer::Have { end } => end,
            OfServer::Replaced => return Ok(Parted::Replaced),
            OfServer::Refused { reason } => return Ok(Parted::Refused(reason)),
            OfServer::Unknown => bail!("the server's first message is unknown"),
        };
        if *is_taken_up {
            self.fetch_rest(shared, &mut socket, have).await?;
            *is_taken_up = false;
        }
        let mut reader = shared.logs.pieces(self.attempt);
        if !reader.seek(have).await? {
            return Ok(Parted::Refused("the server has another log of this attempt".to_owned()));
        }
        self.sent.send_replace(Sent::Have(have));
        self.pump(socket, reader).await
    }

    /// Fetches the part of the log that this machine lost.
    async fn fetch_rest(&self, shared: &Shared, socket: &mut Socket, have: Position) -> Result<()> {
        let mut copy = shared.logs.copy(self.attempt).await?;
        if copy.end() >= have {
            return Ok(());
        }
        tracing::warn!(job.id = self.attempt.job.0, "the end of a log is fetched from the server");
        let text = serde_json::to_string(&OfRunner::Rest { from: copy.end() })?;
        socket.send(Message::text(text)).await?;
        while copy.end() < have {
            if let Heard::Frame(frame) = hear(socket).await? {
                let pieces = Pieces::from_frame(&frame).context("a frame of a log cannot be read")?;
                copy.append(pieces).await?;
            }
        }
        Ok(())
    }

    /// Sends all that the file has and gets, while the server keeps up.
    async fn pump(&self, mut socket: Socket, mut reader: PieceReader) -> Result<Parted> {
        let (mut have, mut heard) = (reader.position(), Instant::now());
        let mut pings = interval(PING);
        loop {
            feed(&mut socket, &mut reader, have).await?;
            let is_full = is_full(&reader, have);
            tokio::select! {
                message = socket.next() => {
                    heard = Instant::now();
                    match meaning(message)? {
                        Heard::Text(OfServer::Have { end }) => {
                            have = end;
                            self.sent.send_replace(Sent::Have(end));
                        }
                        Heard::Text(OfServer::Replaced) => return Ok(Parted::Replaced),
                        Heard::Text(OfServer::Refused { reason }) => return Ok(Parted::Refused(reason)),
                        Heard::Text(OfServer::Unknown) | Heard::Frame(_) | Heard::Nothing => {}
                    }
                }
                () = self.grew.notified(), if !is_full => {}
                () = self.again.notified() => return Ok(Parted::Again),
                _ = pings.tick() => {
                    anyhow::ensure!(heard.elapsed() < SILENCE, "the server was silent");
                    timeout(SILENCE, socket.send(Message::Ping(Bytes::new()))).await??;
                }
            }
        }
    }
}

/// True if as many bytes are on their way as the server allows.
fn is_full(reader: &PieceReader, have: Position) -> bool {
    reader.position().bytes.saturating_sub(have.bytes) >= UNANSWERED
}

/// Sends the file's new part, as far as the server allows.
async fn feed(socket: &mut Socket, reader: &mut PieceReader, have: Position) -> Result<()> {
    let mut has_fed = false;
    while !is_full(reader, have) {
        let Some(frame) = reader.next(LOG_FRAME).await? else { break };
        timeout(SILENCE, socket.feed(Message::Binary(frame))).await.context("the server takes nothing")??;
        has_fed = true;
    }
    if has_fed {
        timeout(SILENCE, socket.flush()).await.context("the server takes nothing")??;
    }
    Ok(())
}

/// The server's first message.
async fn first(socket: &mut Socket) -> Result<OfServer> {
    loop {
        if let Heard::Text(message) = hear(socket).await? {
            return Ok(message);
        }
    }
}

async fn hear(socket: &mut Socket) -> Result<Heard> {
    meaning(timeout(SILENCE, socket.next()).await.context("the server was silent")?)
}

fn meaning(message: Option<Result<Message, tokio_tungstenite::tungstenite::Error>>) -> Result<Heard> {
    match message.ok_or_else(|| anyhow!("the server hung up"))?? {
        Message::Text(text) => Ok(Heard::Text(serde_json::from_str(&text)?)),
        Message::Binary(frame) => Ok(Heard::Frame(frame)),
        Message::Close(_) => bail!("the server hung up"),
        Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => Ok(Heard::Nothing),
    }
}
