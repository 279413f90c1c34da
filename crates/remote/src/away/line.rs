//! The line: keeps one connection to the server open. It carries the runner's beats, and the server's own words.

use super::{Shared, ask::in_words, link::LinkFault};
use crate::protocol::{
    At, BEAT, LINE_BUFFER, MOST_HELD, NOT_HELD, PROTOCOL, ROOT, SILENCE,
    fault::Kind,
    line::{FromRunner, FromServer, Hello, Slots, Welcome},
};
use anyhow::{Context, Result, anyhow, bail};
use futures_util::{SinkExt, StreamExt};
use kozmic_model::job::Outcome;
use kozmic_runner::chance::up_to;
use std::{collections::HashSet, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::{Instant, MissedTickBehavior, interval, sleep, timeout},
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{self, Message},
};

/// The longest random pause before a new try.
const JITTER: Duration = Duration::from_secs(2);

/// The shortest pause between two tries, except for the first one.
const PAUSE: Duration = Duration::from_millis(100);

/// Pause after the server refused this runner: a person has to do something.
const REFUSED: Duration = Duration::from_secs(10);

/// The server ended the line, and gave a reason.
#[derive(Debug, thiserror::Error)]
#[error("the server hung up: {0}")]
pub(super) struct HungUp(String);

/// Pause after the server hung up with a reason. The process before this one may be gone without the server's
/// knowledge.
const HUNG_UP: Duration = Duration::from_secs(1);

/// The end of a line.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// The server ends.
    Over,
}

/// Connects again and again, until everything stops.
pub(super) async fn keep(shared: Arc<Shared>) {
    loop {
        let pause = tokio::select! {
            pause = Box::pin(once(&shared)) => pause,
            () = shared.stop.cancelled() => return,
        };
        tokio::select! {
            () = sleep(pause) => {}
            () = shared.stop.cancelled() => return,
        }
    }
}

/// One connection. Returns the pause after it: after a line that was open for a while there is none.
async fn once(shared: &Shared) -> Duration {
    let socket = match shared.link.socket(&format!("{ROOT}/line"), LINE_BUFFER).await {
        Ok(socket) => socket,
        Err(fault) => {
            let is_lost = matches!(fault, LinkFault::Lost(_));
            if fault.is(Kind::Unauthorized) {
                shared.attempts.stop_all(&Outcome::Canceled("This runner was removed.".to_owned()));
            }
            shared.note_trouble(Some(format!("{:#}", in_words(fault))));
            return up_to(JITTER) + if is_lost { PAUSE } else { REFUSED };
        }
    };
    let begun = Instant::now();
    let ended = talk(shared, socket).await;
    let was_open = shared.is_connected.send_replace(false);
    shared.link.forget_connections();
    match ended {
        Ok(Ended::Over) => up_to(JITTER) + PAUSE,
        Err(fault) => {
            if let Some(HungUp(reason)) = fault.downcast_ref() {
                shared.note_trouble(Some(format!("the server hung up: {reason}")));
                return up_to(JITTER) + HUNG_UP;
            }
            shared.note_trouble(Some(format!("the connection to the server broke: {fault:#}")));
            if was_open && begun.elapsed() > SILENCE { Duration::ZERO } else { up_to(JITTER) + PAUSE }
        }
    }
}

/// Talks with the server over an open connection until it ends.
pub(super) async fn talk<S>(shared: &Shared, mut socket: WebSocketStream<S>) -> Result<Ended>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut attempts = shared.attempts.changes();
    attempts.mark_unchanged();
    let (mut state, mut facts) = (shared.state.subscribe(), shared.facts.subscribe());
    let mut told = greet(shared, &mut socket).await?;
    let mut beats = interval(BEAT);
    beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let silence = sleep(SILENCE);
    tokio::pin!(silence);
    loop {
        tokio::select! {
            heard = socket.next() => {
                silence.as_mut().reset(Instant::now() + SILENCE);
                shared.contact.note();
                if let Some(heard) = meaning(heard)?
                    && let Some(ended) = take(shared, heard)
                {
                    return Ok(ended);
                }
            }
            _ = state.changed() => {
                let state = Slots::from(&*state.borrow_and_update());
                say(&mut socket, &FromRunner::State { state }).await?;
            }
            _ = facts.changed() => {
                let facts = facts.borrow_and_update().clone();
                say(&mut socket, &FromRunner::Facts { facts }).await?;
            }
            _ = attempts.changed() => tell_attempts(shared, &mut socket, &mut told).await?,
            _ = beats.tick() => {
                let state = Slots::from(&*shared.state.borrow());
                say(&mut socket, &FromRunner::Beat { state }).await?;
            }
            () = &mut silence => bail!("the server was silent"),
        }
    }
}

