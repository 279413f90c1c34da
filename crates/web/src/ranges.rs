//! The bytes that a request asks for by the header `Range` (RFC 9110, section 14).

use axum::{
    body::Body,
    http::{
        StatusCode,
        header::{ACCEPT_RANGES, CONTENT_LENGTH, CONTENT_RANGE},
    },
    response::{IntoResponse, Response},
};

/// The bytes to send, from `start` to before `end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: u64,
    pub(crate) end: u64,
}

/// The part that a `Range` header asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// The whole.
    Whole,
    /// A part.
    Part(Span),
    /// A part that does not exist.
    Nothing,
}

/// The part that the header asks for, for a length in bytes. A header that is not understood asks for the whole.
pub(crate) fn asked_for(range: &str, length: u64) -> Asked {
    let Some((first, last)) = range.strip_prefix("bytes=").and_then(|rest| rest.split_once('-')) else {
        return Asked::Whole;
    };
    let span = match (first.trim().parse::<u64>(), last.trim()) {
        (Ok(start), "") => Some(Span { start, end: length }),
        (Ok(start), last) => match last.parse::<u64>() {
            Ok(last) if last >= start => Some(Span { start, end: last.saturating_add(1).min(length) }),
            _ => None,
        },
        (Err(_), last) if first.trim().is_empty() => {
            last.parse::<u64>().ok().map(|count| Span { start: length.saturating_sub(count), end: length })
        }
        (Err(_), _) => None,
    };
    match span {
        None => Asked::Whole,
        Some(span) if span.start < span.end => Asked::Part(span),
        Some(_) => Asked::Nothing,
    }
}

/// The answer with the requested part, for this whole length; `body` makes the bytes of a span.
pub(crate) fn answer(asked: Asked, length: u64, body: impl FnOnce(Span) -> Body) -> Response {
    let (status, span, told) = match asked {
        Asked::Whole => (StatusCode::OK, Span { start: 0, end: length }, None),
        Asked::Part(span) => {
            let told = format!("bytes {}-{}/{length}", span.start, span.end - 1);
            (StatusCode::PARTIAL_CONTENT, span, Some(told))
        }
        Asked::Nothing => {
            let told = [(CONTENT_RANGE, format!("bytes */{length}"))];
            return (StatusCode::RANGE_NOT_SATISFIABLE, told).into_response();
        }
    };
    let size = (span.end - span.start).to_string();
    let headers = [(CONTENT_LENGTH, size.as_str()), (ACCEPT_RANGES, "bytes")];
    let mut response = (status, headers, body(span)).into_response();
    told.and_then(|told| told.parse().ok()).map(|told| response.headers_mut().insert(CONTENT_RANGE, told));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_the_standard_says() {
        let part = |start, end| Asked::Part(Span { start, end });
        assert_eq!(asked_for("bytes=0-9", 100), part(0, 10));
        assert_eq!(asked_for("bytes=90-", 100), part(90, 100));
        assert_eq!(asked_for("bytes=-10", 100), part(90, 100));
        assert_eq!(asked_for("bytes=-1000", 100), part(0, 100));
        assert_eq!(asked_for("bytes=50-1000", 100), part(50, 100));
        assert_eq!(asked_for("bytes=100-", 100), Asked::Nothing);
        assert_eq!(asked_for("bytes=-0", 100), Asked::Nothing);
        assert_eq!(asked_for("bytes=0-", 0), Asked::Nothing);
    }

    #[test]
    fn what_is_not_understood_asks_for_the_whole() {
        for range in ["lines=1-2", "bytes=9-1", "bytes=a-b", "bytes=0-1,5-6", "bytes=", "bytes=-"] {
            assert_eq!(asked_for(range, 100), Asked::Whole, "{range}");
        }
    }
}
