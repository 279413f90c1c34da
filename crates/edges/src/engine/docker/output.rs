//! Output of containers, read again from its start, and all that follows.
//!
//! The output of a container with a terminal has no frames. The client library does not know which kind it reads: a
//! piece that begins with a byte below 3 it takes for a frame, and the rest it holds back until a newline. So its call
//! for plain bytes is used for that.

use super::{ContainerId, DockerEngine, EngineError, OutputStream, legible};
use crate::engine::{Channel, Output};
use bollard::{
    BollardRequest, Docker,
    container::LogOutput,
    errors::Error,
    query_parameters::{InspectContainerOptions, LogsOptionsBuilder},
};
use bytes::{Buf, Bytes};
use futures_util::{Stream, StreamExt, TryFutureExt, TryStreamExt, stream, stream::BoxStream};
use kozmic_model::time::Timestamp;
use std::{borrow::Cow, time::Duration};

/// Ending of the address in the client library's call for plain bytes.
const EXPORT: &str = "/export";

/// The call to read what a terminal showed.
const LOGS: Call = ("GET", Cow::Borrowed("/logs?follow=true&stdout=true&stderr=true"));

/// The method of a call for plain bytes, and the ending of its address.
pub(super) type Call = (&'static str, Cow<'static, str>);

/// Longest time that a container may take to end behind the end of its log.
const END_LAG: Duration = Duration::from_secs(10);

impl DockerEngine {
    pub(super) fn output_of(&self, container: &ContainerId) -> Result<OutputStream, EngineError> {
        let (engine, docker, container) = (self.clone(), self.docker()?, container.clone());
        let opened = async move {
            let has_terminal =
                has_terminal(&docker, &container).await.map_err(|fault| engine.lost(&fault))?;
            let reading = Reading::of(Log { engine, docker, container, has_terminal });
            Ok(stream::try_unfold(reading, Reading::next))
        };
        Ok(opened.try_flatten_stream().boxed())
    }

    pub(super) fn output_before(
        &self,
        container: &ContainerId,
        until: Timestamp,
    ) -> Result<OutputStream, EngineError> {
        let (engine, docker, container) = (self.clone(), self.docker()?, container.clone());
        // The first second that was not over then.
        let until = i32::try_from(until.0 / 1_000 + 1).unwrap_or(i32::MAX);
        let opened = async move {
            let has_terminal =
                has_terminal(&docker, &container).await.map_err(|fault| engine.lost(&fault))?;
            let pieces = kept(&docker, &container, has_terminal, until);
            Ok(pieces.map_err(move |fault| engine.lost(&fault)))
        };
        Ok(opened.try_flatten_stream().boxed())
    }

    pub(super) fn lost(&self, fault: &Error) -> EngineError {
        EngineError::Unreachable { engine: self.settings.url.clone(), cause: super::chain(fault) }
    }
}

/// Whether a container prints to a terminal.
async fn has_terminal(docker: &Docker, container: &ContainerId) -> Result<bool, Error> {
    let found = docker.inspect_container(&container.0, None::<InspectContainerOptions>).await?;
    Ok(found.config.and_then(|config| config.tty).unwrap_or_default())
}

/// The copy that the engine keeps of a container's output, up to a second of its clock.
fn kept(
    docker: &Docker,
    container: &ContainerId,
    has_terminal: bool,
    until: i32,
) -> BoxStream<'static, Result<Output, Error>> {
    if has_terminal {
        let ending = format!("/logs?stdout=true&stderr=true&until={until}");
        return plain(docker, container, ("GET", ending.into())).map_ok(of_terminal).boxed();
    }
    let options = LogsOptionsBuilder::default().stdout(true).stderr(true).until(until);
    docker.logs(&container.0, Some(options.build())).map_ok(piece).boxed()
}

/// The copy that the engine keeps of a container's output.
struct Log {
    engine: DockerEngine,
    docker: Docker,
    container: ContainerId,
    has_terminal: bool,
}

