//! Streams of containers: output to read, input to write.

use crate::{
    Fault, ScriptedEngine,
    printed::{Copy, Next, Place},
    world::unreachable,
};
use bytes::Bytes;
use futures_util::{StreamExt, stream, stream::BoxStream};
use kozmic_edges::engine::{Attached, ContainerId, EngineError, OutputStream};
use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};
use tokio::io::AsyncWrite;

/// A connection to a container's input. The container notices when both of its ends are dropped.
struct Line {
    engine: ScriptedEngine,
    container: ContainerId,
    /// The number of times that all connections were lost before it was made.
    cuts: usize,
}

impl Drop for Line {
    fn drop(&mut self) {
        self.hang_up();
    }
}

impl Line {
    fn hang_up(&self) {
        self.engine
            .change(|world| drop(world.container(&self.container.0).map(|found| found.input.hang_up())));
    }

    fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        self.engine.change(|world| {
            let container = world.container(&self.container.0).map_err(io::Error::other)?;
            if container.printed.cuts() > self.cuts || container.input.is_closed {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            container.input.write(bytes);
            Ok(bytes.len())
        })
    }
}

struct Input(Arc<Line>);

impl AsyncWrite for Input {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(self.0.write(bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.hang_up();
        Poll::Ready(Ok(()))
    }
}

/// A reader of a container's output.
struct Reader {
    engine: ScriptedEngine,
    container: ContainerId,
    at: Place,
    /// Keeps the connection to the input open while the reader exists.
    _line: Option<Arc<Line>>,
    is_over: bool,
}

impl Reader {
    async fn next(mut self) -> Option<(Result<kozmic_edges::engine::Output, EngineError>, Self)> {
        if self.is_over {
            return None;
        }
        let (container, at) = (self.container.0.clone(), self.at);
        let next = self.engine.when(move |world| match world.printed(&container).map(|it| it.next(at)) {
            Some(Next::Later) => None,
            found => Some(found),
        });
        match next.await {
            Some(Next::Piece(piece)) => {
                self.at.piece += 1;
                Some((Ok(piece), self))
            }
            Some(Next::Cut) => {
                self.is_over = true;
                Some((Err(lost()), self))
            }
            Some(Next::End | Next::Later) | None => None,
        }
    }
}

/// Attaches to a container: returns its output from now on.
pub(crate) fn attach(
    engine: &ScriptedEngine,
    container: &ContainerId,
    has_terminal: bool,
) -> Result<Attached, EngineError> {
    let (piece, cuts) = engine.change(|world| {
        let found = world.container(&container.0)?;
        found.input.is_connected |= !has_terminal;
        Ok::<_, EngineError>((found.printed.length(), found.printed.cuts()))
    })?;
    let (engine, container) = (engine.clone(), container.clone());
    let line = (!has_terminal)
        .then(|| Arc::new(Line { engine: engine.clone(), container: container.clone(), cuts }));
    let input: Pin<Box<dyn AsyncWrite + Send>> = match &line {
        Some(line) => Box::pin(Input(Arc::clone(line))),
        None => Box::pin(tokio::io::sink()),
    };
    let at = Place { copy: Copy::Heard, piece, cuts };
    let reader = Reader { engine, container, at, _line: line, is_over: false };
    Ok(Attached { output: stream::unfold(reader, Reader::next).boxed(), input })
}

/// Reads a container's stored output from its start.
pub(crate) fn output(engine: &ScriptedEngine, container: &ContainerId) -> OutputStream {
    let (engine, container) = (engine.clone(), container.clone());
    let cuts = engine.look(|world| world.containers.get(&container.0).map(|found| found.printed.cuts()));
    let Some(cuts) = cuts else { return stream::iter([Err(missing())]).boxed() };
    let at = Place { copy: Copy::Kept, piece: 0, cuts };
    let reader = Reader { engine, container, at, _line: None, is_over: false };
    stream::unfold(reader, Reader::next).boxed()
}

/// The output, broken off after its first piece if the fault says so.
pub(crate) fn broken_off(output: OutputStream, fault: Option<&Fault>) -> OutputStream {
    match fault {
        Some(Fault::Cut) => output.take(1).chain(stream::iter([Err(lost())])).boxed(),
        _ => output,
    }
}

/// The output, with a failed call as an item of the stream, as in Docker's client.
pub(crate) fn telling(called: Result<(OutputStream, Option<Fault>), EngineError>) -> OutputStream {
    match called {
        Ok((output, fault)) => broken_off(output, fault.as_ref()),
        Err(fault) if fault.is_unreachable() => stream::iter([Err(fault)]).boxed(),
        Err(fault) => stream::iter([Err(unreachable(&fault.to_string()))]).boxed(),
    }
}

/// An archive in two pieces. If the fault says so, the second piece is missing.
pub(crate) fn archive(
    bytes: Vec<u8>,
    fault: Option<&Fault>,
) -> BoxStream<'static, Result<Bytes, EngineError>> {
    let bytes = Bytes::from(bytes);
    let (first, second) = (bytes.slice(..bytes.len() / 2), bytes.slice(bytes.len() / 2..));
    let second = match fault {
        Some(Fault::Cut) => Some(Err(lost())),
        Some(Fault::Torn) => None,
        _ => Some(Ok(second)),
    };
    stream::iter([Some(Ok(first)), second].into_iter().flatten()).boxed()
}

/// The error for readers of a container that does not exist.
pub(crate) fn missing() -> EngineError {
    unreachable("there is no such container")
}

fn lost() -> EngineError {
    unreachable("the connection was lost")
}
