//! One REST call: who makes it, what they may, and whether GitHub would understand it.

use std::sync::Arc;

use axum::extract::{FromRequestParts, OriginalUri, Request, State};
use axum::http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, USER_AGENT};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::de::DeserializeOwned;
use url::form_urlencoded;

use super::Shared;
use super::reply::Refusal;
use crate::github::double::Double;
use crate::github::stamp;
use crate::github::world::{Permission, Repository, Token, World};

/// Media type that GitHub wants to be asked for.
const MEDIA_TYPE: &str = "application/vnd.github+json";
/// Length of an hour's limit of calls.
const HOUR: std::time::Duration = std::time::Duration::from_secs(3600);

/// A call whose token is known.
#[derive(Clone)]
pub(super) struct Call {
    pub(super) double: Arc<Double>,
    pub(super) login: String,
    pub(super) query: Vec<(String, String)>,
    scopes: Vec<String>,
    uri: Uri,
    line: String,
    content_type: String,
}

/// Checks headers, token and limit; what passes has a [`Call`].
pub(super) async fn identify(State(double): State<Shared>, mut request: Request, next: Next) -> Response {
    let uri = request.extensions().get::<OriginalUri>().map(|uri| uri.0.clone());
    let uri = uri.unwrap_or_else(|| request.uri().clone());
    let line = format!("{} {uri}", request.method());
    check_headers(&double, &line, request.headers());
    let token = match credentials(&double, request.headers()) {
        Ok(token) => token,
        Err(refusal) => return refusal.into_response(),
    };
    let limits = double.change(|world| count(world, &token.login));
    let call = Call {
        double,
        login: token.login.clone(),
        query: form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).into_owned().collect(),
        scopes: token.scopes.clone(),
        uri,
        line,
        content_type: text(request.headers(), &CONTENT_TYPE).to_owned(),
    };
    request.extensions_mut().insert(call);
    let mut response = match limits.exceeded {
        true => Refusal::new(StatusCode::FORBIDDEN, "API rate limit exceeded").into_response(),
        false => next.run(request).await,
    };
    limits.write(&token, response.headers_mut());
    response
}

/// Lets everybody in, but nobody with a token that is none of GitHub's.
pub(super) fn welcome(double: &Double, headers: &HeaderMap) -> Result<(), Refusal> {
    let Some(token) = bearer(headers) else {
        let closed = double.read(|world| world.private_mode);
        let refusal = || Refusal::new(StatusCode::UNAUTHORIZED, "Must authenticate to access this API.");
        return if closed { Err(refusal()) } else { Ok(()) };
    };
    let known = double.read(|world| world.token(&token).is_some());
    if known { Ok(()) } else { Err(Refusal::bad_credentials()) }
}

/// Token of the call, or the reason why GitHub does not even look at it.
fn credentials(double: &Double, headers: &HeaderMap) -> Result<Token, Refusal> {
    if !headers.contains_key(USER_AGENT) {
        let message = "Request forbidden by administrative rules. Please make sure your request has a \
                       User-Agent header";
        return Err(Refusal::new(StatusCode::FORBIDDEN, message));
    }
    if !headers.contains_key(AUTHORIZATION) {
        return Err(Refusal::new(StatusCode::UNAUTHORIZED, "Requires authentication"));
    }
    let token = bearer(headers).and_then(|token| double.read(|world| world.token(&token).cloned()));
    token.ok_or_else(Refusal::bad_credentials)
}