impl Log {
    /// All of it from its start, and what follows.
    fn follow(&self) -> BoxStream<'static, Result<Output, Error>> {
        if self.has_terminal {
            return plain(&self.docker, &self.container, LOGS).map_ok(of_terminal).boxed();
        }
        let options = LogsOptionsBuilder::default().follow(true).stdout(true).stderr(true);
        self.docker.logs(&self.container.0, Some(options.build())).map_ok(piece).boxed()
    }

    /// Whether its container ended and is still there.
    async fn is_complete(&self) -> Result<bool, EngineError> {
        match tokio::time::timeout(END_LAG, self.engine.wait_for(&self.container)).await {
            Ok(Ok(_)) => Ok(true),
            Ok(Err(fault)) if !fault.is_missing() => Err(fault),
            Ok(Err(_)) | Err(_) => Ok(false),
        }
    }
}

/// A log that is read to its true end. The engine may stop to follow before it gave all, once a container ends (seen
/// with Docker 20.10, which left out more than half of 360 kB). The log of a container that ended is whole: it is read
/// again, and the part that was told is skipped.
struct Reading {
    log: Log,
    pieces: BoxStream<'static, Result<Output, Error>>,
    /// Bytes of each channel that were told.
    told: [u64; 2],
    /// Bytes of each channel to skip.
    skip: [u64; 2],
    is_second: bool,
}

impl Reading {
    fn of(log: Log) -> Self {
        Self { pieces: log.follow(), log, told: [0; 2], skip: [0; 2], is_second: false }
    }

    async fn next(mut self) -> Result<Option<(Output, Self)>, EngineError> {
        loop {
            match self.pieces.try_next().await {
                Ok(Some(piece)) => {
                    let piece = self.new_part(piece);
                    if !piece.bytes.is_empty() {
                        return Ok(Some((piece, self)));
                    }
                }
                Ok(None) if self.is_second || !self.log.is_complete().await? => return Ok(None),
                Ok(None) => {
                    self.is_second = true;
                    self.skip = self.told;
                    self.pieces = self.log.follow();
                }
                // Nobody who removes the container needs its last words.
                Err(Error::DockerResponseServerError { status_code: 404, .. }) if self.is_second => {
                    return Ok(None);
                }
                Err(fault) => return Err(self.log.engine.lost(&fault)),
            }
        }
    }

    fn new_part(&mut self, Output { channel, mut bytes }: Output) -> Output {
        let at = usize::from(channel == Channel::Error);
        let known = usize::try_from(self.skip[at]).unwrap_or(usize::MAX).min(bytes.len());
        bytes.advance(known);
        self.skip[at] -= known as u64;
        self.told[at] += bytes.len() as u64;
        Output { channel, bytes }
    }
}

pub(super) fn piece(output: LogOutput) -> Output {
    match output {
        LogOutput::StdErr { message: bytes } => Output { channel: Channel::Error, bytes },
        LogOutput::StdOut { message: bytes }
        | LogOutput::StdIn { message: bytes }
        | LogOutput::Console { message: bytes } => Output { channel: Channel::Output, bytes },
    }
}

pub(super) fn of_terminal(bytes: Bytes) -> Output {
    Output { channel: Channel::Output, bytes }
}

/// The engine's answer to a call, as it sends it and for as long as it does: the client's limit of time is one for the
/// answer's beginning.
pub(super) fn plain(
    docker: &Docker,
    container: &ContainerId,
    call: Call,
) -> impl Stream<Item = Result<Bytes, Error>> + use<> {
    let docker = docker.clone().with_request_modifier(move |request| changed(legible(request), &call));
    docker.export_container(&container.0)
}

fn changed(mut request: BollardRequest, (method, ending): &Call) -> BollardRequest {
    let address = request.uri().to_string();
    if let Some(start) = address.strip_suffix(EXPORT) {
        let address = format!("{start}{ending}").parse();
        *request.uri_mut() = address.expect("with another last part an address is still one");
        *request.method_mut() = method.parse().expect("the name of a method");
    }
    request
}
