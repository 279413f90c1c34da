//! Look of REST answers: JSON, headers, and errors in GitHub's words.

use axum::Json;
use axum::extract::Request;
use axum::http::header::{CONTENT_TYPE, LOCATION};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

/// Answer of a REST handler.
pub(super) type Reply = Result<Response, Refusal>;

/// An error answer.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    message: String,
    errors: Vec<Value>,
    location: Option<String>,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, message: &str) -> Self {
        Self { status, message: message.to_owned(), errors: Vec::new(), location: None }
    }

    /// 404: it does not exist, or this person may not know that it does.
    pub(super) fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "Not Found")
    }

    /// 401: the token is none of GitHub's.
    pub(super) fn bad_credentials() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "Bad credentials")
    }

    /// It is elsewhere, and the call is to be made there.
    pub(super) fn moved(status: StatusCode, location: String) -> Self {
        Self { location: Some(location), ..Self::new(status, "Moved Permanently") }
    }

    /// 422 with what is wrong with which field.
    pub(super) fn invalid(resource: &str, field: &str, code: &str) -> Self {
        let error = json!({"resource": resource, "field": field, "code": code});
        Self { errors: vec![error], ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, "Validation Failed") }
    }

    /// 422 with a sentence of its own.
    pub(super) fn custom(resource: &str, message: &str) -> Self {
        let error = json!({"resource": resource, "code": "custom", "message": message});
        Self { errors: vec![error], ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, "Validation Failed") }
    }

    /// 422 with a sentence of its own about a field.
    pub(super) fn custom_field(resource: &str, field: &str, message: &str) -> Self {
        let error = json!({"resource": resource, "code": "custom", "field": field, "message": message});
        Self { errors: vec![error], ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, "Validation Failed") }
    }

    /// Line for the book of wrong calls.
    pub(super) fn summary(&self) -> String {
        let errors: Vec<_> = self.errors.iter().map(Value::to_string).collect();
        format!("{} {} {}", self.status.as_u16(), self.message, errors.join(" ")).trim().to_owned()
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut body = json!({
            "message": self.message,
            "documentation_url": "https://docs.github.com/rest",
            "status": self.status.as_u16().to_string(),
        });
        if !self.errors.is_empty() {
            body["errors"] = Value::Array(self.errors);
        }
        if let Some(location) = &self.location {
            body["url"] = json!(location);
        }
        let mut response = (self.status, Json(body)).into_response();
        if let Some(Ok(location)) = self.location.as_deref().map(HeaderValue::from_str) {
            response.headers_mut().insert(LOCATION, location);
        }
        response.headers_mut().insert(CONTENT_TYPE, utf8());
        response
    }
}

/// An answer with this JSON.
pub(super) fn answer(status: StatusCode, body: Value) -> Response {
    (status, Json(body)).into_response()
}

/// Adds the headers that every REST answer has.
pub(super) async fn decorate(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    if headers.contains_key(CONTENT_TYPE) {
        headers.insert(CONTENT_TYPE, utf8());
    }
    headers.insert("server", HeaderValue::from_static("github.com"));
    headers.insert("x-github-media-type", HeaderValue::from_static("github.v3; format=json"));
    headers.insert("x-github-api-version-selected", HeaderValue::from_static("2022-11-28"));
    response
}

fn utf8() -> HeaderValue {
    HeaderValue::from_static("application/json; charset=utf-8")
}
