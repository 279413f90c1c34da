//! Reads the output of containers again from its start, with everything that follows.
//!
//! The output of a container with a terminal has no frames. The client library does not know the kind of output: it
//! takes a piece that begins with a byte below 3 for a frame, and holds back the rest until a newline. So this module
//! uses the library's call for plain bytes.

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

/// The end of the address in the client library's call for plain bytes.
const EXPORT: &str = "/export";

/// The call that reads a terminal's output.
const LOGS: Call = ("GET", Cow::Borrowed("/logs?follow=true&stdout=true&stderr=true"));

/// The method of a call for plain bytes, and the end of its address.
pub(super) type Call = (&'static str, Cow<'static, str>);

/// The longest time between the end of a container's log and the container's end.
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
        // The first second that was not over at that time.
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

/// True if a container prints to a terminal.
async fn has_terminal(docker: &Docker, container: &ContainerId) -> Result<bool, Error> {
    let found = docker.inspect_container(&container.0, None::<InspectContainerOptions>).await?;
    Ok(found.config.and_then(|config| config.tty).unwrap_or_default())
}

/// The engine's stored output of a container, up to a second of its clock.
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

/// The engine's stored output of a container.
struct Log {
    engine: DockerEngine,
    docker: Docker,
    container: ContainerId,
    has_terminal: bool,
}

impl Log {
    /// The whole output from its start, with everything that follows.
    fn follow(&self) -> BoxStream<'static, Result<Output, Error>> {
        if self.has_terminal {
            return plain(&self.docker, &self.container, LOGS).map_ok(of_terminal).boxed();
        }
        let options = LogsOptionsBuilder::default().follow(true).stdout(true).stderr(true);
        self.docker.logs(&self.container.0, Some(options.build())).map_ok(piece).boxed()
    }

    /// True if the container has ended and still exists.
    async fn is_complete(&self) -> Result<bool, EngineError> {
        match tokio::time::timeout(END_LAG, self.engine.wait_for(&self.container)).await {
            Ok(Ok(_)) => Ok(true),
            Ok(Err(fault)) if !fault.is_missing() => Err(fault),
            Ok(Err(_)) | Err(_) => Ok(false),
        }
    }
}

/// Reads a log to its true end. When a container ends, the engine may stop before it has sent the whole log (seen with
/// Docker 20.10, which left out more than half of 360 kB). The log of an ended container is complete. So it is read
/// again, and the part that was already passed on is skipped.
struct Reading {
    log: Log,
    pieces: BoxStream<'static, Result<Output, Error>>,
    /// The bytes of each channel that were passed on.
    told: [u64; 2],
    /// The bytes of each channel to skip.
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
                // If somebody removed the container, the end of its output is not needed.
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

/// The engine's answer to a call as plain bytes, for as long as it lasts. The client's time limit is only for the
/// beginning of the answer.
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
