//! The gate: a script waits in its running container until its files are there.
//!
//! A shell waits for a line on standard input, writes a note that the line came, and runs the script. If the runner
//! dies before it sends the line, the script has not begun. The shell also writes a note when the script ends by
//! itself. If the engine ended the container, the note is missing or contains a signal. A container whose image has no
//! shell starts only when its files are there.

use crate::{Runner, shell};
use anyhow::{Context, Result};
use futures_util::StreamExt;
use kozmic_edges::{
    engine::{
        Attached, ContainerId, ContainerState, Engine, EngineError, NewContainer, OutputStream, TerminalSize,
    },
    git::{Archive, Extra, SETTLE},
};
use std::{pin::Pin, time::Duration};
use tokio::{
    io::{AsyncWrite, AsyncWriteExt},
    runtime::Handle,
    sync::oneshot,
};

/// The repository's directory, below the container's root.
pub(crate) const TREE: &str = "kozmic/src";
/// The volume with a job's files.
pub(crate) const VOLUME: &str = "/kozmic";
/// The repository.
pub(crate) const SOURCE: &str = "/kozmic/src";
/// The script.
pub(crate) const SCRIPT: &str = "/kozmic/script.sh";
/// This file exists as soon as the script may have begun.
const STARTED: &str = "/kozmic/.started";
/// This file has the note of the script's end; empty before the end.
pub(crate) const ENDED: &str = "/kozmic/.ended";
/// Makes the engine's init process pass signals to all processes that the script's shell started, not only to the
/// shell.
pub(crate) const TO_ALL: (&str, &str) = ("TINI_KILL_PROCESS_GROUP", "1");
/// Joins both channels, so that the log has their lines in the order in which they were written.
const WAIT: &str =
    "read -r _ || exit 75; : >/kozmic/.ended && : >/kozmic/.started && cd /kozmic/src || exit; ";
/// The exit code of a shell whose input ended without the line.
pub(crate) const NO_LINE: i64 = 75;
const RUN: &str = "(exec /kozmic/script.sh 2>&1)";

/// The number of looks at a shell that is about to exit or to begin, and the pause between them.
const SETTLING_LOOKS: u32 = 100;
const SETTLING_PAUSE: Duration = Duration::from_millis(50);

/// A container that is being created.
pub(crate) struct Closing {
    /// Puts files into the container's volume while the container starts.
    pub(crate) side_door: SideDoor,
    /// The container itself, as soon as it exists.
    pub(crate) gate: Gate,
}

/// A gate that is being closed.
pub(crate) struct Gate(oneshot::Receiver<Result<Closed>>);

/// A helper container beside another one, with the same volume. Starting a container takes longest, and locks it.
pub(crate) struct SideDoor(oneshot::Receiver<Result<Provisional>>);

/// A container that is removed unless somebody keeps it. It may be created after the job was stopped and its containers
/// were removed, and nothing else would know of it.
struct Provisional {
    container: ContainerId,
    is_kept: bool,
    runner: Runner,
}

/// A container whose script waits at the gate.
pub(crate) struct Closed {
    container: Provisional,
    attached: Attached,
    has_shell: bool,
}

/// A container whose script has begun.
pub(crate) struct Started {
    pub(crate) container: ContainerId,
    pub(crate) output: OutputStream,
    /// The connection ends when this is dropped.
    pub(crate) _input: Pin<Box<dyn AsyncWrite + Send>>,
}

/// A container that starts when its files are there.
pub(crate) struct Held(Provisional);

/// The command that a container runs.
pub(crate) fn command(has_shell: bool, grace: Duration) -> Vec<String> {
    match has_shell {
        true => {
            let text = [WAIT, SETTLE, "\n", &shell::around(RUN, grace)].concat();
            ["/bin/sh", "-c", &text].map(str::to_owned).to_vec()
        }
        false => vec![SCRIPT.to_owned()],
    }
}

