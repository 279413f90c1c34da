//! Follows a container with a running script: writes its output into the log until it ends or is stopped.

use crate::{
    Runner,
    ending::{self, Absence},
    gate::{self, Started},
    halt::Halt,
    job_log::{JobLog, source},
    order::Limits,
};
use anyhow::{Context, Result};
use bytes::BytesMut;
use futures_util::StreamExt;
use kozmic_edges::{
    engine::{Channel, ContainerId, ContainerState, EngineError, Output, OutputStream, Stage},
    logs::Known,
};
use kozmic_model::job::{Attempt, Outcome};
use std::{pin::pin, time::Duration};
use tokio::time::Instant;

/// Largest number of waiting pieces that are written at once.
const BATCH: usize = 64;

/// The longest time between the end of a container's output and its exit. If the container has not exited by then,
/// assume that the connection broke.
const END_LAG: Duration = Duration::from_secs(3);

/// The longest time between SIGKILL and a container's exit. If it has not exited by then, its engine cannot end it.
const STOP_LAG: Duration = Duration::from_secs(30);

/// Interval at which a silent script is checked for its end. An engine whose own helper was killed may not have noticed
/// the end (seen with Docker 20.10, when containerd was killed).
const QUIET_LOOK: Duration = Duration::from_secs(30);

/// The end of following a container.
enum End {
    /// The job was stopped with this outcome.
    Stopped(Outcome),
    /// The container ended, with this code.
    Code(i64),
    /// The connection was lost, and the container still runs.
    Lost,
}

/// The state of an attempt's container, for a process that takes up the attempt again.
pub(crate) enum Found {
    /// One of its scripts has begun, and may have ended.
    Started(ContainerId, Stage),
    /// Its script has not begun: it can begin again.
    NotStarted,
    /// The script had begun, and the container does not exist any more: the attempt ends with this outcome.
    Gone(Outcome),
}

/// Facts about a container that is followed again.
pub(crate) struct Before {
    /// The time in which the engine was away, if it was.
    pub(crate) absence: Option<Absence>,
    /// True if the whole output had been read before.
    pub(crate) was_read: bool,
    /// The outcome by which it was stopped before, if it was.
    pub(crate) stopped: Option<Outcome>,
}

/// Looks for an attempt's container. Removes and forgets a container whose script never began, and its helper
/// container.
pub(crate) async fn find(runner: &Runner, attempt: Attempt) -> Result<Found> {
    let engine = &runner.tools.engine;
    let all = engine.containers(&runner.settings.name).await.context("look for the job's container")?;
    let own = all.into_iter().filter(|found| found.attempt == attempt).collect::<Vec<_>>();
    let standing = runner.coordinator.standing(attempt).await?;
    let standing = standing.context("the job is gone, or another runner's")?;
    let noted = standing.container.as_deref();
    if let Some(id) = noted.filter(|id| own.iter().all(|found| found.id.0 != *id)) {
        return ending::of_gone(runner, &ContainerId(id.to_owned())).await.map(Found::Gone);
    }
    // The install script's container may still exist when the build's container is stored.
    for found in own.iter().filter(|found| noted.is_none_or(|id| found.id.0 == id)) {
        if gate::was_opened(runner, &found.id).await? {
            return Ok(Found::Started(found.id.clone(), found.stage.clone()));
        }
    }
    runner.coordinator.forget_container(attempt).await?;
    for found in own {
        engine.remove(&found.id).await.context("remove a container that never started")?;
    }
    Ok(Found::NotStarted)
}

