//! Buttons: the form and the person who sent it, and the page that follows, with a sentence about the result.

use super::frame::Visit;
use crate::{
    app::Shared,
    auth::{self, Checked, Tone},
    error::WebError,
    next::sign_in_address,
};
use axum::{
    extract::{FromRequest, Request},
    response::{Redirect, Response},
};
use serde::de::DeserializeOwned;

/// A form whose token is right, and the visit to which it belongs.
pub(crate) struct Sent<T>(pub(crate) T, pub(crate) Visit);

impl<T: DeserializeOwned + Send> FromRequest<Shared> for Sent<T> {
    type Rejection = WebError;

    async fn from_request(request: Request, app: &Shared) -> Result<Self, WebError> {
        let headers = request.headers().clone();
        let Checked(form, person) = Checked::from_request(request, app).await?;
        Ok(Self(form, Visit::new(person, &headers, app)))
    }
}

impl Visit {
    /// Redirects to `path`, where the sentence tells the result. If the forge ended the person's session meanwhile,
    /// redirects to the sign-in, and from there to `path`.
    pub(crate) async fn lead(
        self,
        app: &Shared,
        path: &str,
        said: Result<String, String>,
    ) -> Result<Response, WebError> {
        if said.is_err() && !auth::is_signed_in(app, &self.person).await? {
            return Ok(self.signed_out(app, path));
        }
        let (tone, text) = match said {
            Ok(text) => (Tone::Good, text),
            Err(text) => (Tone::Bad, text),
        };
        Ok(self.cookies.set_notice(tone, text).onto(Redirect::to(path)))
    }

    /// Redirects to the sign-in, because the forge no longer accepts the person's token.
    pub(crate) fn signed_out(self, app: &Shared, path: &str) -> Response {
        let forge = &app.face.forge;
        let text =
            format!("{forge} no longer accepts your sign-in. Please sign in again, then try this once more.");
        let sign_in = Redirect::to(&sign_in_address(path));
        self.cookies.set_notice(Tone::Bad, text).onto(sign_in)
    }
}
