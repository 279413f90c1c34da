//! A delivery's body: JSON, or a form with JSON in it. A form is GitHub's first offer to people who make a webhook by
//! hand.

use super::cut;
use crate::forge::RefusedDelivery;
use percent_encoding::percent_decode;
use serde::de::IgnoredAny;

/// The field of a form that has the payload.
const FIELD: &[u8] = b"payload";

/// The most bytes of a header that are repeated in a reason.
const WORD_LIMIT: usize = 100;

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";

/// A delivery's body, and what its headers say of it.
pub(in crate::forge::github) struct DeliveryBody<'a> {
    /// The kind that the headers name.
    pub(in crate::forge::github) content_type: Option<&'a str>,
    /// The packing that the headers name.
    pub(in crate::forge::github) content_encoding: Option<&'a str>,
    /// The bytes as they came.
    pub(in crate::forge::github) bytes: Vec<u8>,
}

/// The payload of a delivery: JSON in UTF-8, whatever it says. Time and space grow only in line with the body.
pub(in crate::forge::github) fn payload(body: DeliveryBody<'_>) -> Result<Vec<u8>, RefusedDelivery> {
    let DeliveryBody { content_type, content_encoding, bytes } = body;
    if let Some(encoding) = content_encoding.filter(|encoding| !encoding.eq_ignore_ascii_case("identity")) {
        let encoding = word(encoding);
        let words =
            format!("the content encoding \"{encoding}\" is not understood: send the payload without one");
        return Err(RefusedDelivery::Kind(words));
    }
    let payload = match kind(content_type.unwrap_or(JSON))? {
        Kind::Json => bytes,
        Kind::Form => field(&bytes)?,
    };
    check(&payload).map_err(RefusedDelivery::Malformed)?;
    Ok(payload)
}

enum Kind {
    Json,
    Form,
}

/// The kind that a content type names. GitHub names no charset. If there is one, it has to be the one of JSON.
fn kind(content_type: &str) -> Result<Kind, RefusedDelivery> {
    let mut parts = content_type.split(';').map(str::trim);
    let name = parts.next().unwrap_or_default();
    let charset = parts.filter_map(|part| part.split_once('=')).find(|(name, _)| is(name, "charset"));
    if let Some((_, charset)) = charset {
        let charset = charset.trim().trim_matches('"');
        if !["utf-8", "utf8", "us-ascii"].iter().any(|known| is(charset, known)) {
            let words = format!("the charset \"{}\" is not understood: a payload is UTF-8", word(charset));
            return Err(RefusedDelivery::Kind(words));
        }
    }
    match name {
        name if is(name, JSON) => Ok(Kind::Json),
        name if is(name, FORM) => Ok(Kind::Form),
        other => Err(RefusedDelivery::Kind(format!(
            "the content type \"{}\" is not understood: choose {JSON} in the webhook's settings",
            word(other)
        ))),
    }
}

fn is(text: &str, known: &str) -> bool {
    text.trim().eq_ignore_ascii_case(known)
}

pub(super) fn word(text: &str) -> String {
    cut(text.to_owned(), WORD_LIMIT)
}

/// The one field of a form that has the payload.
fn field(form: &[u8]) -> Result<Vec<u8>, RefusedDelivery> {
    let pairs = form.split(|byte| *byte == b'&').map(|pair| {
        let end = pair.iter().position(|byte| *byte == b'=').unwrap_or(pair.len());
        (&pair[..end], pair.get(end + 1..).unwrap_or_default())
    });
    let mut found = pairs.filter(|(name, _)| decoded(name) == FIELD).map(|(_, value)| value);
    let fault = |words: &str| RefusedDelivery::Malformed(words.to_owned());
    let value = found.next().ok_or_else(|| {
        fault("the form has no field \"payload\": choose application/json in the webhook's settings")
    })?;
    match found.next() {
        Some(_) => {
            Err(fault("the form has the field \"payload\" more than once: which one counts is not clear"))
        }
        None => Ok(decoded(value)),
    }
}

fn decoded(text: &[u8]) -> Vec<u8> {
    let spaced = text.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect::<Vec<_>>();
    percent_decode(&spaced).collect()
}

