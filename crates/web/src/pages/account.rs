//! What Kozmic knows of the person who looks.

use super::frame::{Frame, Visit};
use super::parts;
use crate::{app::Shared, error::WebError};
use askama::Template;
use axum::{extract::State, response::Response};

#[derive(Template)]
#[template(path = "account.html")]
struct AccountPage {
    frame: Frame,
}

/// `GET /account/settings/`
pub(crate) async fn settings(State(app): State<Shared>, visit: Visit) -> Result<Response, WebError> {
    let frame = visit.frame(&app, None).await?;
    visit.show(&AccountPage { frame })
}
