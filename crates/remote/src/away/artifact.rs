//! Sends an artifact to the server, and passes the server's lines on.

use super::{
    ask::in_words,
    link::{Link, LinkFault, accepted, lost},
};
use crate::protocol::{
    At,
    artifact::{LINE, Line},
};
use anyhow::{Context, Result, anyhow, bail};
use futures_util::StreamExt;
use http::Method;
use kozmic_model::job::Attempt;
use kozmic_runner::coordinator::{AnswerLost, Archive, Published};
use reqwest::{Body, Response};
use std::time::Duration;
use tokio::{sync::mpsc, time::timeout};

/// Longest time without a line. The server sends a sign of life every few seconds.
const SILENCE: Duration = Duration::from_secs(30);

/// Publishes an artifact on the server. The archive is read once, so this is one try.
pub(super) async fn publish(
    link: &Link,
    attempt: Attempt,
    archive: Archive,
    words: mpsc::Sender<String>,
) -> Result<Published> {
    let request = link.request(Method::PUT, &At::from(attempt).path("artifact"));
    let sent = request.body(Body::wrap_stream(archive)).send().await;
    let response = match sent.map_err(lost) {
        Ok(response) => accepted(response).await,
        Err(fault) => Err(fault),
    };
    match response {
        Ok(response) => answer(response, words).await,
        Err(LinkFault::Lost(fault)) => Err(fault.context(AnswerLost)),
        Err(fault) => Err(in_words(fault)),
    }
}

/// The result, from the last line of the answer.
async fn answer(response: Response, words: mpsc::Sender<String>) -> Result<Published> {
    let (mut stream, mut rest) = (response.bytes_stream(), Vec::new());
    loop {
        let more =
            timeout(SILENCE, stream.next()).await.context("the server was silent").context(AnswerLost)?;
        let more = more.ok_or_else(|| anyhow!("the server hung up")).context(AnswerLost)?;
        rest.extend_from_slice(&more.context(AnswerLost)?);
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let line = rest.drain(..=end).collect::<Vec<_>>();
            if line.len() == 1 {
                continue;
            }
            match serde_json::from_slice(&line).context("a line of the server cannot be read")? {
                // If nobody wants the words, the result still counts.
                Line::Words(line) => drop(words.send(line).await),
                Line::Published(name) => return Ok(Published::As(name)),
                Line::Refused(why) => return Ok(Published::Refused(why)),
                Line::Error(fault) => bail!(fault),
            }
        }
        anyhow::ensure!(rest.len() <= LINE, "a line of the server is longer than {LINE} bytes");
    }
}
