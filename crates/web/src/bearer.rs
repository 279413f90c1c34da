//! The token with which a program makes a request.

use axum::http::{HeaderMap, header::AUTHORIZATION};
use secrecy::SecretString;

/// The token in a request's header.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<SecretString> {
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
            bearer(&headers).map(|token| token.expose_secret().to_owned())
        };
        assert_eq!(read("Bearer kozmic_1").as_deref(), Some("kozmic_1"));
        assert_eq!(read("bearer  kozmic_1").as_deref(), Some("kozmic_1"));
        assert_eq!(read("Basic abc"), None);
        assert_eq!(read("kozmic_1"), None);
        assert!(bearer(&HeaderMap::new()).is_none());
    }
}
