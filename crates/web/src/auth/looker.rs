//! Somebody who looks: a person with a browser, whose session its cookie names, or a program with an API token in a
//! header. A page of another server can make a browser send cookies, but no such header; and looking changes nothing.

use super::{SignedIn, is_signed_in, visitor, wanted};
use crate::{app::Shared, error::WebError};
use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, header::AUTHORIZATION, request::Parts},
};
use kozmic_edges::clock;
use kozmic_model::user::User;
use secrecy::SecretString;

/// Somebody who looks.
#[derive(Clone)]
pub(crate) enum Looker {
    /// A person, with a browser.
    Person(SignedIn),
    /// A program, with a person's token.
    Program(User, SecretString),
}

impl Looker {
    /// The owner of a valid token, else the owner of the session; nobody if the request has neither.
    ///
    /// # Errors
    /// There is a token that is nobody's, and no session.
    pub(crate) async fn of(headers: &HeaderMap, app: &Shared) -> Result<Option<Self>, WebError> {
        let token = bearer(headers);
        if let Some(token) = &token
            && let Some(user) = app.edges.store.user_of_api_token(token, clock::now()).await?
        {
            return Ok(Some(Self::Program(user, token.clone())));
        }
        // A proxy may send a token of its own beside the cookie.
        match (visitor(headers, app).await?, token) {
            (Some(person), _) => Ok(Some(Self::Person(person))),
            (None, Some(_)) => Err(WebError::NoToken),
            (None, None) => Ok(None),
        }
    }

    /// The person.
    pub(crate) fn user(&self) -> &User {
        match self {
            Self::Person(person) => &person.user,
            Self::Program(user, _) => user,
        }
    }

    /// Whether the session has not ended meanwhile, or the token is still one.
    pub(crate) async fn stays(&self, app: &Shared) -> Result<bool, WebError> {
        match self {
            Self::Person(person) => is_signed_in(app, person).await,
            Self::Program(_, token) => {
                Ok(app.edges.store.user_of_api_token(token, clock::now()).await?.is_some())
            }
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

/// The token in a request's header.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<SecretString> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim().to_owned().into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;

    #[test]
    fn a_token_is_read_from_its_header_only() {
        let read = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(AUTHORIZATION, value.parse().unwrap());
            bearer(&headers).map(|token| token.expose_secret().to_owned())
        };
        assert_eq!(read("Bearer kozmic_1").as_deref(), Some("kozmic_1"));
        assert_eq!(read("bearer  kozmic_1").as_deref(), Some("kozmic_1"));
        assert_eq!(read("Basic abc"), None);
        assert_eq!(read("kozmic_1"), None);
        assert!(bearer(&HeaderMap::new()).is_none());
    }
}
