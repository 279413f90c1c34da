//! GitHub's deliveries as requests: the headers, the signature, the limits.

use super::payload::body::{DeliveryBody, payload};
use crate::forge::{DeliveryLimits, Interest, Proof, ReadDelivery, RefusedDelivery};
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, header};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;
use std::time::Duration;

/// GitHub sends no larger payload, and gives up on an answer after ten seconds.
pub(super) const LIMITS: DeliveryLimits =
    DeliveryLimits { body: 25 * 1024 * 1024, answer: Duration::from_secs(10) };

const SIGNATURE: &str = "X-Hub-Signature-256";
const UUID: &str = "X-GitHub-Delivery";
const EVENT: &str = "X-GitHub-Event";

/// The longest header that is believed, in bytes.
const LONGEST: usize = 100;

/// The event of a push, and the only one that the Auto Builder needs.
const PUSH: &str = "push";

/// The events that a webhook is told to send.
pub(super) fn wanted(interest: Interest) -> &'static [&'static str] {
    match interest {
        Interest::Pushes => &[PUSH],
        Interest::PushesAndPulls => &[PUSH, "pull_request"],
    }
}

/// True if anything comes of an event.
pub(super) fn is_of_use(event: &str, interest: Interest) -> bool {
    let moves = ["repository", "member", "membership", "team_add", "public"];
    wanted(interest).contains(&event) || interest == Interest::PushesAndPulls && moves.contains(&event)
}

pub(super) fn proof(headers: &HeaderMap) -> Result<Proof, RefusedDelivery> {
    let missing = || {
        let words = format!(
            "the header {SIGNATURE} is missing: give the webhook its secret by restoring it in Kozmic, or by hand"
        );
        RefusedDelivery::Unproven(words)
    };
    text(headers, SIGNATURE).map(|signature| Proof(signature.into())).ok_or_else(missing)
}

pub(super) fn check(
    Proof(signature): &Proof,
    secret: &SecretString,
    body: &[u8],
) -> Result<(), RefusedDelivery> {
    match signature_holds(secret.expose_secret(), body, signature.expose_secret()) {
        true => Ok(()),
        false => Err(RefusedDelivery::Unproven(format!(
            "the signature in {SIGNATURE} does not fit: the webhook's secret is not the one that Kozmic has"
        ))),
    }
}

pub(super) fn delivery(headers: &HeaderMap, bytes: Vec<u8>) -> Result<ReadDelivery, RefusedDelivery> {
    let named = |name: &str| {
        let words = format!(
            "the header {name} is missing, empty, longer than {LONGEST} bytes, or not text: GitHub always sends it"
        );
        text(headers, name).ok_or(RefusedDelivery::Malformed(words))
    };
    let (uuid, event) = (named(UUID)?, named(EVENT)?);
    let said = |name: header::HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let body = DeliveryBody {
        content_type: said(header::CONTENT_TYPE),
        content_encoding: said(header::CONTENT_ENCODING),
        bytes,
    };
    Ok(ReadDelivery { uuid, event, payload: payload(body)? })
}

/// The text of a header. None if it is missing, or no name that GitHub would send.
fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    let value = headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    value.filter(|text| (1..=LONGEST).contains(&text.len())).map(str::to_owned)
}

fn signature_holds(secret: &str, body: &[u8], signature: &str) -> bool {
    let expected = signature.strip_prefix("sha256=").and_then(|digits| hex::decode(digits).ok());
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes a key of any length");
    mac.update(body);
    expected.is_some_and(|expected| mac.verify_slice(&expected).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn githubs_own_example_signature_holds() {
        let body = b"Hello, World!";
        let signature = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
        assert!(signature_holds("It's a Secret to Everybody", body, signature));
        assert!(!signature_holds("It's a Secret to Everybody", b"Hello, World?", signature));
        assert!(!signature_holds("another", body, signature));
        assert!(!signature_holds("It's a Secret to Everybody", body, &signature[7..]));
        assert!(!signature_holds("It's a Secret to Everybody", body, "sha256="));
    }

    #[test]
    fn headers_that_are_no_names_are_refused() {
        let mut headers = HeaderMap::new();
        assert_eq!(text(&headers, EVENT), None);
        headers.insert(EVENT, " push ".parse().unwrap());
        assert_eq!(text(&headers, EVENT).as_deref(), Some("push"));
        headers.insert(EVENT, HeaderValue::from_bytes(b"p\xffsh").unwrap());
        assert_eq!(text(&headers, EVENT), None);
        headers.insert(EVENT, "x".repeat(101).parse().unwrap());
        assert_eq!(text(&headers, EVENT), None);
    }

    #[test]
    fn a_webhook_is_of_use_beyond_what_it_is_made_for() {
        for event in ["push", "pull_request", "member", "public"] {
            assert!(is_of_use(event, Interest::PushesAndPulls), "{event}");
        }
        assert!(is_of_use("push", Interest::Pushes) && !is_of_use("pull_request", Interest::Pushes));
        assert!(!is_of_use("star", Interest::PushesAndPulls) && !is_of_use("member", Interest::Pushes));
    }
}
