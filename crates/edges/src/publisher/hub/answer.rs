//! The answers of a hub, and their meaning. The hub's words come from outside: they become one line of limited length,
//! without a token.

use crate::publisher::PublishError;
use reqwest::{Response, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use std::time::Duration;

/// The most bytes that are read of an answer.
pub(super) const LIMIT: usize = 64 * 1024;

/// The longest time until the next piece of an answer.
const PIECE: Duration = Duration::from_secs(60);

/// The most characters of a hub's words.
const LONGEST_WORDS: usize = 500;

/// Checks that the hub reports success.
pub(super) async fn check(response: Response, place: &str, jwt: &SecretString) -> Result<(), PublishError> {
    let status = response.status();
    let body = body(response, place, LIMIT).await?;
    let json = serde_json::from_slice::<Value>(&body).ok();
    let said = json.as_ref().and_then(|json| json["status"].as_str());
    if status.is_success() && said == Some("success") {
        return Ok(());
    }
    let words = match &json {
        Some(json) => message_of(json),
        None => String::from_utf8_lossy(&body).into_owned(),
    };
    let words = one_line(&words, jwt);
    let words = match (status.is_success(), &json) {
        (true, Some(_)) => words,
        (true, None) => format!("the answer is no JSON: {words}"),
        (false, _) => format!("{words} ({status})"),
    };
    Err(failed(status, place.to_owned(), words))
}

/// The error of an answer that reports no success.
pub(super) fn failed(status: StatusCode, place: String, words: String) -> PublishError {
    match status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
        true => PublishError::Broken { place, status: status.as_u16(), words },
        false => PublishError::Refused { place, words },
    }
}

/// The error of a call without an answer.
pub(super) fn unreachable(place: String, fault: reqwest::Error) -> PublishError {
    let fault = fault.without_url();
    let mut cause = fault.to_string();
    let mut source = std::error::Error::source(&fault);
    while let Some(inner) = source {
        cause = format!("{cause}: {inner}");
        source = inner.source();
    }
    PublishError::Unreachable { place, cause }
}

/// The beginning of an answer's body.
pub(super) async fn body(mut response: Response, place: &str, limit: usize) -> Result<Vec<u8>, PublishError> {
    let late = |_| PublishError::Unreachable {
        place: place.to_owned(),
        cause: format!("its answer stopped for {} s", PIECE.as_secs()),
    };
    let mut body = Vec::new();
    while body.len() < limit {
        let piece = tokio::time::timeout(PIECE, response.chunk()).await.map_err(late)?;
        let Some(piece) = piece.map_err(|fault| unreachable(place.to_owned(), fault))? else { break };
        body.extend_from_slice(&piece[..piece.len().min(limit - body.len())]);
    }
    Ok(body)
}

/// The hub's words as one line of at most 500 characters, without the token.
pub(super) fn one_line(words: &str, jwt: &SecretString) -> String {
    let words = words.replace(jwt.expose_secret(), "[token]");
    let escape = |letter: char| match letter {
        '"' | '\'' | '\\' => vec![letter],
        letter if letter.is_whitespace() => vec![' '],
        letter => letter.escape_debug().collect(),
    };
    let line = words.trim().chars().flat_map(escape).take(LONGEST_WORDS).collect::<String>();
    if line.is_empty() { "no words".to_owned() } else { line }
}

/// The hub's reason, else the whole answer.
fn message_of(json: &Value) -> String {
    let reasons = ["message", "error", "reason"].iter().filter_map(|key| json[key].as_str());
    reasons.into_iter().find(|reason| !reason.is_empty()).map_or_else(|| json.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_one_line_without_token() {
        let jwt = SecretString::from("s3cret.jwt");
        assert_eq!(
            one_line(" a\r\n\tb \"c\" s3cret.jwt\u{7}\u{202e} ", &jwt),
            "a   b \"c\" [token]\\u{7}\\u{202e}"
        );
        assert_eq!(one_line(&"é".repeat(1000), &jwt).chars().count(), 500);
        assert_eq!(one_line("\n", &jwt), "no words");
    }

    #[test]
    fn a_reason_is_looked_for_in_several_places() {
        for (json, reason) in [
            (r#"{"status":"error","message":"too big"}"#, "too big"),
            (r#"{"error":"nobody"}"#, "nobody"),
            (r#"{"message":""}"#, r#"{"message":""}"#),
            ("[1]", "[1]"),
        ] {
            assert_eq!(message_of(&serde_json::from_str(json).unwrap()), reason);
        }
    }
}
