//! Serves a job's log, whole or the requested range, for pages and the API alike.

use crate::{
    app::Shared,
    error::WebError,
    ranges::{self, Asked, Span},
};
use axum::{
    body::{Body, Bytes},
    http::{
        HeaderMap,
        header::{CONTENT_DISPOSITION, CONTENT_TYPE, RANGE},
    },
    response::{IntoResponse, Response},
};
use futures_util::{Stream, stream};
use kozmic_edges::{
    clock,
    logs::{LogReader, Logs},
};
use kozmic_model::job::{Attempt, Job};

/// Number of bytes that are read from the log at once.
const PIECE: u64 = 256 * 1024;

/// The note in place of a log that is no longer kept; none if there is a log, or if none is missing.
pub(crate) async fn forgotten(app: &Shared, job: &Job) -> Result<Option<String>, WebError> {
    let Some(kept) = app.retention.logs else { return Ok(None) };
    let is_old = job.finished_at.is_some_and(|ended| clock::now().since(ended) > kept);
    if !is_old || app.edges.logs.reader(job.shown_attempt()).len().await? > 0 {
        return Ok(None);
    }
    let days = match kept.as_secs() / 86_400 {
        1 => "a day".to_owned(),
        days => format!("{days} days"),
    };
    Ok(Some(format!("This log is not kept any more: logs are kept here for {days}.")))
}

/// The log of an attempt, or the part that the request's headers ask for.
pub(crate) async fn of(logs: &Logs, attempt: Attempt, headers: &HeaderMap) -> Result<Response, WebError> {
    let log = logs.reader(attempt);
    let length = log.len().await?;
    let asked = headers.get(RANGE).and_then(|range| range.to_str().ok());
    let name = format!("inline; filename=\"job-{}-{}.log\"", attempt.job, attempt.number);
    let about = [(CONTENT_TYPE, "text/plain; charset=utf-8"), (CONTENT_DISPOSITION, name.as_str())];
    let asked = asked.map_or(Asked::Whole, |text| ranges::asked_for(text, length));
    let answer = ranges::answer(asked, length, |span| Body::from_stream(pieces(log, span)));
    Ok((about, answer).into_response())
}

/// The log's bytes, piece by piece, as fast as the client reads them.
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
