//! An attempt's log on its way to the server.
//!
//! The server first says up to where it has the log. Then the runner sends frames, and the server says again how far it
//! is, at most once in ten milliseconds.

use super::{Server, caller::Caller, open_logs::Turn, refusal::Refusal};
use crate::protocol::{
    LARGEST_FRAME, LOG_FRAME,
    log::{OfRunner, OfServer},
};
use anyhow::{Context, Result, bail};
use axum::{
    extract::{
        Path, State,
        ws::{Message, WebSocket, WebSocketUpgrade},
    },
    response::Response,
};
use bytes::Bytes;
use kozmic_edges::logs::{LogCopy, NotTaken, Pieces, Position};
use kozmic_model::{ids::JobId, job::Attempt};
use kozmic_runner::order::Order;
use std::{sync::Arc, time::Duration};
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep_until, timeout};

/// Shortest time between two messages about the log's end.
const BREATH: Duration = Duration::from_millis(10);

/// Time without anything from the runner after which the connection ends. The runner sends a ping every few seconds.
const SILENCE: Duration = Duration::from_secs(30);

/// Longest time for which the rest of a refused log is read.
const REST: Duration = Duration::from_secs(10);

/// Interval at which the server checks that the runner still holds the attempt.
const LOOK: Duration = Duration::from_secs(30);

/// The bytes beyond the log's limit for Kozmic's own lines.
const OWN_LINES: u64 = 4 * 1024 * 1024;

/// The most marks in a log that another container begins. They have no bytes, so the log's limit does not bound them.
const MOST_MARKS: u32 = 1_000;

/// `GET jobs/{job}/attempts/{attempt}/log`
pub(super) async fn open(
    State(server): State<Arc<Server>>,
    Path((job, number)): Path<(i64, i32)>,
    caller: Caller,
    upgrade: WebSocketUpgrade,
) -> Result<Response, Refusal> {
    let order = caller.order(Attempt { job: JobId(job), number }).await?;
    let upgrade = upgrade.max_message_size(LARGEST_FRAME).max_frame_size(LARGEST_FRAME);
    Ok(upgrade.on_upgrade(move |socket| async move {
        let turn = server.logs.take(order.attempt).await;
        let log = Incoming { server: &server, caller: &caller, order: &order, turn: &turn, socket };
        if let Err(fault) = Box::pin(log.receive()).await {
            let error = format!("{fault:#}");
            tracing::warn!(job.id = order.attempt.job.0, error, "the connection of a log ended");
        }
    }))
}

struct Incoming<'a> {
    server: &'a Server,
    caller: &'a Caller,
    order: &'a Order,
    turn: &'a Turn<'a>,
    socket: WebSocket,
}

/// The runner's next message.
enum Heard {
    Frame(Bytes),
    Text(OfRunner),
    Nothing,
    Over,
}