/// Follows a container that was just started.
pub(crate) async fn started(
    runner: &Runner,
    started: Started,
    log: &mut JobLog,
    halt: &mut Halt,
) -> Result<Outcome> {
    let Started { container, output, _input } = started;
    match to_the_end(runner, &container, output, log, Some(halt)).await? {
        End::Stopped(outcome) => Ok(outcome),
        // The connection was lost, or the engine is stopping.
        End::Code(code) if is_cut(code) && !gate::has_begun(runner, &container).await? => {
            let cause = "it closed before the script could begin".to_owned();
            Err(EngineError::Cut { cause }.into())
        }
        End::Code(code) => ending::of(runner, &container, log, code).await,
        End::Lost => {
            let before = Before { absence: None, was_read: false, stopped: None };
            again(runner, &container, log, before, halt).await
        }
    }
}

/// True if a shell at its gate may exit with this code without a fault of its own.
fn is_cut(code: i64) -> bool {
    code == gate::NO_LINE || code > 128
}

/// Follows a container from the end of the log. An earlier process started the container, or the connection to it was
/// lost. If output may be lost because the engine was away, the log says so at that place.
pub(crate) async fn again(
    runner: &Runner,
    container: &ContainerId,
    log: &mut JobLog,
    before: Before,
    halt: &mut Halt,
) -> Result<Outcome> {
    let absence = before.absence;
    let engine = &runner.tools.engine;
    let state = engine.state(container).await.context("look at the job's container")?;
    let has_ended = state != Some(ContainerState::Running);
    let mut gap = match before.was_read {
        true => None,
        false => ending::gap(runner, container, has_ended, absence).await?,
    };
    if let Some(absence) = absence.filter(|_| gap.is_some() && !has_ended) {
        let before = engine.output_until(container, absence.since).await.context("read what was printed")?;
        let mut before = leaving_out(before, log.read_again()).ready_chunks(BATCH);
        while let Some(batch) = before.next().await {
            print(log, batch).await?;
        }
    }
    if let Some(words) = gap.take_if(|_| !has_ended) {
        log.warn(&words).await?;
    }
    loop {
        let output = engine.output(container).await.context("read the container's output")?;
        let output = leaving_out(output, log.read_again());
        // A container that has ended can neither be canceled nor time out any more.
        let watched = (!has_ended).then_some(&mut *halt);
        match to_the_end(runner, container, output, log, watched).await? {
            End::Stopped(outcome) => return Ok(outcome),
            End::Code(code) => {
                if let Some(words) = gap {
                    log.warn(&words).await?;
                }
                let canceled = if code == 0 { None } else { halt.canceled_before().await? };
                return match before.stopped.or(canceled) {
                    Some(outcome) => Ok(outcome),
                    None => ending::of(runner, container, log, code).await,
                };
            }
            End::Lost => {}
        }
    }
}

/// Writes output until it ends.
async fn to_the_end(
    runner: &Runner,
    container: &ContainerId,
    output: OutputStream,
    log: &mut JobLog,
    mut halt: Option<&mut Halt>,
) -> Result<End> {
    let mut stopped = None;
    let mut quiet = Duration::ZERO;
    // The code from the script's note of its end, while the rest of the output is read.
    let mut noted = None;
    let mut output = output.ready_chunks(BATCH);
    let Limits { silence, grace, .. } = *log.limits();
    // A container that cannot be stopped must not block its job for ever.
    let mut patience = pin!(tokio::time::sleep(Duration::MAX));
    loop {
        let look = match noted {
            Some(_) => END_LAG,
            None => QUIET_LOOK.min(silence.saturating_sub(quiet)),
        };
        // The order matters: output counts before the time that has passed, because this process may have been asleep.
        let why = tokio::select! {
            biased;
            outcome = halted(&mut halt), if stopped.is_none() => outcome,
            () = &mut patience => break,
            batch = output.next() => match batch {
                Some(batch) => match grows_no_more(runner, log) {
                    None => {
                        print(log, batch).await?;
                        (quiet, noted) = (Duration::ZERO, None);
                        continue;
                    }
                    Some(outcome) => outcome,
                },
                None => break,
            },
            () = tokio::time::sleep(look), if stopped.is_none() => {
                if let Some(code) = noted {
                    return Ok(End::Code(end(runner, container).await?.unwrap_or(code)));
                }
                quiet += look;
                noted = noted_end(runner, container).await?;
                if noted.is_some() || quiet < silence {
                    continue;
                }
                Outcome::Stalled(silence)
            }
        };
        if stopped.is_none() {
            stopped = Some(stop(runner, container, grace, why));
            patience.as_mut().reset(Instant::now() + grace + STOP_LAG);
        }
    }
    if let Some(outcome) = stopped {
        return Ok(End::Stopped(outcome));
    }
    Ok(end(runner, container).await?.map_or(End::Lost, End::Code))
}

