//! Requests that fail: people get a sentence and a request id, and the log gets the chain of causes.

use crate::{bearer::bearer, next::sign_in_address};
use askama::Template;
use axum::{
    Json,
    extract::Request,
    http::{
        HeaderMap, HeaderValue, StatusCode,
        header::{ALLOW, RETRY_AFTER, WWW_AUTHENTICATE},
    },
    middleware::Next,
    response::{Html, IntoResponse, Redirect, Response},
};
use kozmic_model::{project::Role, token::Scope};
use serde_json::{Value, json};
use std::{any::Any, net::IpAddr, sync::Arc};

/// The reason why a request failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WebError {
    /// The thing does not exist, or the person must not know of it.
    #[error("not found")]
    NotFound,
    /// The person sees the project, but this needs another role in it.
    #[error("this takes the role {}", .0.word())]
    Role(Role),
    /// Only administrators may do this.
    #[error("this is for administrators")]
    AdminsOnly,
    /// The person has to sign in first. After that the path is shown.
    #[error("not signed in")]
    SignIn(String),
    /// The form's token does not belong to the session.
    #[error("the form is out of date")]
    StaleForm,
    /// A page of another server tries to use this browser's session.
    #[error("the request comes from another server's page")]
    Foreign,
    /// The request comes from the container of a job, with this address.
    #[error("the request comes from the job's container at {0}")]
    OfJob(IpAddr),
    /// The request makes no sense, for a reason in a sentence.
    #[error("{0}")]
    Senseless(String),
    /// A link in a mail is not valid, for a reason in a sentence.
    #[error("{0}")]
    DeadLink(String),
    /// The form is larger than any form of this server.
    #[error("the form is too large")]
    TooLarge,
    /// The form came too slowly.
    #[error("the form took too long")]
    TooSlow,
    /// The address does not support this method.
    #[error("method not allowed")]
    Method,
    /// The client has as many requests and live views open as it may.
    #[error("too many open requests")]
    Crowded,
    /// A program sent no token, or an unknown one.
    #[error("no valid token")]
    NoToken,
    /// A program's token has expired.
    #[error("the token has expired")]
    TokenEnded,
    /// A program's token does not allow that: it needs another scope.
    #[error("this takes a token with the scope {}", .0.word())]
    Scope(Scope),
    /// The request cannot be done in the present state, for a reason in a sentence.
    #[error("{0}")]
    Conflict(String),
    /// The server itself failed.
    #[error(transparent)]
    Ours(#[from] anyhow::Error),
}

/// The explanation for a job's container. It names the setting with which the operator can allow such requests.
const OF_JOB: &str = "This request comes from a job's container, and jobs may not call the server that runs them. Who runs \
                      it can let them, with the setting jobs_may_call.";

/// The explanation for a client that has too much open.
const CROWDED: &str = "Your address has as many requests and live pages open here as one may have. Close some, or try again \
                       in a moment.";

/// The fault for the error page. It travels in the response until the page is made.
#[derive(Clone)]
struct Fault(Arc<WebError>);