/// Checks that a payload is JSON, and gives the fault otherwise. Serde uses no recursion for values that it ignores, so
/// a deep payload is no danger.
fn check(payload: &[u8]) -> Result<(), String> {
    if payload.trim_ascii().is_empty() {
        return Err("the payload is empty".to_owned());
    }
    if let Err(fault) = std::str::from_utf8(payload) {
        return Err(format!("the payload is not UTF-8, as JSON is, from byte {} on", fault.valid_up_to()));
    }
    match serde_json::from_slice::<IgnoredAny>(payload) {
        Ok(_) => Ok(()),
        Err(fault) => Err(format!("the payload is no JSON: {fault}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(content_type: &str, body: &[u8]) -> Result<Vec<u8>, String> {
        let content_type = Some(content_type).filter(|text| !text.is_empty());
        let body = DeliveryBody { content_type, content_encoding: None, bytes: body.to_vec() };
        payload(body).map_err(|fault| fault.to_string())
    }

    #[test]
    fn a_form_and_its_json_are_the_same_payload() {
        let json = r#"{"a": "ü&=+%", "b": [1, 2]}"#;
        let form = url::form_urlencoded::Serializer::new(String::new()).append_pair("payload", json).finish();
        for (kind, body) in [
            ("", json),
            (JSON, json),
            ("Application/JSON ; Charset=\"UTF-8\"", json),
            (FORM, form.as_str()),
            ("application/x-www-form-urlencoded;charset=utf-8", form.as_str()),
            (FORM, format!("other=1&{form}&").as_str()),
            (FORM, form.replace("payload", "p%61yload").as_str()),
        ] {
            assert_eq!(read(kind, body.as_bytes()).unwrap(), json.as_bytes(), "{kind} {body}");
        }
    }

    #[test]
    fn a_body_that_can_never_be_read_is_named_with_what_would_be_right() {
        for (kind, body, words) in [
            ("text/plain", &b"{}"[..], "\"text/plain\" is not understood: choose application/json"),
            ("multipart/form-data; boundary=x", b"{}", "\"multipart/form-data\" is not understood"),
            ("application/json; charset=utf-16", b"{}", "\"utf-16\" is not understood: a payload is UTF-8"),
            (FORM, b"{}", "no field \"payload\""),
            (FORM, b"", "no field \"payload\""),
            (FORM, b"payload={}&payload={}", "more than once"),
            (FORM, b"payload", "is empty"),
            (FORM, b"payload=%ff", "not UTF-8, as JSON is, from byte 0 on"),
            (FORM, b"payload=%7", "no JSON"),
            (JSON, b"payload=%7B%7D", "no JSON: expected value at line 1"),
            (JSON, b"", "is empty"),
            (JSON, b" \n", "is empty"),
            (JSON, b"{} {}", "no JSON: trailing characters"),
            (JSON, b"{\"a\": \"\xff\"}", "from byte 7 on"),
            (JSON, b"\xef\xbb\xbf{}", "no JSON"),
        ] {
            let fault = read(kind, body).unwrap_err();
            assert!(fault.contains(words), "{kind} {}: {fault}", String::from_utf8_lossy(body));
        }
        let gzip = DeliveryBody { content_type: None, content_encoding: Some("gzip"), bytes: b"{}".to_vec() };
        assert!(payload(gzip).unwrap_err().to_string().contains("\"gzip\""));
        let endless = read(&"ü".repeat(10_000), b"{}").unwrap_err();
        assert!(endless.len() < 300, "{endless}");
    }

    #[test]
    fn what_is_deep_or_many_is_read_in_one_go() {
        let deep = [vec![b'['; 1_000_000], vec![b']'; 1_000_000]].concat();
        assert!(read(JSON, &deep).is_ok());
        assert!(read(JSON, &deep[..1_000_000]).unwrap_err().contains("no JSON"));
        assert!(read(FORM, &vec![b'&'; 1_000_000]).unwrap_err().contains("no field"));
        assert!(read(FORM, &b"payload=&".repeat(100_000)).unwrap_err().contains("more than once"));
        assert!(read(FORM, &vec![b'%'; 1_000_000]).unwrap_err().contains("no field"));
    }
}
