//! Forms prove that they come from this server's pages: each carries a token of the session.

use super::{SignedIn, same, visitor};
use crate::{app::Shared, error::WebError};
use axum::{
    Form,
    extract::{FromRequest, Request, rejection::FormRejection},
    http::StatusCode,
};
use serde::{Deserialize, de::DeserializeOwned};
use std::time::Duration;
use tokio::time::timeout;

/// Longest time that a form may take to arrive.
const FORM_TIME: Duration = Duration::from_secs(60);

/// The values of a form whose token is right. All fields of `T` are text.
pub(crate) struct Checked<T>(pub(crate) T, pub(crate) SignedIn);

/// A form without fields of its own.
#[derive(Deserialize)]
pub(crate) struct Nothing {}

#[derive(Deserialize)]
struct Guarded<T> {
    #[serde(default)]
    csrf_token: String,
    #[serde(flatten)]
    form: T,
}

impl<T: DeserializeOwned + Send> FromRequest<Shared> for Checked<T> {
    type Rejection = WebError;

    async fn from_request(request: Request, app: &Shared) -> Result<Self, WebError> {
        let visitor = visitor(request.headers(), app).await?;
        let visitor = visitor.ok_or_else(|| WebError::SignIn("/".to_owned()))?;
        let form = timeout(FORM_TIME, Form::<Guarded<T>>::from_request(request, app)).await;
        let form = form.map_err(|_| WebError::TooSlow)?;
        let Form(Guarded { csrf_token, form }) = form.map_err(|fault| unread(&fault))?;
        match same(&csrf_token, &visitor.session.csrf_token()) {
            true => Ok(Self(form, visitor)),
            false => Err(WebError::StaleForm),
        }
    }
}

fn unread(fault: &FormRejection) -> WebError {
    match fault.status() {
        StatusCode::PAYLOAD_TOO_LARGE => WebError::TooLarge,
        _ => WebError::Senseless(fault.body_text()),
    }
}
