//! Follows a container whose script runs: every byte that it prints into the log, until it ends or is stopped.

use crate::{
    Flow,
    gate::{self, Started},
    halt::Halt,
    job_log::{JobLog, source},
};
use anyhow::{Context, Result};
use bytes::BytesMut;
use futures_util::StreamExt;
use kozmic_edges::{
    engine::{Channel, ContainerId, EngineError, Output, OutputStream, Stage},
    logs::Known,
};
use kozmic_model::job::{Attempt, Outcome};
use std::{pin::pin, time::Duration};
use tokio::time::Instant;

/// How many pieces that are there already are written at once.
const BATCH: usize = 64;

/// So long after its output a container has ended, or it was the connection that ended.
const END_LAG: Duration = Duration::from_secs(3);

/// So long after SIGKILL a container has ended, or its engine cannot end it.
const STOP_LAG: Duration = Duration::from_secs(30);

/// Where an attempt's container stands, for who takes the attempt up again.
pub(crate) enum Found {
    /// One of its scripts has begun, and may have ended.
    Started(ContainerId, Stage),
    /// Its script has not begun: it can be begun anew.
    NotStarted,
    /// It had begun and is not there any more.
    Gone(String),
}

/// Looks for an attempt's container. One whose script never began is removed and forgotten, as is the one beside it.
pub(crate) async fn find(flow: &Flow, attempt: Attempt) -> Result<Found> {
    let engine = &flow.edges.engine;
    let all = engine.containers(&flow.settings.instance).await.context("look for the job's container")?;
    let own = all.into_iter().filter(|found| found.attempt == attempt).collect::<Vec<_>>();
    let job = flow.edges.store.job_by_id(attempt.job).await?.context("the job is gone")?;
    let noted = job.container.as_deref();
    if let Some(id) = noted.filter(|id| own.iter().all(|found| found.id.0 != *id)) {
        let id = id.get(..12).unwrap_or(id);
        return Ok(Found::Gone(format!(
            "The job's container {id} is gone: it was removed while Kozmic was not looking."
        )));
    }
    // The install script's container may still be there when the build's is noted.
    for found in own.iter().filter(|found| noted.is_none_or(|id| found.id.0 == id)) {
        if gate::was_opened(flow, &found.id).await? {
            return Ok(Found::Started(found.id.clone(), found.stage.clone()));
        }
    }
    flow.edges.store.forget_container(attempt).await?;
    for found in own {
        engine.remove(&found.id).await.context("remove a container that never started")?;
    }
    Ok(Found::NotStarted)
}

/// Follows a container that was just started.
pub(crate) async fn started(
    flow: &Flow,
    started: Started,
    log: &mut JobLog,
    halt: &mut Halt,
) -> Result<Outcome> {
    let Started { container, output, _input } = started;
    match to_the_end(flow, (&container, output), log, halt).await? {
        Some(Outcome::Returned(code)) if code != 0 && !gate::has_begun(flow, &container).await? => {
            let cause = "it closed before the script could begin".to_owned();
            Err(EngineError::Cut { cause }.into())
        }
        Some(outcome) => Ok(outcome),
        None => again(flow, &container, log, halt).await,
    }
}

/// Follows a container that an earlier process started, or to which the connection was lost, from where the log ends.
pub(crate) async fn again(
    flow: &Flow,
    container: &ContainerId,
    log: &mut JobLog,
    halt: &mut Halt,
) -> Result<Outcome> {
    loop {
        let output = flow.edges.engine.output(container).await.context("read the container's output")?;
        let output = leaving_out(output, log.read_again());
        if let Some(outcome) = to_the_end(flow, (container, output), log, halt).await? {
            return Ok(outcome);
        }
    }
}

/// Writes output until it ends. None if the container goes on all the same: the connection was lost.
async fn to_the_end(
    flow: &Flow,
    (container, output): (&ContainerId, OutputStream),
    log: &mut JobLog,
    halt: &mut Halt,
) -> Result<Option<Outcome>> {
    let mut stopped = None;
    let mut output = output.ready_chunks(BATCH);
    let settings = &flow.settings;
    // A container that cannot be stopped does not hold up its job for ever.
    let mut patience = pin!(tokio::time::sleep(Duration::MAX));
    loop {
        let why = tokio::select! {
            batch = output.next() => match batch {
                Some(batch) if log.length() < settings.log_limit => {
                    print(log, batch).await?;
                    continue;
                }
                Some(_) => Outcome::Flooded(settings.log_limit),
                None => break,
            },
            () = tokio::time::sleep(settings.stall_timeout), if stopped.is_none() => Outcome::Stalled(settings.stall_timeout),
            outcome = halt.halted(), if stopped.is_none() => outcome,
            () = &mut patience => break,
        };
        if stopped.is_none() {
            stopped = Some(stop(flow, container, why));
            patience.as_mut().reset(Instant::now() + settings.stop_grace + STOP_LAG);
        }
    }
    if let Some(outcome) = stopped {
        return Ok(Some(outcome));
    }
    match tokio::time::timeout(END_LAG, flow.edges.engine.wait(container)).await {
        Ok(code) => Ok(Some(Outcome::Returned(code.context("wait for the container's end")?))),
        Err(_) => Ok(None),
    }
}

/// Stops the container beside the reading of its last words.
fn stop(flow: &Flow, container: &ContainerId, outcome: Outcome) -> Outcome {
    let (engine, container, grace) = (flow.edges.engine.clone(), container.clone(), flow.settings.stop_grace);
    flow.tasks.spawn(async move {
        if let Err(fault) = engine.stop(&container, grace).await {
            tracing::warn!(container.id = container.0, %fault, "a container could not be stopped");
        }
    });
    outcome
}

/// Writes what came at once with as few writes as the order of the two channels allows.
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

/// Without what the log has already.
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
