//! Live views for people: a job's log as it grows, messages that a page has changed, and the monitor.
//!
//! All are WebSockets that are woken by bells. A slow viewer slows only itself.

mod frames;
mod log;
mod monitor;
mod changes;
mod origin;
mod socket;
mod text;

pub(crate) use changes::changes;
pub(crate) use log::{log, log_of_attempt};
pub(crate) use monitor::monitor;

use crate::{app::Shared, auth::Looker, error::WebError};
use axum::extract::ws::Message;
use kozmic_model::ids::ProjectId;
use socket::Socket;
use std::time::Duration;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at, timeout};

/// Interval at which a connection says that it is alive.
const TICK: Duration = Duration::from_secs(30);

/// A viewer that reads nothing for so long counts as gone.
const PATIENCE: Duration = Duration::from_secs(60);

/// The reason why a connection ended early.
#[derive(Debug, thiserror::Error)]
enum Broken {
    /// The viewer is gone, or may not see this any more.
    #[error("the viewer is gone")]
    Gone,
    /// The server itself failed.
    #[error(transparent)]
    Ours(#[from] anyhow::Error),
}

/// Sends a message, unless the viewer is gone.
async fn send(socket: &mut Socket, message: Message) -> Result<(), Broken> {
    timeout(PATIENCE, socket.send(message)).await.unwrap_or(Err(Broken::Gone))
}

/// Says that the connection is alive: to the network by a ping, and in these words to scripts, which do not see pings.
/// A browser that reads the connection answers pings by itself. If no answer comes, the viewer is gone.
async fn tick(socket: &mut Socket, words: &'static str) -> Result<(), Broken> {
    timeout(PATIENCE, socket.ping()).await.unwrap_or(Err(Broken::Gone))?;
    send(socket, Message::text(words)).await
}

/// Continues only while the session or token is valid and the person may see the project. After a sign-out in one tab,
/// the other tabs receive nothing more.
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

/// Waits for a message of the viewer. Most viewers send none.
async fn listen(socket: &mut Socket) -> Result<(), Broken> {
    socket.hear().await
}

/// The ticks of a connection. The first one comes after a while.
fn ticks() -> Interval {
    let mut ticks = interval_at(Instant::now() + TICK, TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

/// Closes a finished connection, and waits a little until the viewer knows it.
async fn close(socket: &mut Socket) {
    if send(socket, Message::Close(None)).await.is_ok() {
        let _ = timeout(PATIENCE, async { while listen(socket).await.is_ok() {} }).await;
    }
}
