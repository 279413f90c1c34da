//! The browsers in which a person is signed in.

use super::{PATH, agent};
use crate::{
    app::Shared,
    auth::{self, Nothing, Session},
    error::WebError,
    pages::button::Sent,
};
use axum::{extract::State, response::Response};
use kozmic_edges::store::SessionLine;
use kozmic_model::time::Timestamp;

/// One browser.
pub(super) struct Line {
    pub(super) browser: String,
    pub(super) created_at: Timestamp,
    pub(super) seen_at: Timestamp,
    /// True if this browser made the request.
    pub(super) is_this: bool,
}

impl Line {
    pub(super) fn of(line: SessionLine, own: &Session) -> Self {
        Self {
            browser: agent::name(&line.agent),
            created_at: line.created_at,
            seen_at: line.seen_at,
            is_this: line.fingerprint == own.fingerprint(),
        }
    }
}

/// `POST /account/sessions/sign-out-others/`
pub(crate) async fn sign_out_others(
    State(app): State<Shared>,
    Sent(Nothing {}, visit): Sent<Nothing>,
) -> Result<Response, WebError> {
    let (user, own) = (visit.person.user.id, visit.person.session.fingerprint());
    visit.edges(&app).store.people().sign_out_others(user, &own).await?;
    auth::ring_out(&app, user).await?;
    visit.lead(&app, PATH, Ok("All other browsers are signed out.".to_owned())).await
}
