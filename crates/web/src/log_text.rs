//! A job's log as an answer: whole, or the range that was asked for. Pages and the API give it alike.

use crate::error::WebError;
use axum::{
    body::{Body, Bytes},
    http::{
        HeaderMap, StatusCode,
        header::{ACCEPT_RANGES, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, RANGE},
    },
    response::{IntoResponse, Response},
};
use futures_util::{Stream, stream};
use kozmic_edges::logs::{LogReader, Logs};
use kozmic_model::job::Attempt;

/// How much is read from the log at once, in bytes.
const PIECE: u64 = 256 * 1024;

/// The bytes to send, from `start` to before `end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    start: u64,
    end: u64,
}

/// What a `Range` header asks for.
#[derive(Debug, PartialEq, Eq)]
enum Asked {
    Whole,
    Part(Span),
    Nothing,
}

/// What an attempt printed, as far as the request's headers ask for it.
pub(crate) async fn of(logs: &Logs, attempt: Attempt, headers: &HeaderMap) -> Result<Response, WebError> {
    let log = logs.reader(attempt);
    let length = log.len().await?;
    let asked = headers.get(RANGE).and_then(|range| range.to_str().ok());
    let name = format!("inline; filename=\"job-{}-{}.log\"", attempt.job, attempt.number);
    let about = [(CONTENT_TYPE, "text/plain; charset=utf-8"), (CONTENT_DISPOSITION, name.as_str())];
    let asked = asked.map_or(Asked::Whole, |text| asked_for(text, length));
    Ok((about, answer(log, asked, length)).into_response())
}

fn answer(log: LogReader, asked: Asked, length: u64) -> Response {
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
    let body = Body::from_stream(pieces(log, span));
    let mut response = (status, headers, body).into_response();
    told.and_then(|told| told.parse().ok()).map(|told| response.headers_mut().insert(CONTENT_RANGE, told));
    response
}

/// The log's bytes, piece by piece, as fast as they are taken.
fn pieces(log: LogReader, span: Span) -> impl Stream<Item = anyhow::Result<Bytes>> {
    stream::try_unfold((log, span), |(log, Span { start, end })| async move {
        if start >= end {
            return Ok(None);
        }
        let limit = usize::try_from((end - start).min(PIECE)).unwrap_or(usize::MAX);
        let piece = log.read(start, limit).await?;
        anyhow::ensure!(!piece.is_empty(), "the log became shorter while it was read");
        let start = start + piece.len() as u64;
        Ok(Some((piece, (log, Span { start, end }))))
    })
}

/// What the header asks for of a log of this length. What we do not understand asks for the whole.
fn asked_for(range: &str, length: u64) -> Asked {
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
