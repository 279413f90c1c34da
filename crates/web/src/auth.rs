//! The person who makes a request. A browser proves its session with a signed cookie. Each form proves with a token of
//! the session that it comes from this server.

mod cookies;
mod csrf;
mod access;
mod looker;

pub(crate) use access::{allowed, holder, is_signed_in, project, ring_out};
pub(crate) use cookies::{Cookies, Notice, PendingSignIn, Tone};
pub(crate) use csrf::{Checked, Nothing};
pub(crate) use looker::Looker;

use crate::{app::Shared, error::WebError};
use axum::{
    extract::{FromRequestParts, OptionalFromRequestParts},
    http::{HeaderMap, Uri, header::UPGRADE, request::Parts},
};
use kozmic_edges::{Edges, secret};
use kozmic_model::{audit::Actor, user::User};
use secrecy::{ExposeSecret, SecretString};
use std::convert::Infallible;

/// The header of our own scripts: the page is already open, and only the parts that change are needed.
pub(crate) const PART: &str = "x-kozmic-part";

/// The header in which browsers name the purpose of a request.
const FETCHED_FOR: &str = "sec-fetch-dest";

/// A person who signed in, with their session.
#[derive(Clone)]
pub(crate) struct SignedIn {
    /// The person.
    pub(crate) user: User,
    /// The browser's session.
    pub(crate) session: Session,
}

/// A browser's session: the secret in its cookie.
#[derive(Clone)]
pub(crate) struct Session(pub(crate) SecretString);

impl Session {
    /// The fingerprint by which the store knows the session.
    pub(crate) fn fingerprint(&self) -> String {
        secret::fingerprint(self.0.expose_secret())
    }

    /// The token in each form of this session. Only somebody who can read this server's pages knows it.
    pub(crate) fn csrf_token(&self) -> String {
        secret::fingerprint(&format!("form of {}", self.0.expose_secret()))
    }
}

impl SignedIn {
    /// The edges, for changes that this person makes.
    pub(crate) fn edges(&self, app: &Shared) -> Edges {
        app.edges.acting(actor(&self.user, None))
    }
}

/// The person as an actor in the audit trail.
pub(crate) fn actor(user: &User, token: Option<String>) -> Actor {
    Actor::Person { user: user.id, login: user.profile.login.clone(), token }
}

impl FromRequestParts<Shared> for SignedIn {
    type Rejection = WebError;

    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<Self, WebError> {
        let visitor = visitor(&parts.headers, app).await?;
        visitor.ok_or_else(|| WebError::SignIn(wanted(&parts.uri, &parts.method)))
    }
}

impl OptionalFromRequestParts<Shared> for SignedIn {
    type Rejection = WebError;

    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<Option<Self>, WebError> {
        visitor(&parts.headers, app).await
    }
}

impl FromRequestParts<Shared> for Cookies {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<Self, Infallible> {
        Ok(Self::of(&parts.headers, &app.face))
    }
}

/// The person to whom the cookie belongs. None if it is missing or forged, or if its session has ended.
pub(crate) async fn visitor(headers: &HeaderMap, app: &Shared) -> Result<Option<SignedIn>, WebError> {
    let Some(session) = Cookies::of(headers, &app.face).session() else { return Ok(None) };
    let user = access::of_session(app, &session, is_use(headers)).await?;
    Ok(user.map(|user| SignedIn { user, session }))
}

/// True if a person asks, false if an open page asks by itself. The browser's header tells, or else those of our
/// scripts.
fn is_use(headers: &HeaderMap) -> bool {
    match headers.get(FETCHED_FOR) {
        Some(what) => what == "document",
        None => !headers.contains_key(PART) && !headers.contains_key(UPGRADE),
    }
}

/// The page to show after signing in: the requested one, if requesting it again changes nothing.
fn wanted(uri: &Uri, method: &axum::http::Method) -> String {
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    if method.is_safe() { path.to_owned() } else { "/".to_owned() }
}

/// True if two texts are the same. The comparison takes as long wherever they differ.
pub(crate) fn same(one: &str, other: &str) -> bool {
    let differences = one.bytes().zip(other.bytes()).fold(0, |all, (a, b)| all | (a ^ b));
    one.len() == other.len() && differences == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_token_belongs_to_its_session_and_does_not_give_it_away() {
        let [one, two] = ["one", "two"].map(|secret| Session(secret.into()));
        assert_eq!(one.csrf_token(), one.clone().csrf_token());
        assert_ne!(one.csrf_token(), two.csrf_token());
        assert_ne!(one.csrf_token(), one.fingerprint());
    }

    #[test]
    fn texts_are_compared_whole() {
        assert!(same("abc", "abc"));
        assert!(!same("abc", "abd") && !same("abc", "ab") && !same("", "a"));
    }

    #[test]
    fn what_a_page_asks_by_itself_is_no_use_of_its_session() {
        let uses = |pairs: &[(&'static str, &str)]| {
            let headers =
                pairs.iter().map(|(name, value)| ((*name).parse().unwrap(), value.parse().unwrap()));
            is_use(&headers.collect::<HeaderMap>())
        };
        assert!(uses(&[]) && uses(&[(FETCHED_FOR, "document")]));
        for what in ["empty", "image", "websocket", "script"] {
            assert!(!uses(&[(FETCHED_FOR, what)]), "{what}");
        }
        assert!(!uses(&[(PART, "1")]) && !uses(&[("upgrade", "websocket")]));
    }
}