/// Says hello, and waits for the welcome. Returns the attempts that the server knows of then.
async fn greet<S>(shared: &Shared, socket: &mut WebSocketStream<S>) -> Result<HashSet<At>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut holds = shared.attempts.all().into_iter().map(At::from).collect::<Vec<_>>();
    holds.truncate(MOST_HELD);
    let told = holds.iter().copied().collect();
    let introduction = shared.introduction.clone();
    let hello = Hello {
        protocol: PROTOCOL,
        features: introduction.features,
        facts: shared.facts.borrow().clone(),
        state: (&*shared.state.borrow()).into(),
        holds,
        process: introduction.process,
    };
    say(socket, &FromRunner::Hello(hello)).await?;
    let welcomed = async {
        loop {
            if let Some(FromServer::Welcome(welcome)) = meaning(socket.next().await)? {
                return anyhow::Ok(welcome);
            }
        }
    };
    let welcome = timeout(SILENCE, welcomed).await.context("the server does not welcome this runner")??;
    shared.take_welcome(welcome);
    Ok(told)
}

/// Takes a message of the server. Returns the end of the line, if it is one.
fn take(shared: &Shared, heard: FromServer) -> Option<Ended> {
    match heard {
        FromServer::Stop { of, outcome } => shared.attempts.stop(of.into(), outcome.into()),
        FromServer::Wake => shared.woken.notify_one(),
        FromServer::Images => shared.images.notify_one(),
        FromServer::Drain { on } => {
            shared.note_draining(on);
            shared.woken.notify_one();
        }
        FromServer::Over => return Some(Ended::Over),
        FromServer::Welcome(welcome) => shared.take_welcome(welcome),
        FromServer::Beat | FromServer::Unknown => {}
    }
    None
}

/// Tells the server which attempts came and went.
async fn tell_attempts<S>(
    shared: &Shared,
    socket: &mut WebSocketStream<S>,
    told: &mut HashSet<At>,
) -> Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let all = shared.attempts.all().into_iter().map(At::from).collect::<HashSet<_>>();
    for of in told.difference(&all) {
        say(socket, &FromRunner::Leave { of: *of }).await?;
    }
    for of in all.difference(told) {
        say(socket, &FromRunner::Watch { of: *of }).await?;
    }
    *told = all;
    Ok(())
}

async fn say<S>(socket: &mut WebSocketStream<S>, message: &FromRunner) -> Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let text = serde_json::to_string(message)?;
    let sent = timeout(SILENCE, socket.send(Message::text(text))).await;
    Ok(sent.context("the server reads nothing")??)
}

/// The meaning of what arrived; none for a ping.
fn meaning(heard: Option<Result<Message, tungstenite::Error>>) -> Result<Option<FromServer>> {
    match heard.ok_or_else(|| anyhow!("the server hung up"))?? {
        Message::Text(text) => Ok(Some(serde_json::from_str(&text)?)),
        Message::Close(Some(close)) if !close.reason.is_empty() => {
            Err(HungUp(close.reason.to_string()).into())
        }
        Message::Close(_) => bail!("the server hung up"),
        Message::Binary(_) | Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => Ok(None),
    }
}

impl Shared {
    fn take_welcome(&self, welcome: Welcome) {
        self.contact.note_lease(Duration::from_secs(welcome.lease_seconds));
        for of in &welcome.gone {
            self.attempts.stop((*of).into(), Outcome::Canceled(NOT_HELD.to_owned()));
        }
        self.is_connected.send_replace(true);
        self.welcome.send_replace(Some(welcome));
        // If an operator still wants it, the server says so next.
        self.note_draining(false);
        self.note_trouble(None);
        self.woken.notify_one();
    }

    fn note_draining(&self, on: bool) {
        let has_changed = self.is_draining.send_replace(on) != on;
        match on {
            _ if !has_changed => {}
            true => tracing::info!("this runner takes no more jobs, until an operator resumes it"),
            false => tracing::info!("this runner takes jobs again"),
        }
    }

    /// Notes the reason why the server cannot be reached, and logs it once.
    fn note_trouble(&self, trouble: Option<String>) {
        let has_changed = self.trouble.send_if_modified(|known| {
            let has_changed = *known != trouble;
            known.clone_from(&trouble);
            has_changed
        });
        match trouble {
            _ if !has_changed => {}
            Some(trouble) => tracing::warn!(trouble, "not connected to the server"),
            None => tracing::info!("the server is reached"),
        }
    }
}
