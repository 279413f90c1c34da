//! Headers in every answer that tell browsers to load nothing from elsewhere, guess no types and keep nothing.

use crate::app::Shared;
use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, header},
    middleware::Next,
    response::Response,
};

/// All scripts, styles, pictures and connections come from this server. Nothing is inline, and no other page may frame
/// it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

const ALWAYS: [(HeaderName, &str); 3] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
];

/// Headers that an answer may override. A badge may be kept, and pages of others may show it. The output of a
/// stranger's script may do even less than a page.
const UNLESS_SAID: [(HeaderName, &str); 3] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::CACHE_CONTROL, "no-store"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// Makes browsers use only https for this host, for a year after each answer. Subdomains are not included: they may
/// belong to others.
const BY_HTTPS: &str = "max-age=31536000";

/// Adds the headers to an answer. Pages are not kept by browsers, and an answer that may be kept says so itself.
pub(crate) async fn secure(State(app): State<Shared>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    complete(response.headers_mut(), app.face.is_secure());
    response
}

/// Adds the same headers for the set-up, which is no server yet and is reached without https.
pub(crate) async fn secure_plainly(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    complete(response.headers_mut(), false);
    response
}

fn complete(headers: &mut HeaderMap, is_secure: bool) {
    if is_secure {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static(BY_HTTPS));
    }
    for (name, value) in ALWAYS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    for (name, value) in UNLESS_SAID {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::trial::Trial;
    use axum::body::Body;

    #[test]
    fn an_answer_is_not_kept_unless_it_says_so() {
        let mut headers = HeaderMap::new();
        complete(&mut headers, false);
        assert_eq!(headers[header::CACHE_CONTROL], "no-store");
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("immutable"));
        complete(&mut headers, false);
        assert_eq!(headers[header::CACHE_CONTROL], "immutable");
    }

    #[tokio::test]
    async fn browsers_are_bound_to_https_only_where_the_server_is_reached_by_it() {
        let trial = Trial::plain().await;
        for address in ["/", "/nothing", "/healthz", "/api/v1/user", "/static/page.js"] {
            let answer = trial.ask(Request::get(address).body(Body::empty()).unwrap()).await;
            assert_eq!(answer.header("strict-transport-security"), "max-age=31536000", "{address}");
        }
        let mut headers = HeaderMap::new();
        complete(&mut headers, false);
        assert!(!headers.contains_key(header::STRICT_TRANSPORT_SECURITY));
    }

    #[test]
    fn nothing_inline_and_nothing_foreign_is_allowed() {
        assert!(!POLICY.contains("unsafe") && !POLICY.contains("http") && !POLICY.contains('*'));
    }
}
