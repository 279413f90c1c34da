//! A job's whole log as text, for people without an account and for programs: of a job's number, or of the newest job
//! of a branch.

use super::sight::{Onlooker, Program};
use crate::{
    address::{Ask, At},
    app::Shared,
    error::WebError,
    log_text,
};
use axum::{
    body::{Body, Bytes},
    extract::State,
    http::{
        HeaderMap,
        header::{CONTENT_DISPOSITION, CONTENT_TYPE},
    },
    response::{IntoResponse, Response},
};
use futures_util::{Stream, stream};
use kozmic_edges::{logs::LogReader, store::Monitored};
use kozmic_model::{
    git::GitRef,
    ids::JobId,
    terminal::{self, Terminal},
};
use serde::Deserialize;

/// Number of bytes that are read from the log at once. A few bytes may move the cursor far to the right, so their text
/// may be much larger.
const PIECE: usize = 64 * 1024;

/// The form in which the log is wanted.
#[derive(Deserialize)]
pub(crate) struct Wanted {
    /// Set if `raw` is in the query, with any value: the log's bytes are sent unchanged.
    raw: Option<String>,
}

/// `GET /report/<job>?raw`
pub(crate) async fn report(
    State(app): State<Shared>,
    onlooker: Onlooker,
    At(job): At<JobId>,
    Ask(wanted): Ask<Wanted>,
    headers: HeaderMap,
) -> Result<Response, WebError> {
    let job = app.edges.store.builds().monitored_job(job).await?;
    answer(&app, &onlooker, job, &wanted, &headers).await
}

/// `GET /build/logs/<owner>/<name>/<branch…>?raw`
pub(crate) async fn of_branch(
    State(app): State<Shared>,
    Program(onlooker): Program,
    At((owner, name, branch)): At<(String, String, String)>,
    Ask(wanted): Ask<Wanted>,
    headers: HeaderMap,
) -> Result<Response, WebError> {
    let store = &app.edges.store;
    let project = store.projects().project_named(&owner, &name).await?.ok_or(WebError::NotFound)?;
    let branch = GitRef::Branch(branch.trim_end_matches('/').to_owned());
    let job = store.builds().last_monitored(project.id, &branch).await?;
    answer(&app, &onlooker, job, &wanted, &headers).await
}

async fn answer(
    app: &Shared,
    onlooker: &Onlooker,
    job: Option<Monitored>,
    wanted: &Wanted,
    headers: &HeaderMap,
) -> Result<Response, WebError> {
    let seen = job.filter(|job| onlooker.sight.includes(&job.project)).ok_or(WebError::NotFound)?;
    let attempt = seen.job.shown_attempt();
    if wanted.raw.is_some() {
        return log_text::of(&app.edges.logs, attempt, headers).await;
    }
    let log = app.edges.logs.reader(attempt);
    let length = log.len().await?;
    let name = format!("inline; filename=\"report-{}.txt\"", seen.job.id);
    let about = [(CONTENT_TYPE, "text/plain; charset=utf-8"), (CONTENT_DISPOSITION, name.as_str())];
    Ok((about, Body::from_stream(pieces(log, length))).into_response())
}

/// The text of the log up to `length`, piece by piece, as fast as the client reads it.
fn pieces(log: LogReader, length: u64) -> impl Stream<Item = anyhow::Result<Bytes>> {
    let start = (log, Some(Terminal::default()), 0_u64);
    stream::try_unfold(start, move |(log, terminal, offset)| async move {
        let Some(mut terminal) = terminal else { return Ok(None) };
        if offset == length {
            let rest = Bytes::from(terminal::text(&terminal.rest()));
            return Ok(Some((rest, (log, None, offset))));
        }
        let limit = usize::try_from(length - offset).unwrap_or(PIECE).min(PIECE);
        let piece = log.read(offset, limit).await?;
        anyhow::ensure!(!piece.is_empty(), "the log became shorter while it was read");
        let text = Bytes::from(terminal::text(&terminal.read(&piece)));
        let offset = offset + piece.len() as u64;
        Ok(Some((text, (log, Some(terminal), offset))))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::TryStreamExt;
    use kozmic_edges::logs::{Logs, Source};
    use kozmic_model::{job::Attempt, time::Timestamp};

    #[tokio::test]
    async fn a_report_is_the_log_as_text_from_start_to_end() {
        let dir = tempfile::tempdir().unwrap();
        let logs = Logs::open(dir.path().into()).unwrap();
        let attempt = Attempt { job: JobId(1), number: 1 };
        let mut writer = logs.writer(attempt).await.unwrap();
        let line = "\u{1b}[32mgrün 🚀\u{1b}[0m\r\n".repeat(PIECE / 10);
        writer.append(Source::Output, line.clone().into(), Timestamp(1)).await.unwrap();
        writer.append(Source::Output, "10 %\r20 %".into(), Timestamp(1)).await.unwrap();
        let log = logs.reader(attempt);
        let length = log.len().await.unwrap();
        let text = pieces(log, length).try_collect::<Vec<_>>().await.unwrap().concat();
        assert_eq!(String::from_utf8(text).unwrap(), "grün 🚀\n".repeat(PIECE / 10) + "20 %");
        let none = pieces(logs.reader(Attempt { number: 2, ..attempt }), 0);
        assert!(none.try_collect::<Vec<_>>().await.unwrap().concat().is_empty());
    }
}
