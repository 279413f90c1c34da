//! A repository as a runner's git fetches it: the questions of git's protocol over HTTP, answered out of the mirror.

use super::{
    Server,
    caller::{Caller, GitCaller},
    refusal::Refusal,
};
use crate::protocol::LARGEST_BODY;
use axum::{
    body::{Body, Bytes, to_bytes},
    extract::{Path, Query, State},
    response::{IntoResponse, Response},
};
use bytes::Buf;
use flate2::read::MultiGzDecoder;
use futures_util::stream;
use http::{
    HeaderMap, StatusCode,
    header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, WWW_AUTHENTICATE},
};
use kozmic_edges::git::{Answer, Question, Shown};
use kozmic_model::{ids::JobId, job::Attempt};
use kozmic_runner::order::Order;
use serde::Deserialize;
use std::{io::Read, sync::Arc};

/// The only service: runners fetch, and push nothing.
const SERVICE: &str = "git-upload-pack";

/// The header in which git names the version of its protocol.
const GIT_PROTOCOL: &str = "git-protocol";

/// The largest question, unpacked, in bytes.
const QUESTION: u64 = 4 * 1024 * 1024;

#[derive(Deserialize)]
pub(super) struct Asked {
    service: Option<String>,
}

/// `GET jobs/{job}/attempts/{attempt}/repository.git/info/refs?service=git-upload-pack`
pub(super) async fn refs(
    State(server): State<Arc<Server>>,
    Path(of): Path<(i64, i32)>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
    caller: Result<GitCaller, Refusal>,
) -> Response {
    let answer = async {
        let GitCaller(caller) = caller?;
        let order = caller.current(attempt(of)).await?;
        if asked.service.as_deref() != Some(SERVICE) {
            return Err(Refusal::invalid(format!("only {SERVICE} is served")));
        }
        server.fetched(&caller, &order).await?;
        let protocol = protocol(&headers);
        let head = match protocol.as_deref() {
            Some("version=2") => Bytes::new(),
            _ => Bytes::from_static(b"001e# service=git-upload-pack\n0000"),
        };
        let answer = server.ask(&caller, &order, protocol, Question::Refs).await?;
        Ok(stream_of(Some(head), answer, "application/x-git-upload-pack-advertisement"))
    };
    answer.await.unwrap_or_else(|refusal: Refusal| in_gits_words(&refusal))
}

/// `POST jobs/{job}/attempts/{attempt}/repository.git/git-upload-pack`
pub(super) async fn upload_pack(
    State(server): State<Arc<Server>>,
    Path(of): Path<(i64, i32)>,
    headers: HeaderMap,
    caller: Result<GitCaller, Refusal>,
    body: Body,
) -> Response {
    let answer = async {
        let GitCaller(caller) = caller?;
        let order = caller.current(attempt(of)).await?;
        // A body is held for a known runner only.
        let body = to_bytes(body, LARGEST_BODY).await;
        let body = body.map_err(|fault| Refusal::invalid(format!("the question cannot be read: {fault}")))?;
        let question = Question::Body(unpacked(&headers, body)?);
        let answer = server.ask(&caller, &order, protocol(&headers), question).await?;
        Ok(stream_of(None, answer, "application/x-git-upload-pack-result"))
    };
    answer.await.unwrap_or_else(|refusal: Refusal| in_gits_words(&refusal))
}

impl Server {
    async fn ask(
        &self,
        caller: &Caller,
        order: &Order,
        protocol: Option<String>,
        question: Question,
    ) -> Result<Answer, Refusal> {
        let permit = self.gits.take(&caller.runner).await;
        let shown = Shown { project: order.project, git_ref: order.git_ref.clone(), protocol };
        let answer = self.registry.mirrors().serve(shown, question, permit).await;
        Ok(answer.map_err(anyhow::Error::from)?)
    }
}

fn attempt((job, number): (i64, i32)) -> Attempt {
    Attempt { job: JobId(job), number }
}

