//! When a request leads to nothing: people get a sentence and a request id, the log gets the chain of causes.

use askama::Template;
use axum::{
    extract::Request,
    http::{HeaderMap, StatusCode, header::ALLOW},
    middleware::Next,
    response::{Html, IntoResponse, Redirect, Response},
};
use kozmic_model::project::Role;
use std::{any::Any, sync::Arc};

/// Why a request led to nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WebError {
    /// There is no such thing, or the person must not know of it.
    #[error("not found")]
    NotFound,
    /// The person sees the project, but this takes another role in it.
    #[error("this takes the role {}", .0.word())]
    Role(Role),
    /// Only who signed in gets further; afterwards the path is shown.
    #[error("not signed in")]
    SignIn(String),
    /// The form's token does not belong to the session.
    #[error("the form is out of date")]
    StaleForm,
    /// A page of another server tries to use this browser's session.
    #[error("the request comes from another server's page")]
    Foreign,
    /// The request makes no sense, and why, in a sentence.
    #[error("{0}")]
    Senseless(String),
    /// The form is larger than any that we have.
    #[error("the form is too large")]
    TooLarge,
    /// The form came too slowly.
    #[error("the form took too long")]
    TooSlow,
    /// The address knows other methods than this one.
    #[error("method not allowed")]
    Method,
    /// We failed.
    #[error(transparent)]
    Ours(#[from] anyhow::Error),
}

/// What the error page says; it travels in the response until the page is made.
#[derive(Clone)]
struct Fault(Arc<WebError>);

impl IntoResponse for WebError {
    fn into_response(self) -> Response {
        if let Self::SignIn(path) = &self {
            return Redirect::to(&crate::auth::sign_in_address(path)).into_response();
        }
        let mut response = self.status().into_response();
        response.extensions_mut().insert(Fault(Arc::new(self)));
        response
    }
}

impl From<askama::Error> for WebError {
    fn from(error: askama::Error) -> Self {
        Self::Ours(anyhow::Error::new(error).context("render a page"))
    }
}

impl WebError {
    fn status(&self) -> StatusCode {
        match self {
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::SignIn(_) => StatusCode::SEE_OTHER,
            Self::Role(_) | Self::StaleForm | Self::Foreign => StatusCode::FORBIDDEN,
            Self::Senseless(_) => StatusCode::BAD_REQUEST,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::Ours(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn title(&self) -> &'static str {
        match self {
            Self::NotFound => "There is nothing here",
            Self::Role(_) => "That is not for your role",
            Self::SignIn(_) => "Sign in first",
            Self::StaleForm => "This form is out of date",
            Self::Foreign => "That came from elsewhere",
            Self::Senseless(_) => "That request makes no sense",
            Self::TooLarge => "That is too large",
            Self::TooSlow => "That took too long",
            Self::Method => "This address works differently",
            Self::Ours(_) => "Something went wrong on our side",
        }
    }

    fn advice(&self) -> &str {
        match self {
            Self::NotFound => "The page is gone, never was, or is not yours to see.",
            Self::Role(Role::Owner) => "You see this project, but only its owner may do this.",
            Self::Role(_) => {
                "You see this project, but only its managers may configure it: people who may push to its repository. \
                 If you became one just now, sync your projects and come back."
            }
            Self::SignIn(_) => "This page is for people who signed in.",
            Self::StaleForm => {
                "Nothing was changed. You may have signed in again since the form was opened: go back, reload the \
                 page, and send it once more."
            }
            Self::Foreign => "Only pages of this server may ask for this.",
            Self::Senseless(why) => why,
            Self::TooLarge => "Nothing was changed: the form is too large. Go back and make it shorter.",
            Self::TooSlow => {
                "Nothing was changed: the form did not arrive in time. Go back and send it once more."
            }
            Self::Method => "The page exists, but it cannot be asked in this way.",
            Self::Ours(_) => {
                "Nothing you did. Try again in a moment; if it stays like this, tell who runs this server the number \
                 below."
            }
        }
    }
}

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage<'a> {
    code: u16,
    title: &'a str,
    advice: &'a str,
    request: &'a str,
}

/// Puts a page into answers that carry only a fault, and writes our own faults into the log.
pub(crate) async fn explain(request: Request, next: Next) -> Response {
    let id = request_id(request.headers());
    let response = next.run(request).await;
    let Some(Fault(error)) = response.extensions().get::<Fault>().cloned() else {
        return response;
    };
    if let WebError::Ours(cause) = error.as_ref() {
        tracing::error!(request.id = id, "{cause:#}");
    }
    let page = ErrorPage {
        code: error.status().as_u16(),
        title: error.title(),
        advice: error.advice(),
        request: &id,
    };
    let body = page.render().unwrap_or_else(|_| error.advice().to_owned());
    let (status, allow) = (response.status(), response.headers().get(ALLOW).cloned());
    let mut response = (status, Html(body)).into_response();
    allow.and_then(|methods| response.headers_mut().insert(ALLOW, methods));
    response
}

/// A panic becomes an answer like every other fault of ours.
#[expect(clippy::needless_pass_by_value, reason = "the layer hands over what was thrown")]
pub(crate) fn caught(thrown: Box<dyn Any + Send>) -> Response {
    let text = thrown.downcast_ref::<String>().map(String::as_str);
    let said = text.or_else(|| thrown.downcast_ref::<&str>().copied()).unwrap_or("no message");
    WebError::Ours(anyhow::anyhow!("panic: {said}")).into_response()
}

fn request_id(headers: &HeaderMap) -> String {
    headers.get("x-request-id").and_then(|id| id.to_str().ok()).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_another_role_is_told_which_it_takes() {
        assert_eq!(WebError::Role(Role::Manager).status(), StatusCode::FORBIDDEN);
        assert!(WebError::Role(Role::Manager).advice().contains("only its managers"));
        assert!(WebError::Role(Role::Owner).advice().contains("only its owner"));
    }

    #[test]
    fn strangers_learn_nothing_of_our_faults() {
        let error = WebError::from(anyhow::anyhow!("secret").context("open the database"));
        assert!(!error.advice().contains("secret") && !error.title().contains("database"));
        assert_eq!(error.status(), StatusCode::INTERNAL_SERVER_ERROR);
    }
}