impl Incoming<'_> {
    /// Receives the log until the connection ends.
    async fn receive(mut self) -> Result<()> {
        if self.turn.replaced.is_cancelled() {
            return self.say(OfServer::Replaced).await;
        }
        let mut copy = self.server.registry.logs().copy(self.order.attempt).await?;
        self.have(copy.end()).await?;
        // The time at which the runner last heard of the end, and the time at which it hears of it next.
        let (mut told, mut due) = (Instant::now(), None::<Instant>);
        let over = is_over(self.caller, self.order);
        tokio::pin!(over);
        let mut silence = Instant::now() + SILENCE;
        loop {
            tokio::select! {
                biased;
                () = self.turn.replaced.cancelled() => return self.say(OfServer::Replaced).await,
                () = self.server.stop.cancelled() => return Ok(()),
                () = sleep_until(due.unwrap_or(silence)), if due.is_some() => {
                    self.have(copy.end()).await?;
                    (told, due) = (Instant::now(), None);
                }
                heard = hear(&mut self.socket) => {
                    silence = Instant::now() + SILENCE;
                    match heard? {
                        Heard::Frame(frame) => match self.take(&mut copy, &frame).await? {
                            true => due = due.or(Some(told + BREATH)),
                            false => return Ok(()),
                        },
                        Heard::Text(OfRunner::Rest { from }) => self.send_rest(from).await?,
                        Heard::Text(OfRunner::Unknown) | Heard::Nothing => {}
                        Heard::Over => return Ok(()),
                    }
                }
                () = &mut over => return self.refuse("the attempt has ended".to_owned()).await.map(drop),
                () = sleep_until(silence) => bail!("the runner was silent"),
            }
        }
    }

    /// Takes a frame. False if the server takes no more of this log.
    async fn take(&mut self, copy: &mut LogCopy, frame: &Bytes) -> Result<bool> {
        let pieces = Pieces::from_frame(frame).context("a frame of a log cannot be read")?;
        let most = self.order.limits.log.saturating_add(OWN_LINES);
        if pieces.end().bytes > most {
            return self.refuse(format!("the log has more than {most} bytes")).await;
        }
        if pieces.end().marks > MOST_MARKS {
            return self.refuse(format!("the log is of more than {MOST_MARKS} containers")).await;
        }
        if let Some(why) = self.server.registry.room().is_used_up() {
            bail!("no room for a log: {why}");
        }
        match copy.append(pieces).await {
            Ok(false) => {}
            Ok(true) => {
                self.turn.note(copy.end());
                self.caller.coordinator.log_grew(self.order);
            }
            Err(NotTaken::Disk(fault)) => return Err(fault),
            Err(fault @ NotTaken::Gap) => bail!("{fault}"),
            Err(fault @ NotTaken::Differs) => return self.refuse(fault.to_string()).await,
        }
        Ok(true)
    }

    /// Sends the log from a position on: the runner lost the end of its file.
    async fn send_rest(&mut self, from: Position) -> Result<()> {
        let mut reader = self.server.registry.logs().pieces(self.order.attempt);
        if !reader.seek(from).await? {
            bail!("the runner's log is not a beginning of the server's");
        }
        while let Some(frame) = reader.next(LOG_FRAME).await? {
            self.send(Message::Binary(frame)).await?;
        }
        Ok(())
    }

    /// Refuses the log, and reads what is still on its way: a connection that is closed before loses the message.
    async fn refuse(&mut self, reason: String) -> Result<bool> {
        self.say(OfServer::Refused { reason }).await?;
        self.send(Message::Close(None)).await?;
        let rest = async { while !matches!(hear(&mut self.socket).await, Ok(Heard::Over) | Err(_)) {} };
        let _ = timeout(REST, rest).await;
        Ok(false)
    }

    async fn have(&mut self, end: Position) -> Result<()> {
        self.turn.note(end);
        self.say(OfServer::Have { end }).await
    }

    async fn say(&mut self, message: OfServer) -> Result<()> {
        let text = serde_json::to_string(&message)?;
        self.send(Message::text(text)).await
    }

    async fn send(&mut self, message: Message) -> Result<()> {
        let sent = timeout(SILENCE, self.socket.send(message)).await;
        Ok(sent.context("the runner reads nothing")??)
    }
}

/// Waits until the runner no longer holds the attempt. A question to the coordinator takes as long as the database is
/// away, and the log goes on meanwhile.
async fn is_over(caller: &Caller, order: &Order) {
    let mut looks = interval_at(Instant::now() + LOOK, LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        looks.tick().await;
        if matches!(caller.coordinator.standing(order.attempt).await, Ok(None)) {
            return;
        }
    }
}

async fn hear(socket: &mut WebSocket) -> Result<Heard> {
    Ok(match socket.recv().await {
        Some(Ok(Message::Binary(frame))) => Heard::Frame(frame),
        Some(Ok(Message::Text(text))) => Heard::Text(serde_json::from_str(&text)?),
        Some(Ok(Message::Ping(_) | Message::Pong(_))) => Heard::Nothing,
        Some(Ok(Message::Close(_)) | Err(_)) | None => Heard::Over,
    })
}
