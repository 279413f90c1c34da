//! The person whose program calls: the token in the header names them. The program may do what they may do, within the
//! token's rights.

use crate::{app::Shared, auth, bearer::bearer, error::WebError};
use axum::{extract::FromRequestParts, http::request::Parts};
use kozmic_edges::{Edges, store::TokenHolder};
use kozmic_model::{
    ids::ProjectId,
    project::{Project, Role},
    token::{Scope, TokenRights},
    user::User,
};

/// The scope that the called address requires.
#[derive(Clone, Copy)]
pub(super) struct Takes(pub(super) Scope);

/// The person who owns the token, and its rights.
pub(super) struct Caller {
    /// The person.
    pub(super) user: User,
    /// The rights of the token.
    pub(super) rights: TokenRights,
    title: String,
}

impl FromRequestParts<Shared> for Caller {
    type Rejection = WebError;

    /// All addresses except the API's description read their caller here, so that none can forget the token's scope.
    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<Self, WebError> {
        let token = bearer(&parts.headers).ok_or(WebError::NoToken)?;
        let TokenHolder { user, token } = auth::holder(app, &token).await?;
        let Takes(scope) = parts.extensions.get().copied().unwrap_or(Takes(Scope::All));
        match token.rights.scope >= scope {
            true => Ok(Self { user, rights: token.rights, title: token.title }),
            false => Err(WebError::Scope(scope)),
        }
    }
}

impl Caller {
    /// The edges, for changes that this program makes.
    pub(super) fn edges(&self, app: &Shared) -> Edges {
        app.edges.acting(auth::actor(&self.user, Some(self.title.clone())))
    }

    /// The project and the caller's role in it, if that is at least `role`. If the token is for another project, the
    /// answer does not tell if this one exists.
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