impl IntoResponse for WebError {
    fn into_response(self) -> Response {
        if let Self::SignIn(path) = &self {
            return Redirect::to(&sign_in_address(path)).into_response();
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
            Self::Role(_)
            | Self::AdminsOnly
            | Self::StaleForm
            | Self::Foreign
            | Self::OfJob(_)
            | Self::Scope(_) => StatusCode::FORBIDDEN,
            Self::Senseless(_) | Self::DeadLink(_) => StatusCode::BAD_REQUEST,
            Self::NoToken | Self::TokenEnded => StatusCode::UNAUTHORIZED,
            Self::Conflict(_) => StatusCode::CONFLICT,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::Crowded => StatusCode::TOO_MANY_REQUESTS,
            Self::Ours(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn title(&self) -> &'static str {
        match self {
            Self::NotFound => "There is nothing here",
            Self::Role(_) => "That is not for your role",
            Self::AdminsOnly => "That is for administrators",
            Self::SignIn(_) => "Sign in first",
            Self::StaleForm => "This form is out of date",
            Self::Foreign => "That came from elsewhere",
            Self::OfJob(_) => "Jobs may not call this server",
            Self::Senseless(_) => "That request makes no sense",
            Self::DeadLink(_) => "This link does not work",
            Self::NoToken => "This takes a valid API token",
            Self::TokenEnded => "This API token has expired",
            Self::Scope(_) => "This API token is not good for that",
            Self::Conflict(_) => "That cannot be done now",
            Self::TooLarge => "That is too large",
            Self::TooSlow => "That took too long",
            Self::Method => "This address works differently",
            Self::Crowded => "That is too much at once",
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
            Self::AdminsOnly => "Only administrators may do this: the people whom the setting admins names.",
            Self::SignIn(_) => "This page is for people who signed in.",
            Self::StaleForm => {
                "Nothing was changed. You may have signed in again since the form was opened: go back, reload the \
                 page, and send it once more."
            }
            Self::Foreign => "Only pages of this server may ask for this.",
            Self::OfJob(_) => OF_JOB,
            Self::Senseless(why) | Self::DeadLink(why) | Self::Conflict(why) => why,
            Self::NoToken => {
                "Make a token on your account's page, and send it as the header Authorization: Bearer."
            }
            Self::TokenEnded => "The token has expired: make another one on your account's page.",
            Self::Scope(Scope::Read) => "This takes a token with the scope read.",
            Self::Scope(Scope::Restart) => "This takes a token with the scope restart or all.",
            Self::Scope(Scope::All) => "This takes a token with the scope all.",
            Self::TooLarge => "Nothing was changed: the form is too large. Go back and make it shorter.",
            Self::TooSlow => {
                "Nothing was changed: the form did not arrive in time. Go back and send it once more."
            }
            Self::Method => "The page exists, but it cannot be asked in this way.",
            Self::Crowded => CROWDED,
            Self::Ours(_) => {
                "Nothing you did. Try again in a moment; if it stays like this, tell who runs this server the number \
                 below."
            }
        }
    }
}

impl WebError {
    /// The word by which programs distinguish faults.
    fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::Role(_) => "role_too_small",
            Self::AdminsOnly => "admins_only",
            Self::SignIn(_) | Self::NoToken | Self::TokenEnded => "unauthorized",
            Self::Scope(_) => "scope_too_small",
            Self::StaleForm | Self::Foreign => "forbidden",
            Self::OfJob(_) => "from_a_job",
            Self::Senseless(_) | Self::DeadLink(_) => "bad_request",
            Self::TooLarge => "too_large",
            Self::TooSlow => "too_slow",
            Self::Method => "method_not_allowed",
            Self::Crowded => "too_many_requests",
            Self::Conflict(_) => "conflict",
            Self::Ours(_) => "internal",
        }
    }

    /// The answer for programs.
    fn as_json(&self) -> Value {
        let message = match self {
            Self::NotFound => "There is no such thing, or it is not yours to see.",
            Self::Role(Role::Owner) => "This takes the role of the project's owner.",
            Self::Role(_) => "This takes the role of a manager of the project.",
            Self::AdminsOnly => "This takes a token of an administrator that is not of one project.",
            Self::TooLarge => "The request is too large.",
            Self::TooSlow => "The request did not arrive in time.",
            Self::Method => "The address knows other methods than this one.",
            Self::Ours(_) => "Something went wrong on our side: the server's log says more.",
            Self::SignIn(_) | Self::StaleForm | Self::Foreign => self.title(),
            Self::Senseless(_)
            | Self::DeadLink(_)
            | Self::Conflict(_)
            | Self::NoToken
            | Self::TokenEnded
            | Self::Scope(_)
            | Self::OfJob(_)
            | Self::Crowded => self.advice(),
        };
        json!({ "error": { "code": self.code(), "message": message } })
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

/// Adds a page to answers that carry only a fault, or JSON for programs. Writes the server's own faults to the log.
pub(crate) async fn explain(request: Request, next: Next) -> Response {
    let id = request_id(request.headers());
    let is_program = request.uri().path().starts_with("/api/") || bearer(request.headers()).is_some();
    let response = next.run(request).await;
    let Some(Fault(error)) = response.extensions().get::<Fault>().cloned() else {
        return response;
    };
    if let WebError::Ours(cause) = error.as_ref() {
        tracing::error!(request.id = id, "{cause:#}");
    }
    let (status, allow) = (response.status(), response.headers().get(ALLOW).cloned());
    let mut response = match is_program {
        true => (status, Json(error.as_json())).into_response(),
        false => (status, Html(page(&error, &id))).into_response(),
    };
    allow.and_then(|methods| response.headers_mut().insert(ALLOW, methods));
    if matches!(*error, WebError::NoToken | WebError::TokenEnded) {
        response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"Kozmic\""));
    }
    if matches!(*error, WebError::Crowded) {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("5"));
    }
    response
}

fn page(error: &WebError, request: &str) -> String {
    let (code, title, advice) = (error.status().as_u16(), error.title(), error.advice());
    ErrorPage { code, title, advice, request }.render().unwrap_or_else(|_| advice.to_owned())
}

/// Turns a panic into an answer like that of any other fault of the server.
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