/// The code of a container that has ended, or ends within a moment.
async fn end(runner: &Runner, container: &ContainerId) -> Result<Option<i64>> {
    match tokio::time::timeout(END_LAG, runner.tools.engine.wait(container)).await {
        Ok(code) => code.context("wait for the container's end").map(Some),
        Err(_) => Ok(None),
    }
}

async fn halted(halt: &mut Option<&mut Halt>) -> Outcome {
    match halt {
        Some(halt) => halt.halted().await,
        None => std::future::pending().await,
    }
}

/// The code of a script that has printed nothing for a while, if it has ended without its engine's knowledge. A script
/// can write its note itself, so its processes must be gone as well.
async fn noted_end(runner: &Runner, container: &ContainerId) -> Result<Option<i64>> {
    let Some(note) = ending::note(runner, container).await? else { return Ok(None) };
    let is_there =
        runner.tools.engine.has_processes(container).await.context("look for the script's processes")?;
    Ok((!is_there).then_some(note.code))
}

/// The outcome of a job whose log must not grow any more; none if it may grow.
fn grows_no_more(runner: &Runner, log: &JobLog) -> Option<Outcome> {
    let limit = log.limits().log;
    match log.length() < limit {
        true => runner.tools.room.is_used_up().map(|why| Outcome::Broken(format!("Stopped: {why}."))),
        false => Some(Outcome::Flooded(limit)),
    }
}

/// Stops the container. Meanwhile its last output is read.
fn stop(runner: &Runner, container: &ContainerId, grace: Duration, outcome: Outcome) -> Outcome {
    let (engine, container) = (runner.tools.engine.clone(), container.clone());
    runner.tasks.spawn(async move {
        if let Err(fault) = engine.stop(&container, grace).await {
            tracing::warn!(container.id = container.0, %fault, "a container could not be stopped");
        }
    });
    outcome
}

/// Writes pieces that arrived together with as few writes as the order of the two channels allows.
async fn print(log: &mut JobLog, batch: Vec<Result<Output, EngineError>>) -> Result<()> {
    let mut pending: Option<(Channel, BytesMut)> = None;
    for piece in batch {
        let Output { channel, bytes } = match piece {
            Ok(piece) => piece,
            Err(fault) => {
                flush(log, pending.take()).await?;
                return Err(fault.into());
            }
        };
        match &mut pending {
            Some((same, gathered)) if *same == channel => gathered.extend_from_slice(&bytes),
            _ => {
                flush(log, pending.take()).await?;
                pending = Some((channel, BytesMut::from(bytes)));
            }
        }
    }
    flush(log, pending).await
}

async fn flush(log: &mut JobLog, pending: Option<(Channel, BytesMut)>) -> Result<()> {
    match pending {
        Some((channel, bytes)) => log.print(channel, bytes.freeze()).await,
        None => Ok(()),
    }
}

/// Leaves out the part of the output that the log already has.
fn leaving_out(output: OutputStream, known: Known) -> OutputStream {
    let rest = output.scan(known, |known, piece| {
        let piece = piece.map(|Output { channel, bytes }| {
            let bytes = known.leave_out(source(channel), bytes);
            Output { channel, bytes }
        });
        std::future::ready(Some(piece))
    });
    rest.boxed()
}
