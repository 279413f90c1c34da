//! The pages of the set-up: one person is led to a server's first settings, and then the pages are gone.
//!
//! The [`SetUp`] behind the pages decides what to ask, try and write. This module has the look of the pages and their
//! access code. The pages work without scripts and use no cookies: browsers send cookies to all ports of a machine, and
//! others may listen on these.

mod access;
mod view;
#[cfg(test)]
mod tests;

pub use access::AccessCheck;
pub use view::{SetupDone, SetupField, SetupLink, SetupPage, SetupQuestions, SetupReview, SetupTry};

use crate::{
    assets,
    error::{self, WebError},
    headers,
};
use axum::{
    Router,
    extract::{
        DefaultBodyLimit, Form, Query, Request, State,
        rejection::{FormRejection, QueryRejection},
    },
    http::StatusCode,
    middleware::{Next, from_fn},
    response::{Html, IntoResponse, Response},
    routing::get,
};
use serde::Deserialize;
use std::{collections::HashMap, sync::Arc, time::Duration};
use tower_http::{catch_panic::CatchPanicLayer, timeout::RequestBodyTimeoutLayer};

/// The largest form, in bytes: some lines of text.
const LARGEST_FORM: usize = 16 * 1024;

/// Longest time between two pieces of a form.
const PIECE_TIME: Duration = Duration::from_secs(10);

/// Decides the questions, and handles the answers.
pub trait SetUp: Send + Sync + 'static {
    /// The first page.
    fn begin(&self) -> impl Future<Output = SetupPage> + Send;

    /// The page after a form. Anybody may have written its fields, which are text.
    fn go_on(&self, form: HashMap<String, String>) -> impl Future<Output = SetupPage> + Send;
}

/// The set-up and its access check.
struct Guarded<S> {
    set_up: S,
    access: Arc<AccessCheck>,
}

/// The query of the link that the terminal shows.
#[derive(Deserialize)]
struct Came {
    #[serde(default)]
    code: String,
}

/// All that the set-up serves, to everybody who has the access code.
pub fn setup_router<S: SetUp>(set_up: S, access: Arc<AccessCheck>) -> Router {
    let guarded = Arc::new(Guarded { set_up, access: Arc::clone(&access) });
    Router::new()
        .route("/", get(begin::<S>).post(go_on::<S>))
        .with_state(guarded)
        .route("/static/{name}", get(assets::serve))
        .fallback(|| async { WebError::NotFound })
        .method_not_allowed_fallback(|| async { WebError::Method })
        .layer(DefaultBodyLimit::max(LARGEST_FORM))
        .layer(RequestBodyTimeoutLayer::new(PIECE_TIME))
        .layer(from_fn(guard))
        .layer(CatchPanicLayer::custom(error::caught))
        .layer(from_fn(error::explain))
        .layer(from_fn(headers::secure_plainly))
}

/// `GET /?code=…`
async fn begin<S: SetUp>(
    State(guarded): State<Arc<Guarded<S>>>,
    came: Result<Query<Came>, QueryRejection>,
) -> Response {
    let code = came.ok().map(|Query(Came { code })| code).unwrap_or_default();
    if !guarded.access.accepts(&code) {
        return closed();
    }
    guarded.show(guarded.set_up.begin().await)
}

/// `POST /`, with the code in one of the form's fields.
async fn go_on<S: SetUp>(
    State(guarded): State<Arc<Guarded<S>>>,
    form: Result<Form<HashMap<String, String>>, FormRejection>,
) -> Response {
    let form = match form {
        Ok(Form(form)) => form,
        Err(fault) if fault.status() == StatusCode::PAYLOAD_TOO_LARGE => {
            return WebError::TooLarge.into_response();
        }
        Err(fault) => return WebError::Senseless(fault.body_text()).into_response(),
    };
    if !guarded.access.accepts(form.get("code").map(String::as_str).unwrap_or_default()) {
        return closed();
    }
    guarded.show(guarded.set_up.go_on(form).await)
}

impl<S> Guarded<S> {
    /// The answer with a page. After the last page nobody gets in any more.
    fn show(&self, page: SetupPage) -> Response {
        let is_last = matches!(page, SetupPage::Done(_));
        let shown = page.render(self.access.code());
        if is_last {
            self.access.close();
        }
        shown.map_or_else(|fault| WebError::from(fault).into_response(), |page| Html(page).into_response())
    }
}

fn closed() -> Response {
    let page = view::closed().unwrap_or_default();
    (StatusCode::FORBIDDEN, Html(page)).into_response()
}

/// Refuses requests that come from elsewhere: by a foreign name that leads to this machine, or from a form of another
/// server.
async fn guard(request: Request, next: Next) -> Response {
    match access::is_ours(request.headers()) {
        true => next.run(request).await,
        false => WebError::Foreign.into_response(),
    }
}
