//! Serves an artifact that is a file: whole, in part, or with the answer that it has not changed.

use super::place::is_missing;
use crate::{
    error::WebError,
    ranges::{self, Asked, Span},
};
use anyhow::Context;
use axum::{
    body::Body,
    http::{
        HeaderMap, HeaderName, Method, StatusCode,
        header::{
            CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG,
            IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, LAST_MODIFIED, RANGE,
        },
    },
    response::{IntoResponse, Response},
};
use chrono::{DateTime, Utc};
use std::{
    fs::Metadata,
    io::SeekFrom,
    os::unix::fs::MetadataExt,
    path::Path,
    time::{Duration, UNIX_EPOCH},
};
use tokio::{
    fs::File,
    io::{AsyncReadExt, AsyncSeekExt},
};
use tokio_util::io::ReaderStream;

/// Number of bytes that are read from a file at once.
const PIECE: usize = 128 * 1024;

/// Headers that make browsers save the file, and never take it for a page of this server.
const MANNERS: [(HeaderName, &str); 4] = [
    (CONTENT_TYPE, "application/octet-stream"),
    (CONTENT_DISPOSITION, "attachment"),
    (CONTENT_SECURITY_POLICY, "sandbox; default-src 'none'; frame-ancestors 'none'"),
    // A stable name may lead to another artifact tomorrow.
    (CACHE_CONTROL, "no-cache"),
];

/// The marks that distinguish one state of a file from another.
struct Version {
    /// A strong tag. Artifacts are put in place whole, so a changed file has another inode number.
    tag: String,
    /// The time of the last change in whole seconds, as in headers.
    modified: DateTime<Utc>,
}

/// The file, or the part that the request's headers ask for.
pub(super) async fn send(path: &Path, method: &Method, headers: &HeaderMap) -> Result<Response, WebError> {
    let file = match File::open(path).await {
        Ok(file) => file,
        // The file was removed after it was found.
        Err(fault) if is_missing(&fault) => return Err(WebError::NotFound),
        Err(fault) => return Err(anyhow::Error::new(fault).context("open an artifact").into()),
    };
    let metadata = file.metadata().await.context("look at an artifact")?;
    let version = Version::of(&metadata);
    let about = [(ETAG, version.tag.clone()), (LAST_MODIFIED, version.date())];
    if version.is_known(headers) {
        return Ok((StatusCode::NOT_MODIFIED, MANNERS, about).into_response());
    }
    let length = metadata.len();
    let asked = match text(headers, RANGE) {
        Some(range) if method == Method::GET && version.may_be_continued(headers) => {
            ranges::asked_for(range, length)
        }
        _ => Asked::Whole,
    };
    let (file, span) = at_its_start(file, asked).await?;
    let body = |_| Body::from_stream(ReaderStream::with_capacity(file.take(span), PIECE));
    Ok((MANNERS, about, ranges::answer(asked, length, body)).into_response())
}

/// The file at the position where reading begins, and the most bytes to read.
async fn at_its_start(mut file: File, asked: Asked) -> Result<(File, u64), WebError> {
    match asked {
        Asked::Part(Span { start, end }) => {
            file.seek(SeekFrom::Start(start)).await.context("find a place in an artifact")?;
            Ok((file, end - start))
        }
        Asked::Whole | Asked::Nothing => Ok((file, u64::MAX)),
    }
}

impl Version {
    fn of(metadata: &Metadata) -> Self {
        let (size, number) = (metadata.len(), metadata.ino());
        let (seconds, nanoseconds) = (metadata.mtime(), metadata.mtime_nsec());
        let tag = format!("\"{size:x}-{number:x}-{seconds:x}.{nanoseconds:x}\"");
        let modified = UNIX_EPOCH + Duration::from_secs(seconds.try_into().unwrap_or_default());
        Self { tag, modified: modified.into() }
    }

    /// The time in the format of headers, such as `Sat, 21 Nov 2026 09:00:00 GMT`.
    fn date(&self) -> String {
        self.modified.format("%a, %d %b %Y %H:%M:%S GMT").to_string()
    }

    /// True if the client has this version already.
    fn is_known(&self, headers: &HeaderMap) -> bool {
        let mut tags = headers.get_all(IF_NONE_MATCH).iter().peekable();
        if tags.peek().is_some() {
            let mut tags = tags.filter_map(|tags| tags.to_str().ok()).flat_map(|tags| tags.split(','));
            return tags.any(|tag| matches!(tag.trim(), "*") || weak(tag.trim()) == self.tag);
        }
        let since = text(headers, IF_MODIFIED_SINCE).and_then(date);
        since.is_some_and(|since| self.modified <= since)
    }

    /// True if the client's part of the file is of this version, so that another part of it is useful.
    fn may_be_continued(&self, headers: &HeaderMap) -> bool {
        match text(headers, IF_RANGE) {
            None => !headers.contains_key(IF_RANGE),
            Some(tag) if tag.contains('"') => tag == self.tag,
            Some(since) => date(since) == Some(self.modified),
        }
    }
}

/// A tag without the prefix of weak tags.
fn weak(tag: &str) -> &str {
    tag.strip_prefix("W/").unwrap_or(tag)
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim)
}

fn date(text: &str) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc2822(text).ok().map(|date| date.to_utc())
}
