//! The monitor, live: all that runs and what ended last at once, then whatever changes.
//!
//! | frame | meaning |
//! |---|---|
//! | `{"event":"status","payload":{"<id>":{…}}}` | all that runs; replaces what was told before |
//! | `{"event":"history","payload":[…]}` | builds that ended last, the newest first; replaces what was told before |
//! | `{"event":"update","payload":{…}}` | one build, new, changed or just ended |
//! | `{"event":"tick"}` | the connection is alive |
//! | `{"event":"over"}` | one may not look any more: nothing follows |

use super::{Broken, close, listen, origin::OurSocket, send, socket::Socket, tick, ticks};
use crate::{
    app::Shared,
    auth::Looker,
    error::WebError,
    monitor::{Hub, News, Onlooker, Program, Seat, Sight, Told, View},
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

/// Roles and sessions are looked at again when lists of projects change, which they do with each build: not more often
/// than this for one viewer.
const TRUST: Duration = Duration::from_secs(5);

/// One viewer of the monitor.
struct Viewer {
    app: Shared,
    hub: Hub,
    onlooker: Onlooker,
    socket: Socket,
    seat: Seat,
    /// Time at which it was last certain what this viewer may see.
    certain: Instant,
}

/// `GET /buildio`
pub(crate) async fn monitor(
    State(app): State<Shared>,
    Extension(hub): Extension<Hub>,
    Program(onlooker): Program,
    ours: OurSocket,
) -> Response {
    // The bell hangs from here on; what changes before the connection stands is heard all the same.
    let people = app.edges.broker.bell(Topic::Projects);
    ours.open(move |socket| async move {
        let seat = hub.join(&app);
        let mut viewer = Viewer { app, hub, onlooker, socket, seat, certain: Instant::now() };
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
                told = self.seat.news.recv() => self.pass_on(told).await?,
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

    /// Sends what there is; before the hub's first look, that comes by itself.
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

    /// Sends what the hub told. A viewer that lags behind, or whose hub broke, begins anew.
    async fn pass_on(&mut self, told: Result<Told, RecvError>) -> Result<(), Broken> {
        let sight = &self.onlooker.sight;
        let frame = match told {
            Ok(Told { news: News::Update(shown, frame), .. }) => shown.is_for(sight).then_some(frame),
            Ok(Told { news: News::Status, view }) => Some(view.status_frame(sight)),
            Ok(Told { news: News::History, view }) => Some(view.history_frame(sight)),
            Err(RecvError::Lagged(_)) => {
                self.seat = self.hub.join(&self.app);
                return self.show_all().await;
            }
            Err(RecvError::Closed) => return Err(Broken::Gone),
        };
        match frame {
            Some(frame) => send(&mut self.socket, Message::Text(frame)).await,
            None => Ok(()),
        }
    }

    /// Whether it depends on somebody's session and roles what this viewer may see.
    fn is_limited(&self) -> bool {
        self.onlooker.sight != Sight::Everything
    }

    /// Goes on only while the session lasts; a person who has other roles now is shown all anew.
    async fn make_certain(&mut self) -> Result<(), Broken> {
        let Some(looker) = self.onlooker.looker.clone().filter(|_| self.is_limited()) else { return Ok(()) };
        match sight_of(&self.app, &looker).await {
            Ok(Some(sight)) => {
                self.certain = Instant::now();
                if sight != self.onlooker.sight {
                    self.onlooker.sight = sight;
                    self.seat = self.hub.join(&self.app);
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

/// Waits until a doubt has to be settled; for ever if there is none.
async fn ripe(doubt: &mut Option<Pin<Box<Sleep>>>) {
    match doubt {
        Some(doubt) => doubt.await,
        None => std::future::pending().await,
    }
}