fn check_headers(double: &Double, line: &str, headers: &HeaderMap) {
    for name in [USER_AGENT, AUTHORIZATION] {
        if !headers.contains_key(&name) {
            double.wrong(&format!("{line}: the header {name} is missing"));
        }
    }
    let accept = text(headers, &ACCEPT);
    if accept != MEDIA_TYPE {
        double.wrong(&format!("{line}: Accept is {accept:?} instead of {MEDIA_TYPE}"));
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &axum::http::HeaderName) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// The token of a call: as bearer, or as the password of Basic, as git sends it.
pub(super) fn bearer(headers: &HeaderMap) -> Option<String> {
    let (scheme, value) = text(headers, &AUTHORIZATION).split_once(' ')?;
    match scheme.to_ascii_lowercase().as_str() {
        "bearer" | "token" => Some(value.trim().to_owned()),
        "basic" => {
            let pair = String::from_utf8(STANDARD.decode(value.trim()).ok()?).ok()?;
            pair.split_once(':').map(|(_, password)| password.to_owned())
        }
        _ => None,
    }
}

/// A person's use of the hour's limit.
struct Limits {
    limit: u32,
    used: u32,
    reset: u64,
    exceeded: bool,
}

fn count(world: &mut World, login: &str) -> Limits {
    let rate = &mut world.rate;
    let used = rate.used.entry(login.to_owned()).or_default();
    let exceeded = *used >= rate.limit;
    *used = rate.limit.min(*used + 1);
    Limits { limit: rate.limit, used: *used, reset: stamp::unix(rate.since + HOUR), exceeded }
}

impl Limits {
    fn write(&self, token: &Token, headers: &mut HeaderMap) {
        headers.insert("x-ratelimit-limit", HeaderValue::from(self.limit));
        headers.insert("x-ratelimit-used", HeaderValue::from(self.used));
        headers.insert("x-ratelimit-remaining", HeaderValue::from(self.limit - self.used));
        headers.insert("x-ratelimit-reset", HeaderValue::from(self.reset));
        headers.insert("x-ratelimit-resource", HeaderValue::from_static("core"));
        if let Ok(scopes) = HeaderValue::from_str(&token.scopes.join(", ")) {
            headers.insert("x-oauth-scopes", scopes);
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Call {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        parts.extensions.get::<Self>().cloned().ok_or_else(Refusal::bad_credentials)
    }
}

impl Call {
    /// Notes that GitHub would not understand this call.
    pub(super) fn wrong(&self, what: &str) {
        self.double.wrong(&format!("{}: {what}", self.line));
    }

    /// Notes a refusal as a wrong call and hands it on.
    pub(super) fn refuse(&self, refusal: Refusal) -> Refusal {
        self.wrong(&refusal.summary());
        refusal
    }

    /// The JSON body; fields that GitHub does not know are wrong.
    pub(super) fn body<T: DeserializeOwned>(&self, body: &[u8]) -> Result<T, Refusal> {
        if !self.content_type.starts_with("application/json") {
            self.wrong(&format!("Content-Type is {:?} instead of application/json", self.content_type));
        }
        serde_json::from_slice(body).map_err(|error| {
            let status =
                if error.is_data() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::BAD_REQUEST };
            let message = if error.is_data() { "Invalid request." } else { "Problems parsing JSON" };
            self.wrong(&format!("{message} {error}"));
            Refusal::new(status, &format!("{message}\n\n{error}"))
        })
    }

    /// A parameter of the query.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Notes parameters that this address has not.
    pub(super) fn allow_parameters(&self, known: &[&str]) {
        for (key, _) in &self.query {
            if !known.contains(&key.as_str()) {
                self.wrong(&format!("the query has no parameter {key}"));
            }
        }
    }

    /// 404 unless the token has one of these scopes.
    pub(super) fn need_scope(&self, any_of: &[&str]) -> Result<(), Refusal> {
        let has = self.scopes.iter().any(|scope| any_of.contains(&scope.as_str()));
        if has { Ok(()) } else { Err(Refusal::not_found()) }
    }

    /// The same parameter, if it is one of these words; another one is wrong.
    pub(super) fn word(&self, name: &str, known: &[&str]) -> Option<&str> {
        let value = self.parameter(name)?;
        if !known.contains(&value) {
            self.wrong(&format!("{name} is {value:?}, which is none of {}", known.join(", ")));
        }
        Some(value)
    }

    /// Permission of this person on a repository.
    pub(super) fn permission_of(&self, repository: &Repository) -> Option<Permission> {
        self.double.read(|world| world.permission_of(repository, Some(&self.login)))
    }

    /// The repository, if this person may see it and has at least this permission; else 404. By a name that
    /// it had before, it is elsewhere.
    pub(super) fn repository(
        &self,
        name: &(String, String),
        least: Permission,
    ) -> Result<Repository, Refusal> {
        let full_name = format!("{}/{}", name.0, name.1);
        let repository = self.double.read(|world| world.repository(&full_name).cloned());
        let repository = repository.ok_or_else(Refusal::not_found)?;
        if repository.private {
            self.need_scope(&["repo"])?;
        }
        let permission = self.permission_of(&repository).ok_or_else(Refusal::not_found)?;
        if !repository.full_name().eq_ignore_ascii_case(&full_name) {
            return Err(self.moved(repository.id));
        }
        if permission >= least { Ok(repository) } else { Err(Refusal::not_found()) }
    }

    /// Address at which this call finds the repository that had the name.
    fn moved(&self, id: u64) -> Refusal {
        let below: String = self.uri.path().split('/').skip(6).map(|part| format!("/{part}")).collect();
        let query = self.uri.query().map(|query| format!("?{query}")).unwrap_or_default();
        let reads = self.line.starts_with("GET ");
        let status = if reads { StatusCode::MOVED_PERMANENTLY } else { StatusCode::TEMPORARY_REDIRECT };
        Refusal::moved(status, self.double.api(&format!("/repositories/{id}{below}{query}")))
    }
}
