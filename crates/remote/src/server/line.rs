//! The line: the connection that each runner keeps open. It carries beats, and what the server has to tell.

use super::{Connection, Push, RunnerHello, Server, caller::Caller, held::Held, refusal::Refusal};
use crate::protocol::{
    At, BEAT, LARGEST_FRAME, LINE_BUFFER, MOST_HELD, NOT_HELD, PROTOCOL, SILENCE,
    line::{FromRunner, FromServer, Hello, Welcome},
};
use anyhow::{Context, Result, bail, ensure};
use axum::{
    extract::{
        State,
        ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade},
    },
    response::Response,
};
use kozmic_model::job::{Attempt, Outcome};
use kozmic_runner::coordinator::Coordinator;
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};
use tokio::{
    sync::mpsc,
    time::{Instant, timeout},
};
use tokio_util::task::AbortOnDropHandle;

/// The reason why a second process is refused, in at most 120 characters. After a power failure, the process of before
/// counts as connected for some seconds.
const TAKEN: &str = "another process is connected with this runner's token, or was just now: each machine needs a token of its own";

#[derive(Debug, thiserror::Error)]
#[error("{TAKEN}")]
struct Taken;

/// The most messages of a runner in a beat's time.
const MOST_MESSAGES: u32 = 2_000;

/// `GET line`
pub(super) async fn open(
    State(server): State<Arc<Server>>,
    caller: Caller,
    upgrade: WebSocketUpgrade,
) -> Result<Response, Refusal> {
    let upgrade = upgrade.max_message_size(LARGEST_FRAME).max_frame_size(LARGEST_FRAME);
    let upgrade = upgrade.read_buffer_size(LINE_BUFFER);
    Ok(upgrade.on_upgrade(move |socket| async move {
        let runner = caller.runner.title.clone();
        let ended = Box::pin(Line { server, caller, socket }.talk()).await;
        let error = ended.as_ref().err().map(|fault| format!("{fault:#}"));
        match ended {
            // It tries again and again, and the registry has told it once.
            Err(fault) if fault.is::<Taken>() => tracing::debug!(runner, error, "a runner's line ended"),
            _ => tracing::info!(runner, error, "a runner's line ended"),
        }
    }))
}

struct Line {
    server: Arc<Server>,
    caller: Caller,
    socket: WebSocket,
}

impl Line {
    /// Talks with the runner until one of the two hangs up.
    async fn talk(mut self) -> Result<()> {
        let hello = timeout(SILENCE, self.hello()).await.context("the runner said nothing")??;
        let state = hello.state();
        let Hello { holds, features, facts, process, .. } = hello;
        let own = RunnerHello { features, facts, state, process };
        let Some(mut connection) = self.server.registry.connect(&self.caller.runner, own).await? else {
            self.hang_up(TAKEN).await;
            return Err(Taken.into());
        };
        let (mut watches, gone) = take_over(&self.caller, &holds).await?;
        let installation = self.server.registry.installation();
        let lease_seconds = installation.lease.as_secs();
        let welcome = Welcome { protocol: PROTOCOL, installation: installation.id, lease_seconds, gone };
        self.say(&FromServer::Welcome(welcome)).await?;
        let silence = tokio::time::sleep(SILENCE);
        tokio::pin!(silence);
        let mut messages = Messages::default();
        loop {
            tokio::select! {
                heard = self.socket.recv() => {
                    let Some(heard) = message(heard)? else { return Ok(()) };
                    ensure!(messages.are_bearable(), "the runner sends too many messages");
                    silence.as_mut().reset(Instant::now() + SILENCE);
                    // The answer to each beat is the server's beat: so a line needs no second timer.
                    let is_beat = matches!(heard, Some(FromRunner::Beat { .. }));
                    self.take(heard, connection.as_mut(), &mut watches)?;
                    if is_beat {
                        self.say(&FromServer::Beat).await?;
                    }
                }
                push = connection.next() => match push {
                    Some(push) => self.say(&in_words(push)).await?,
                    None => bail!("the runner was removed"),
                },
                (of, outcome) = watches.next() => {
                    self.say(&FromServer::Stop { of: of.into(), outcome: (&outcome).into() }).await?;
                }
                () = self.server.stop.cancelled() => return self.say(&FromServer::Over).await,
                () = &mut silence => bail!("the runner was silent"),
            }
        }
    }

    /// The runner's first message.
    async fn hello(&mut self) -> Result<Hello> {
        loop {
            let heard = message(self.socket.recv().await)?.context("the runner hung up")?;
            let Some(FromRunner::Hello(hello)) = heard else { continue };
            let known = super::caller::known_protocol(Some(hello.protocol));
            if let Err(words) = known {
                self.hang_up(&words).await;
                bail!(words);
            }
            if hello.holds.len() > MOST_HELD {
                let words = format!("a runner holds at most {MOST_HELD} attempts");
                self.hang_up(&words).await;
                bail!(words);
            }
            return Ok(hello.cut());
        }
    }

