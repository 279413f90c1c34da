//! The person whose program asks: the token in the header names them. The program may do what they may do, as far as
//! the token goes.

use crate::{app::Shared, auth, error::WebError};
use axum::{extract::FromRequestParts, http::request::Parts};
use kozmic_edges::{Edges, store::TokenHolder};
use kozmic_model::{
    ids::ProjectId,
    project::{Project, Role},
    token::{Scope, TokenRights},
    user::User,
};

/// The scope that the asked address takes.
#[derive(Clone, Copy)]
pub(super) struct Takes(pub(super) Scope);

/// The person whose token it is, and what the token is good for.
pub(super) struct Caller {
    /// The person.
    pub(super) user: User,
    /// The rights of the token.
    pub(super) rights: TokenRights,
    title: String,
}

impl FromRequestParts<Shared> for Caller {
    type Rejection = WebError;

    /// All addresses but the description's ask here who calls, so that none can forget the token's scope.
    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<Self, WebError> {
        let token = auth::bearer(&parts.headers).ok_or(WebError::NoToken)?;
        let TokenHolder { user, token } = auth::holder(app, &token).await?;
        let Takes(scope) = parts.extensions.get().copied().unwrap_or(Takes(Scope::All));
        match token.rights.scope >= scope {
            true => Ok(Self { user, rights: token.rights, title: token.title }),
            false => Err(WebError::Scope(scope)),
        }
    }
}

impl Caller {
    /// The outside, for changes that this program makes.
    pub(super) fn edges(&self, app: &Shared) -> Edges {
        app.edges.acting(auth::actor(&self.user, Some(self.title.clone())))
    }

    /// The project and the caller's role in it, if that is at least `role`. Of other projects than the token's it is not
    /// told whether they are there.
    pub(super) async fn project(
        &self,
        app: &Shared,
        id: ProjectId,
        role: Role,
    ) -> Result<(Project, Role), WebError> {
        match self.rights.reaches(id) {
            true => auth::allowed(app, self.user.id, id, role).await,
            false => Err(WebError::NotFound),
        }
    }
}