/// The files that a container gets beside its repository. Without a shell, nothing in the container can write the note
/// that the script began, so the note comes with the script. Such a container starts only when its files are there.
pub(crate) fn files(script: &str, has_shell: bool) -> Vec<Extra> {
    let script = Extra { path: "kozmic/script.sh", mode: 0o755, content: script.as_bytes().to_vec() };
    if has_shell { vec![script] } else { vec![script, note()] }
}

/// The note that the script may have begun, for a container that starts only when its files are there.
pub(crate) fn note() -> Extra {
    Extra { path: "kozmic/.started", mode: 0o644, content: Vec::new() }
}

/// Creates a container that starts when its files are there.
pub(crate) async fn hold(runner: &Runner, wanted: &NewContainer) -> Result<Held> {
    let (runner, wanted) = (runner.clone(), wanted.clone());
    // The container is not left behind if the caller stops waiting for it.
    let creating = runner.tasks.clone().spawn(async move {
        let container = runner.tools.engine.create(&wanted).await.context("create the container")?;
        Ok(Held(Provisional::new(&runner, container)))
    });
    creating.await.context("create the container")?
}

impl Held {
    /// Unpacks an archive into the container's root directory.
    pub(crate) async fn carry_in(&self, runner: &Runner, archive: Archive) -> Result<()> {
        let uploaded = runner.tools.engine.upload(&self.0.container, "/", archive).await;
        uploaded.context("put the checkout into the container")
    }

    /// Keeps the container, even if its program never begins: the coordinator knows of it from now on.
    pub(crate) fn keep(&mut self) -> &ContainerId {
        self.0.is_kept = true;
        &self.0.container
    }

    /// Starts the program, on a terminal of this size. The shell before the program also sets the size, and earlier;
    /// this call is for images in which the shell cannot.
    pub(crate) async fn open(self, runner: &Runner, size: TerminalSize) -> Result<Started> {
        let container = self.0.container.clone();
        let attached =
            runner.tools.engine.attach(&container, true).await.context("listen to the container")?;
        runner.tools.engine.start(&container).await.context("start the container")?;
        if let Err(fault) = runner.tools.engine.size_terminal(&container, size).await {
            tracing::warn!(container.id = container.0, %fault, "a terminal has no size yet");
        }
        Ok(Started { container, output: attached.output, _input: attached.input })
    }
}

/// Creates a container with the gate closed. The container is removed if the caller stops waiting, because the job was
/// stopped or its commit cannot be fetched.
pub(crate) fn close(runner: &Runner, wanted: NewContainer, has_shell: bool) -> Closing {
    let (sender, closed) = oneshot::channel();
    let (side_sender, side_door) = oneshot::channel();
    let runner = runner.clone();
    runner.tasks.clone().spawn(async move {
        let engine = &runner.tools.engine;
        let container = match engine.create(&wanted).await.context("create the container") {
            Ok(container) => Provisional::new(&runner, container),
            Err(fault) => return drop(sender.send(Err(fault))),
        };
        let side_door = async {
            let beside = engine.create_beside(&container.container, &wanted).await;
            let beside = beside.map(|beside| Provisional::new(&runner, beside));
            drop(side_sender.send(beside.context("create the container beside it")));
        };
        let start = attach_and_start(engine.as_ref(), &container.container, has_shell);
        let (attached, ()) = tokio::join!(start, side_door);
        drop(sender.send(attached.map(|attached| Closed { container, attached, has_shell })));
    });
    Closing { side_door: SideDoor(side_door), gate: Gate(closed) }
}

async fn attach_and_start(engine: &dyn Engine, container: &ContainerId, has_shell: bool) -> Result<Attached> {
    let attached = engine.attach(container, false).await.context("listen to the container")?;
    if has_shell {
        engine.start(container).await.context("start the container")?;
    }
    Ok(attached)
}

impl Provisional {
    fn new(runner: &Runner, container: ContainerId) -> Self {
        Self { container, is_kept: false, runner: runner.clone() }
    }
}

