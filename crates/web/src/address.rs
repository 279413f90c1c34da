//! Reads the parts of an address into types. A path that names nothing gives "not found", and a query that makes no
//! sense gets an explanation. Also checks addresses written by others before a page links to them.

use crate::error::WebError;
use axum::extract::{
    FromRequestParts, Path, Query,
    rejection::{PathRejection, QueryRejection},
};
use url::Url;

/// The values in an address's path.
#[derive(FromRequestParts)]
#[from_request(via(Path), rejection(WebError))]
pub(crate) struct At<T>(pub(crate) T);

/// The values in an address's query.
#[derive(FromRequestParts)]
#[from_request(via(Query), rejection(WebError))]
pub(crate) struct Ask<T>(pub(crate) T);

impl From<PathRejection> for WebError {
    fn from(_: PathRejection) -> Self {
        Self::NotFound
    }
}

impl From<QueryRejection> for WebError {
    fn from(fault: QueryRejection) -> Self {
        Self::Senseless(fault.body_text())
    }
}

/// The address as browsers read it; none if it is not http or https. Others wrote it, so a link must only lead
/// somewhere.
pub(crate) fn of_web(text: &str) -> Option<String> {
    let url = Url::parse(text).ok()?;
    matches!(url.scheme(), "http" | "https").then(|| url.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_lead_to_the_web_only() {
        for text in ["https://github.com/a/b/commit/1", "http://hub.example.org:8080/x?y#z"] {
            assert_eq!(of_web(text).unwrap(), text);
        }
        assert_eq!(of_web("https://x.example/\"><script>").unwrap(), "https://x.example/%22%3E%3Cscript%3E");
        for text in [
            "javascript:alert(1)",
            " JavaScript:alert(1)",
            "data:text/html,x",
            "//x.example",
            "/x",
            "",
            "ftp://x",
        ] {
            assert_eq!(of_web(text), None, "{text}");
        }
    }
}
