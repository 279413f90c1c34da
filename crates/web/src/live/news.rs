//! Word that what a page shows has changed. The page then looks again by itself.

use super::{Broken, listen, origin::OurSocket, send, stay, tick, ticks};
use crate::{
    address::Ask,
    app::Shared,
    auth::{self, SignedIn},
    error::WebError,
};
use axum::{
    extract::{
        State,
        ws::{Message, WebSocket},
    },
    response::Response,
};
use kozmic_edges::broker::{Bell, Topic};
use kozmic_model::{ids::ProjectId, project::Role};
use serde::Deserialize;

/// What the page is about.
#[derive(Deserialize)]
pub(crate) struct About {
    project: Option<ProjectId>,
}

/// `GET /live?project=<id>`
pub(crate) async fn news(
    State(app): State<Shared>,
    person: SignedIn,
    Ask(About { project }): Ask<About>,
    OurSocket(upgrade): OurSocket,
) -> Result<Response, WebError> {
    if let Some(project) = project {
        auth::project(&app, &person, project, Role::Member).await?;
    }
    let broker = &app.edges.broker;
    let list = broker.bell(Topic::Projects);
    let page = broker.bell(project.map_or(Topic::Projects, Topic::Project));
    Ok(upgrade.on_upgrade(move |socket| async move {
        // Whoever goes away goes away: there is nothing to put in order.
        let _ = tell((app, person), socket, list, page).await;
    }))
}

/// Says at once that there may be news (the page was made before the bells hung), and then whenever one rings.
async fn tell(
    (app, person): (Shared, SignedIn),
    mut socket: WebSocket,
    mut list: Bell,
    mut page: Bell,
) -> Result<(), Broken> {
    let mut ticks = ticks();
    send(&mut socket, changed()).await?;
    loop {
        tokio::select! {
            () = list.rung() => send(&mut socket, changed()).await?,
            () = page.rung() => send(&mut socket, changed()).await?,
            _ = ticks.tick() => {
                stay(&app, &person).await?;
                tick(&mut socket).await?;
            }
            heard = listen(&mut socket) => heard?,
        }
    }
}

fn changed() -> Message {
    Message::text(r#"{"type":"changed"}"#)
}
