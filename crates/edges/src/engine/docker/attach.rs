//! Attaches to containers before their start, so that all of their output is heard at once.

use super::{
    Attached, ContainerId, DockerEngine, EngineError, TIMEOUT,
    output::{Call, of_terminal, piece, plain},
};
use bollard::{
    Docker,
    errors::Error,
    query_parameters::{AttachContainerOptionsBuilder, EventsOptionsBuilder},
};
use futures_util::{StreamExt, TryStreamExt, stream};
use std::{borrow::Cow, collections::HashMap, io::ErrorKind};

/// The call that attaches to a terminal.
const ATTACH: Call = ("POST", Cow::Borrowed("/attach?stream=true&stdout=true&stderr=true"));

impl DockerEngine {
    pub(super) async fn attach_to_channels(&self, container: &ContainerId) -> Result<Attached, EngineError> {
        let options =
            AttachContainerOptionsBuilder::default().stream(true).stdin(true).stdout(true).stderr(true);
        let attached = self.docker()?.attach_container(&container.0, Some(options.build())).await;
        let attached = attached.map_err(|fault| self.fault(fault))?;
        let engine = self.clone();
        let output = attached.output.map_ok(piece).map_err(move |fault| engine.lost(&fault));
        Ok(Attached { output: output.boxed(), input: attached.input })
    }

    /// Attaches to a terminal. The call for plain bytes returns nothing before the first byte. The engine's event tells
    /// that it listens: it comes after the engine has connected to the output.
    pub(super) async fn attach_to_terminal(&self, container: &ContainerId) -> Result<Attached, EngineError> {
        let docker = self.docker()?;
        let mut pieces = plain(&docker, container, ATTACH).boxed();
        let first = tokio::select! {
            told = attached(&docker, container) => told.map(|()| None),
            first = pieces.try_next() => first,
            () = tokio::time::sleep(TIMEOUT) => Err(Error::RequestTimeoutError),
        };
        let first = stream::iter(first.map_err(|fault| self.fault(fault))?.map(Ok));
        let engine = self.clone();
        let output = first.chain(pieces).map_ok(of_terminal).map_err(move |fault| engine.lost(&fault));
        Ok(Attached { output: output.boxed(), input: Box::pin(tokio::io::sink()) })
    }
}

/// Waits until somebody has attached to a container. The engine remembers its last events, so the event arrives in any
/// order of the two calls.
async fn attached(docker: &Docker, container: &ContainerId) -> Result<(), Error> {
    let filters = [("type", "container"), ("event", "attach"), ("container", &container.0)];
    let filters = filters.map(|(name, value)| (name.to_owned(), vec![value.to_owned()]));
    let options = EventsOptionsBuilder::default().since("0").filters(&HashMap::from(filters));
    let told = docker.events(Some(options.build())).try_next().await?;
    told.map(drop).ok_or_else(|| std::io::Error::from(ErrorKind::UnexpectedEof).into())
}
