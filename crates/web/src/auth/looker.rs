//! A person or program that only looks: a browser with a session in its cookie, or a program with an API token in a
//! header. A page of another server can make a browser send cookies, but no such header. That is safe, because looking
//! changes nothing.

use super::{SignedIn, access, is_signed_in, visitor, wanted};
use crate::{app::Shared, bearer::bearer, error::WebError};
use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, request::Parts},
};
use kozmic_edges::{clock, store::TokenHolder};
use kozmic_model::{
    ids::ProjectId,
    project::{Project, Role},
    user::User,
};
use secrecy::SecretString;

/// A person or program that only looks.
#[derive(Clone)]
pub(crate) enum Looker {
    /// A person with a browser.
    Person(SignedIn),
    /// A program with a person's token.
    Program(TokenHolder, SecretString),
}

impl Looker {
    /// The owner of a valid token, else the owner of the session. None if the request has neither.
    ///
    /// # Errors
    /// There is no session, and the token is unknown or has expired.
    pub(crate) async fn of(headers: &HeaderMap, app: &Shared) -> Result<Option<Self>, WebError> {
        let Some(token) = bearer(headers) else { return Ok(visitor(headers, app).await?.map(Self::Person)) };
        match access::holder(app, &token).await {
            Ok(holder) => Ok(Some(Self::Program(holder, token))),
            Err(fault @ (WebError::NoToken | WebError::TokenEnded)) => {
                // A proxy may send a token of its own beside the cookie.
                let person = visitor(headers, app).await?;
                person.map(Self::Person).ok_or(fault).map(Some)
            }
            Err(fault) => Err(fault),
        }
    }

    /// The person, or the owner of the program's token.
    pub(crate) fn user(&self) -> &User {
        match self {
            Self::Person(person) => &person.user,
            Self::Program(holder, _) => &holder.user,
        }
    }

    /// The only project that a token allows to see; none: all of the person's projects.
    pub(crate) fn only(&self) -> Option<ProjectId> {
        match self {
            Self::Person(_) => None,
            Self::Program(holder, _) => holder.token.rights.project,
        }
    }

    /// The project, if the person is a member of it and the token is not for another one.
    pub(crate) async fn project(&self, app: &Shared, id: ProjectId) -> Result<Project, WebError> {
        if self.only().is_some_and(|only| only != id) {
            return Err(WebError::NotFound);
        }
        access::allowed(app, self.user().id, id, Role::Member).await.map(|(project, _)| project)
    }

    /// True if the token has expired, as far as this server knows without its database.
    pub(crate) fn has_ended(&self) -> bool {
        match self {
            Self::Person(_) => false,
            Self::Program(holder, _) => holder.token.rights.has_ended(clock::now()),
        }
    }

    /// True if the session has not ended, or the token is still valid.
    pub(crate) async fn stays(&self, app: &Shared) -> Result<bool, WebError> {
        match self {
            Self::Person(person) => is_signed_in(app, person).await,
            Self::Program(_, token) => match access::holder(app, token).await {
                Ok(_) => Ok(true),
                Err(WebError::NoToken | WebError::TokenEnded) => Ok(false),
                Err(fault) => Err(fault),
            },
        }
    }
}

impl FromRequestParts<Shared> for Looker {
    type Rejection = WebError;

    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<Self, WebError> {
        let looker = Self::of(&parts.headers, app).await?;
        looker.ok_or_else(|| WebError::SignIn(wanted(&parts.uri, &parts.method)))
    }
}
