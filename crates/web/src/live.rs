//! Live views for people who watch: a job's log as it grows, word that a page's facts changed, and the monitor.
//!
//! All are WebSockets that are woken by bells. A viewer that is slow slows only itself.

mod frames;
mod log;
mod monitor;
mod news;
mod origin;
mod socket;
mod text;

pub(crate) use log::{log, log_of_run};
pub(crate) use monitor::monitor;
pub(crate) use news::news;

use crate::{app::Shared, auth::Looker, error::WebError};
use axum::extract::ws::Message;
use kozmic_model::ids::ProjectId;
use socket::Socket;
use std::time::Duration;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at, timeout};

/// Time after which a connection says again that it is alive.
const TICK: Duration = Duration::from_secs(30);

/// A viewer that takes nothing for so long is gone.
const PATIENCE: Duration = Duration::from_secs(60);

/// The reason why a connection is over before its time.
#[derive(Debug, thiserror::Error)]
enum Broken {
    /// The other side is gone, or may not see this any more.
    #[error("the viewer is gone")]
    Gone,
    /// We failed.
    #[error(transparent)]
    Ours(#[from] anyhow::Error),
}

/// Sends a message, unless the other side is gone.
async fn send(socket: &mut Socket, message: Message) -> Result<(), Broken> {
    timeout(PATIENCE, socket.send(message)).await.unwrap_or(Err(Broken::Gone))
}

/// Says that the connection is alive: to the network, and in these words to scripts, which do not see pings. Whoever
/// reads answers pings without knowing; somebody who does not is gone.
async fn tick(socket: &mut Socket, words: &'static str) -> Result<(), Broken> {
    timeout(PATIENCE, socket.ping()).await.unwrap_or(Err(Broken::Gone))?;
    send(socket, Message::text(words)).await
}

/// Goes on only while session or token last and the person may still see the project: somebody who signs out in one
/// tab hears no more in any other.
async fn stay(app: &Shared, looker: &Looker, project: Option<ProjectId>) -> Result<(), Broken> {
    let may_stay = async {
        if let Some(project) = project {
            looker.project(app, project).await?;
        }
        looker.stays(app).await
    };
    match may_stay.await {
        Ok(true) => Ok(()),
        Err(WebError::Ours(fault)) => Err(Broken::Ours(fault)),
        Ok(false) | Err(_) => Err(Broken::Gone),
    }
}

/// Listens until the other side says something; most say nothing.
async fn listen(socket: &mut Socket) -> Result<(), Broken> {
    socket.hear().await
}

/// The ticks of a connection, the first one only after a while.
fn ticks() -> Interval {
    let mut ticks = interval_at(Instant::now() + TICK, TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

/// Closes a connection whose work is done, and waits a little until the other side knows.
async fn close(socket: &mut Socket) {
    if send(socket, Message::Close(None)).await.is_ok() {
        let _ = timeout(PATIENCE, async { while listen(socket).await.is_ok() {} }).await;
    }
}