    fn take(
        &self,
        heard: Option<FromRunner>,
        connection: &mut dyn Connection,
        watches: &mut Watches,
    ) -> Result<()> {
        match heard {
            Some(FromRunner::Beat { state } | FromRunner::State { state }) => connection.report(state.into()),
            Some(FromRunner::Facts { facts }) => connection.note_facts(facts),
            Some(FromRunner::Watch { of }) if watches.len() >= MOST_HELD => {
                bail!("a runner holds more than {MOST_HELD} attempts, such as {of:?}")
            }
            Some(FromRunner::Watch { of }) => watches.add(of),
            Some(FromRunner::Leave { of }) => watches.remove(of),
            Some(FromRunner::Hello(_) | FromRunner::Unknown) | None => {}
        }
        Ok(())
    }

    async fn say(&mut self, message: &FromServer) -> Result<()> {
        let text = serde_json::to_string(message)?;
        let sent = timeout(SILENCE, self.socket.send(Message::text(text))).await;
        Ok(sent.context("the runner reads nothing")??)
    }

    /// Ends the connection with a reason.
    async fn hang_up(&mut self, words: &str) {
        // A reason has at most 123 bytes.
        let reason = words.chars().take(120).collect::<String>().into();
        let close = Message::Close(Some(CloseFrame { code: axum::extract::ws::close_code::POLICY, reason }));
        // If the runner is gone, it needs no reason.
        let _ = self.socket.send(close).await;
    }
}

/// The messages of a runner since a moment.
#[derive(Default)]
struct Messages {
    since: Option<Instant>,
    count: u32,
}

impl Messages {
    /// Counts a message. False if there are too many.
    fn are_bearable(&mut self) -> bool {
        if self.since.is_none_or(|since| since.elapsed() > BEAT) {
            *self = Self { since: Some(Instant::now()), count: 0 };
        }
        self.count += 1;
        self.count <= MOST_MESSAGES
    }
}

/// Watches over the attempts that the runner holds. Also returns those that it no longer holds.
async fn take_over(caller: &Caller, holds: &[At]) -> Result<(Watches, Vec<At>)> {
    let mut watches = Watches::new(caller);
    if holds.is_empty() {
        return Ok((watches, Vec::new()));
    }
    let held = caller.held.renew(caller.coordinator.as_ref()).await?;
    let held = held.into_iter().map(At::from).collect::<HashSet<_>>();
    let (kept, gone) = holds.iter().copied().partition::<Vec<_>, _>(|of| held.contains(of));
    kept.into_iter().for_each(|of| watches.add(of));
    Ok((watches, gone))
}

/// The meaning of what arrived: none at the end of the connection, no message for a ping.
fn message(heard: Option<Result<Message, axum::Error>>) -> Result<Option<Option<FromRunner>>> {
    match heard {
        Some(Ok(Message::Text(text))) => {
            Ok(Some(Some(serde_json::from_str(&text).context("a message of a runner cannot be read")?)))
        }
        Some(Ok(Message::Binary(_) | Message::Ping(_) | Message::Pong(_))) => Ok(Some(None)),
        Some(Ok(Message::Close(_)) | Err(_)) | None => Ok(None),
    }
}

fn in_words(push: Push) -> FromServer {
    match push {
        Push::Wake => FromServer::Wake,
        Push::Drain(on) => FromServer::Drain { on },
        Push::Images => FromServer::Images,
    }
}

/// The attempts that the server watches over for a runner, each with a task that waits until the attempt must stop.
struct Watches {
    coordinator: Arc<dyn Coordinator>,
    held: Arc<Held>,
    tasks: HashMap<At, AbortOnDropHandle<()>>,
    sender: mpsc::Sender<(Attempt, Outcome)>,
    stops: mpsc::Receiver<(Attempt, Outcome)>,
}

impl Watches {
    fn new(caller: &Caller) -> Self {
        let (sender, stops) = mpsc::channel(16);
        let (coordinator, held) = (Arc::clone(&caller.coordinator), Arc::clone(&caller.held));
        Self { coordinator, held, tasks: HashMap::new(), sender, stops }
    }

    fn len(&self) -> usize {
        self.tasks.len()
    }

    fn add(&mut self, of: At) {
        let (coordinator, held) = (Arc::clone(&self.coordinator), Arc::clone(&self.held));
        let (sender, attempt) = (self.sender.clone(), of.into());
        self.tasks.entry(of).or_insert_with(|| {
            AbortOnDropHandle::new(tokio::spawn(async move {
                let outcome = stopped(coordinator.as_ref(), &held, attempt).await;
                // The receiver is gone only together with this task.
                let _ = sender.send((attempt, outcome)).await;
            }))
        });
    }

    fn remove(&mut self, of: At) {
        self.tasks.remove(&of);
    }

    /// The next attempt that must stop.
    async fn next(&mut self) -> (Attempt, Outcome) {
        self.stops.recv().await.expect("a sender is here")
    }
}

/// Waits until an attempt must stop. An attempt that the runner does not hold must stop at once.
async fn stopped(coordinator: &dyn Coordinator, held: &Held, attempt: Attempt) -> Outcome {
    loop {
        match held.order(coordinator, attempt).await {
            Ok(Some(_)) => return coordinator.stopped(attempt).await,
            Ok(None) => return Outcome::Canceled(NOT_HELD.to_owned()),
            Err(fault) => {
                tracing::warn!(error = format!("{fault:#}"), "cannot look for an attempt of a runner");
                tokio::time::sleep(BEAT).await;
            }
        }
    }
}