impl Drop for Provisional {
    fn drop(&mut self) {
        // Without a runtime the process is ending, and the next start finds the container.
        let (false, Ok(runtime)) = (self.is_kept, Handle::try_current()) else { return };
        let (engine, container) = (self.runner.tools.engine.clone(), self.container.clone());
        let removal = async move {
            if let Err(fault) = engine.remove(&container).await {
                tracing::warn!(container.id = container.0, %fault, "a container could not be removed yet");
            }
        };
        self.runner.tasks.spawn_on(removal, &runtime);
    }
}

impl Gate {
    /// Waits until the container has started and its script waits at the gate.
    pub(crate) async fn closed(self) -> Result<Closed> {
        self.0.await.context("create the container")?
    }
}

impl SideDoor {
    /// Unpacks an archive into the root directory. Only files in the volume matter.
    pub(crate) async fn carry_in(self, runner: &Runner, archive: Archive) -> Result<()> {
        let beside = match self.0.await {
            Ok(beside) => beside?,
            // The container itself was not created; the waiter of the gate gets the reason.
            Err(_) => std::future::pending().await,
        };
        let uploaded = runner.tools.engine.upload(&beside.container, "/", archive).await;
        uploaded.context("put the checkout into the container")
    }
}

impl Closed {
    /// Keeps the container, even if its script never begins: the coordinator knows of it from now on.
    pub(crate) fn keep(&mut self) -> &ContainerId {
        self.container.is_kept = true;
        &self.container.container
    }

    /// Opens the gate: the script begins.
    pub(crate) async fn open(self, runner: &Runner) -> Result<Started> {
        let Self { container, mut attached, has_shell } = self;
        let container = container.container.clone();
        if has_shell {
            attached.input.write_all(b"go\n").await.map_err(cut).context("let the script begin")?;
        } else {
            runner.tools.engine.start(&container).await.context("start the container")?;
        }
        attached.input.shutdown().await.map_err(cut).context("close the script's input")?;
        Ok(Started { container, output: attached.output, _input: attached.input })
    }
}

fn cut(fault: std::io::Error) -> EngineError {
    EngineError::Cut { cause: fault.to_string() }
}

/// True if the script of a container that ended had begun. A shell at the gate exits silently if its connection is
/// lost, and its exit code is then not the script's. The script may have removed the notes, so output counts too.
pub(crate) async fn has_begun(runner: &Runner, container: &ContainerId) -> Result<bool> {
    Ok(is_noted(runner, container).await? || has_printed(runner, container).await?)
}

async fn is_noted(runner: &Runner, container: &ContainerId) -> Result<bool> {
    for note in [STARTED, ENDED] {
        if runner.tools.engine.has_file(container, note).await.context("look whether the script began")? {
            return Ok(true);
        }
    }
    Ok(false)
}

async fn has_printed(runner: &Runner, container: &ContainerId) -> Result<bool> {
    let mut output =
        runner.tools.engine.output(container).await.context("look whether the script printed")?;
    match output.next().await {
        Some(piece) => Ok(!piece.context("look whether the script printed")?.bytes.is_empty()),
        None => Ok(false),
    }
}

/// True if a container's script has begun, when the process that held the gate is gone. A shell that still waits finds
/// its input closed and exits. A shell that had got its line becomes the script. A container that keeps running has
/// begun.
pub(crate) async fn was_opened(runner: &Runner, container: &ContainerId) -> Result<bool> {
    let engine = &runner.tools.engine;
    for _ in 0..SETTLING_LOOKS {
        match engine.state(container).await.context("look at the job's container")? {
            None | Some(ContainerState::Created) => return Ok(false),
            Some(ContainerState::Exited(_)) => return has_begun(runner, container).await,
            Some(ContainerState::Running) if is_noted(runner, container).await? => return Ok(true),
            Some(ContainerState::Running) => tokio::time::sleep(SETTLING_PAUSE).await,
        }
    }
    Ok(true)
}
