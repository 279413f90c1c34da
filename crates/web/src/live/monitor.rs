//! The live monitor: first sends all jobs that run and those that ended last, and then each change.
//!
//! | frame | meaning |
//! |---|---|
//! | `{"event":"status","payload":{"<id>":{…}}}` | all jobs that run; replaces the former list |
//! | `{"event":"history","payload":[…]}` | builds that ended last, the newest first; replaces the former list |
//! | `{"event":"update","payload":{…}}` | one build, new, changed or just ended |
//! | `{"event":"tick"}` | the connection is alive |
//! | `{"event":"over"}` | the viewer may not look any more: nothing follows |

use super::{Broken, close, listen, origin::OurSocket, send, socket::Socket, tick, ticks};
use crate::{
    app::Shared,
    auth::Looker,
    error::WebError,
    monitor::{Broadcaster, Difference, Onlooker, Program, Seat, Sight, Told, View},
};
use axum::{
    Extension,
    extract::{State, ws::Message},
    response::Response,
};
use kozmic_edges::broker::{Bell, Topic};
use std::{pin::Pin, time::Duration};
use tokio::{
    sync::broadcast::error::RecvError,
    time::{Instant, Sleep, sleep_until},
};

/// Shortest time between two checks of one viewer's roles and session. They are checked when lists of projects change,
/// and these change with each build.
const TRUST: Duration = Duration::from_secs(5);

/// One viewer of the monitor.
struct Viewer {
    app: Shared,
    broadcaster: Broadcaster,
    onlooker: Onlooker,
    socket: Socket,
    seat: Seat,
    /// Time at which this viewer's rights were checked last.
    certain: Instant,
}

/// `GET /buildio`
pub(crate) async fn monitor(
    State(app): State<Shared>,
    Extension(broadcaster): Extension<Broadcaster>,
    Program(onlooker): Program,
    ours: OurSocket,
) -> Response {
    // The bell listens from here on, so a change before the connection is open is noticed as well.
    let people = app.edges.broker.bell(Topic::Projects);
    ours.open(move |socket| async move {
        let seat = broadcaster.join(&app);
        let mut viewer = Viewer { app, broadcaster, onlooker, socket, seat, certain: Instant::now() };
        if let Err(Broken::Ours(fault)) = viewer.watch(people).await {
            tracing::error!("a live monitor broke off: {fault:#}");
        }
    })
}

impl Viewer {
    /// Shows the monitor until the viewer is gone, or may not look any more.
    async fn watch(&mut self, mut people: Bell) -> Result<(), Broken> {
        let mut ticks = ticks();
        let mut doubt = None::<Pin<Box<Sleep>>>;
        self.show_all().await?;
        loop {
            tokio::select! {
                told = self.seat.differences.recv() => self.pass_on(told).await?,
                () = people.rung(), if self.is_limited() && doubt.is_none() => {
                    doubt = Some(Box::pin(sleep_until(self.certain + TRUST)));
                }
                () = ripe(&mut doubt) => {
                    doubt = None;
                    self.make_certain().await?;
                }
                _ = ticks.tick() => {
                    self.make_certain().await?;
                    tick(&mut self.socket, r#"{"event":"tick"}"#).await?;
                }
                heard = listen(&mut self.socket) => heard?,
            }
        }
    }

    /// Sends the present state. Before the broadcaster's first look there is none, and it comes later by itself.
    async fn show_all(&mut self) -> Result<(), Broken> {
        match self.seat.view.take() {
            Some(view) => self.show(&view).await,
            None => Ok(()),
        }
    }

    async fn show(&mut self, view: &View) -> Result<(), Broken> {
        let sight = &self.onlooker.sight;
        let frames = [view.status_frame(sight), view.history_frame(sight)];
        for frame in frames {
            send(&mut self.socket, Message::Text(frame)).await?;
        }
        Ok(())
    }

    /// Sends the broadcaster's differences. A viewer that is too far behind, or whose broadcaster failed, gets
    /// everything again.
    async fn pass_on(&mut self, told: Result<Told, RecvError>) -> Result<(), Broken> {
        let sight = &self.onlooker.sight;
        let frame = match told {
            Ok(Told { difference: Difference::Update(shown, frame), .. }) => {
                shown.is_for(sight).then_some(frame)
            }
            Ok(Told { difference: Difference::Status, view }) => Some(view.status_frame(sight)),
            Ok(Told { difference: Difference::History, view }) => Some(view.history_frame(sight)),
            Err(RecvError::Lagged(_)) => {
                self.seat = self.broadcaster.join(&self.app);
                return self.show_all().await;
            }
            Err(RecvError::Closed) => return Err(Broken::Gone),
        };
        match frame {
            Some(frame) => send(&mut self.socket, Message::Text(frame)).await,
            None => Ok(()),
        }
    }

    /// True if this viewer sees a part only, which depends on their session and roles.
    fn is_limited(&self) -> bool {
        self.onlooker.sight != Sight::Everything
    }

    /// Continues only while the session is valid. A person with new roles gets everything again.
    async fn make_certain(&mut self) -> Result<(), Broken> {
        let Some(looker) = self.onlooker.looker.clone().filter(|_| self.is_limited()) else { return Ok(()) };
        match sight_of(&self.app, &looker).await {
            Ok(Some(sight)) => {
                self.certain = Instant::now();
                if sight != self.onlooker.sight {
                    self.onlooker.sight = sight;
                    self.seat = self.broadcaster.join(&self.app);
                    self.show_all().await?;
                }
                Ok(())
            }
            Err(WebError::Ours(fault)) => Err(Broken::Ours(fault)),
            Ok(None) | Err(_) => {
                send(&mut self.socket, Message::text(r#"{"event":"over"}"#)).await?;
                close(&mut self.socket).await;
                Err(Broken::Gone)
            }
        }
    }
}

/// The part that the person may see now; none if their session or token has ended.
async fn sight_of(app: &Shared, looker: &Looker) -> Result<Option<Sight>, WebError> {
    match looker.stays(app).await? {
        true => Sight::of(app, looker).await.map(Some),
        false => Ok(None),
    }
}

/// Waits until a check is due; for ever if none is.
async fn ripe(doubt: &mut Option<Pin<Box<Sleep>>>) {
    match doubt {
        Some(doubt) => doubt.await,
        None => std::future::pending().await,
    }
}
