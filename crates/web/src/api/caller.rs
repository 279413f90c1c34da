//! Whose program asks: the token in the header says it, and what they may do, it may do.

use crate::{app::Shared, auth, error::WebError};
use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, header::AUTHORIZATION, request::Parts},
};
use kozmic_edges::clock;
use kozmic_model::{
    ids::ProjectId,
    project::{Project, Role},
    user::User,
};
use secrecy::SecretString;

/// The person whose token it is.
pub(super) struct Caller(pub(super) User);

impl FromRequestParts<Shared> for Caller {
    type Rejection = WebError;

    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<Self, WebError> {
        let token = token(&parts.headers).ok_or(WebError::NoToken)?;
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

fn token(headers: &HeaderMap) -> Option<SecretString> {
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
            token(&headers).map(|token| token.expose_secret().to_owned())
        };
        assert_eq!(read("Bearer kozmic_1").as_deref(), Some("kozmic_1"));
        assert_eq!(read("bearer  kozmic_1").as_deref(), Some("kozmic_1"));
        assert_eq!(read("Basic abc"), None);
        assert_eq!(read("kozmic_1"), None);
        assert!(token(&HeaderMap::new()).is_none());
    }
}
