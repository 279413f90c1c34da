//! Tells an open page that its content has changed. The page then loads its changing parts by itself.

use super::{Broken, close, frames, listen, origin::OurSocket, send, socket::Socket, stay, tick, ticks};
use crate::{address::Ask, app::Shared, auth::Looker, error::WebError};
use axum::{
    extract::{State, ws::Message},
    response::Response,
};
use kozmic_edges::broker::{Bell, Topic};
use kozmic_model::ids::ProjectId;
use serde::Deserialize;

/// The project of the page.
#[derive(Deserialize)]
pub(crate) struct About {
    project: Option<ProjectId>,
}

/// `GET /live?project=<id>`
pub(crate) async fn changes(
    State(app): State<Shared>,
    looker: Looker,
    Ask(About { project }): Ask<About>,
    ours: OurSocket,
) -> Result<Response, WebError> {
    if let Some(project) = project {
        looker.project(&app, project).await?;
    }
    let broker = &app.edges.broker;
    let list = broker.bell(Topic::Projects);
    let page = broker.bell(project.map_or(Topic::Projects, Topic::Project));
    Ok(ours.open(move |socket| async move {
        // The viewer may go away: there is nothing to clean up.
        let mut listener = Listener { app, looker, project, socket };
        let _ = listener.tell(list, page).await;
    }))
}

/// One page that is open somewhere.
struct Listener {
    app: Shared,
    looker: Looker,
    project: Option<ProjectId>,
    socket: Socket,
}

impl Listener {
    /// Tells once at the beginning that there may be changes, because the page was made before the bells listened. Then
    /// tells whenever a bell rings.
    async fn tell(&mut self, mut list: Bell, mut page: Bell) -> Result<(), Broken> {
        let mut ticks = ticks();
        send(&mut self.socket, changed()).await?;
        loop {
            tokio::select! {
                () = list.rung() => self.announce().await?,
                () = page.rung() => self.announce().await?,
                _ = ticks.tick() => {
                    self.stay().await?;
                    tick(&mut self.socket, frames::TICK).await?;
                }
                heard = listen(&mut self.socket) => heard?,
            }
        }
    }

    async fn announce(&mut self) -> Result<(), Broken> {
        self.stay().await?;
        send(&mut self.socket, changed()).await
    }

    /// Tells a person who may not see this any more to load the page again. They notice it by that.
    async fn stay(&mut self) -> Result<(), Broken> {
        let stays = stay(&self.app, &self.looker, self.project).await;
        if stays.is_err() {
            send(&mut self.socket, changed()).await?;
            close(&mut self.socket).await;
        }
        stays
    }
}

fn changed() -> Message {
    Message::text(r#"{"type":"changed"}"#)
}