/// The version of git's protocol, if it is in git's own words.
fn protocol(headers: &HeaderMap) -> Option<String> {
    let protocol = headers.get(GIT_PROTOCOL)?.to_str().ok()?;
    let is_word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"=:-".contains(&byte);
    (protocol.len() <= 64 && protocol.bytes().all(is_word)).then(|| protocol.to_owned())
}

/// The body, which git sends packed if it is long.
fn unpacked(headers: &HeaderMap, body: Bytes) -> Result<Bytes, Refusal> {
    match headers.get(CONTENT_ENCODING).map(|encoding| encoding.as_bytes()) {
        None => Ok(body),
        Some(b"gzip" | b"x-gzip") => {
            let mut all = Vec::new();
            let mut unpacking = MultiGzDecoder::new(body.reader()).take(QUESTION + 1);
            let read = unpacking.read_to_end(&mut all);
            read.map_err(|fault| Refusal::invalid(format!("the body cannot be unpacked: {fault}")))?;
            match all.len() as u64 <= QUESTION {
                true => Ok(all.into()),
                false => Err(Refusal::invalid("the body is too large")),
            }
        }
        Some(_) => Err(Refusal::invalid("the body is packed in an unknown way")),
    }
}

/// The answer as the body of a response.
fn stream_of(head: Option<Bytes>, answer: Answer, kind: &'static str) -> Response {
    let rest = stream::unfold(answer, async |mut answer| answer.recv().await.map(|chunk| (chunk, answer)));
    let all = stream::StreamExt::chain(stream::iter(head.map(Ok)), rest);
    ([(CONTENT_TYPE, kind), (CACHE_CONTROL, "no-cache")], Body::from_stream(all)).into_response()
}

/// A refusal as git shows it to people: text, which it repeats after `remote:`.
fn in_gits_words(refusal: &Refusal) -> Response {
    let status = match refusal.status() {
        // A git that gets this status asks for a password, and says so.
        StatusCode::UNAUTHORIZED => {
            let headers = [(WWW_AUTHENTICATE, "Basic realm=\"kozmic\"")];
            return (StatusCode::UNAUTHORIZED, headers, "the runner's token is not accepted").into_response();
        }
        // With 404, git says that there is no such repository.
        StatusCode::INTERNAL_SERVER_ERROR => StatusCode::BAD_GATEWAY,
        status => status,
    };
    (status, format!("{}\n", refusal.words())).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn packed(text: &[u8]) -> Bytes {
        let mut packing = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packing.write_all(text).unwrap();
        packing.finish().unwrap().into()
    }

    #[test]
    fn a_packed_body_is_unpacked_up_to_a_limit() {
        let mut headers = HeaderMap::new();
        assert_eq!(unpacked(&headers, "0000".into()).unwrap(), "0000");
        headers.insert(CONTENT_ENCODING, "gzip".parse().unwrap());
        assert_eq!(unpacked(&headers, packed(b"0000")).unwrap(), "0000");
        let limit = usize::try_from(QUESTION).unwrap();
        assert_eq!(unpacked(&headers, packed(&vec![0; limit])).unwrap().len(), limit);
        assert!(unpacked(&headers, packed(&vec![0; limit + 1])).is_err());
        assert!(unpacked(&headers, "0000".into()).is_err());
        headers.insert(CONTENT_ENCODING, "br".parse().unwrap());
        assert!(unpacked(&headers, "0000".into()).is_err());
    }

    #[test]
    fn only_gits_own_words_are_passed_on_as_a_version() {
        let mut headers = HeaderMap::new();
        assert_eq!(protocol(&headers), None);
        for (sent, passed) in [("version=2", true), ("version=1:x=a-b", true), ("version=2 $(x)", false)] {
            headers.insert(GIT_PROTOCOL, sent.parse().unwrap());
            assert_eq!(protocol(&headers).is_some(), passed, "{sent}");
        }
    }
}
