//! The person whose program asks: the token in the header names them, and the program may do all that they may do.

use crate::{app::Shared, auth, error::WebError};
use axum::{extract::FromRequestParts, http::request::Parts};
use kozmic_edges::clock;
use kozmic_model::{
    ids::ProjectId,
    project::{Project, Role},
    user::User,
};

/// The person whose token it is.
pub(super) struct Caller(pub(super) User);

impl FromRequestParts<Shared> for Caller {
    type Rejection = WebError;

    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<Self, WebError> {
        let token = auth::bearer(&parts.headers).ok_or(WebError::NoToken)?;
        let user = app.edges.store.user_of_api_token(&token, clock::now()).await?;
        user.map(Self).ok_or(WebError::NoToken)
    }
}

impl Caller {
    /// The project and the caller's role in it, if that is at least `role`.
    pub(super) async fn project(
        &self,
        app: &Shared,
        id: ProjectId,
        role: Role,
    ) -> Result<(Project, Role), WebError> {
        auth::allowed(app, self.0.id, id, role).await
    }
}
