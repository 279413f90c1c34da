//! The outcome of a script whose container has ended, and the completeness of its log.
//!
//! An engine that stops ends its containers, and an engine that was killed ends them when it starts again. Neither is
//! the script's doing. A container's output waits in a pipe while its engine is away, and is lost together with the
//! container.

use crate::{Runner, gate, job_log::JobLog};
use anyhow::{Context, Result};
use kozmic_edges::engine::{ContainerId, EngineError, Memory, Moment};
use kozmic_model::{
    ending::Cause,
    job::{Failure, Outcome},
    time::{Timestamp, spoken},
    verdict::{LONGEST_NOTE, Note, verdict},
};
use std::time::Duration;

/// A time in which the engine could not be reached.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Absence {
    /// The time at which it was noticed.
    pub(crate) since: Timestamp,
    /// The time until the engine answered again.
    pub(crate) length: Duration,
}

/// The outcome of a script whose container ended with this code. The log must be complete.
pub(crate) async fn of(runner: &Runner, container: &ContainerId, log: &JobLog, code: i64) -> Result<Outcome> {
    // If the code stands for a signal, the engine may have sent it.
    if code <= 128 && !gate::has_begun(runner, container).await? {
        return Ok(Outcome::Broken(format!(
            "The image's /bin/sh ended with {code} before the script began: it is no shell that can run one."
        )));
    }
    if code == 0 {
        return Ok(Outcome::Returned(0));
    }
    let note = note(runner, container).await?;
    let outcome = match note.and_then(Note::own_end) {
        Some(code) => Outcome::Returned(code),
        None => verdict(code, note, looked_on(runner, container).await?),
    };
    match outcome {
        Outcome::Returned(code) if code != 0 => {
            let engine = &runner.tools.engine;
            let lacked_memory = note.is_some_and(|note| note.lacked_memory)
                || engine.lacked_memory(container).await.context("ask whether memory was short")?;
            let cause = Cause::of(lacked_memory, &log.last_words().await?);
            let explained = |cause| Outcome::Explained(Failure { code, cause, of_install: false });
            Ok(cause.map_or(outcome, explained))
        }
        outcome => Ok(outcome),
    }
}

/// The outcome of an attempt whose container was stored and does not exist any more. It disappeared with its engine or
/// machine, or somebody removed it.
pub(crate) async fn of_gone(runner: &Runner, container: &ContainerId) -> Result<Outcome> {
    let short = container.0.get(..12).unwrap_or(&container.0);
    Ok(match looked_on(runner, container).await? {
        true => Outcome::Broken(format!(
            "The job's container {short} is gone: it was removed while Kozmic was not looking."
        )),
        false => Outcome::Interrupted(format!(
            "Interrupted: the Docker engine or its machine went away, and the job's container {short} with it."
        )),
    })
}

/// True if one engine has seen the container's whole life. An engine that restarted may have seen the end, because it
/// ended the container itself.
async fn looked_on(runner: &Runner, container: &ContainerId) -> Result<bool> {
    Ok(match remembers(runner, container, Moment::Start).await? {
        Memory::Seen => true,
        Memory::NotSeen => false,
        Memory::Unknown => remembers(runner, container, Moment::End).await? == Memory::Seen,
    })
}

async fn remembers(runner: &Runner, container: &ContainerId, moment: Moment) -> Result<Memory> {
    let memory = runner.tools.engine.remembers(container, moment).await;
    memory.context("ask what the engine remembers of the container")
}

/// The note that the shell around a container's script wrote at its end, if there is one.
pub(crate) async fn note(runner: &Runner, container: &ContainerId) -> Result<Option<Note>> {
    let text = match runner.tools.engine.read_file(container, gate::ENDED, LONGEST_NOTE).await {
        // The script may have put something else in its place.
        Err(EngineError::Refused { status: 400.., .. }) => None,
        text => text.context("look how the script ended")?,
    };
    Ok(text.and_then(|text| Note::read(std::str::from_utf8(&text).ok()?)))
}

/// The warning that a container's output may be incomplete, if it may be. An engine that restarted does not have
/// everything that was printed around that time.
pub(crate) async fn gap(
    runner: &Runner,
    container: &ContainerId,
    has_ended: bool,
    absence: Option<Absence>,
) -> Result<Option<String>> {
    let start = remembers(runner, container, Moment::Start).await?;
    let is_whole = match (start, has_ended) {
        (Memory::Seen, _) => true,
        (Memory::NotSeen, _) => false,
        (Memory::Unknown, true) => remembers(runner, container, Moment::End).await? == Memory::Seen,
        (Memory::Unknown, false) => absence.is_none(),
    };
    Ok((!is_whole).then(|| words(absence)))
}

fn words(absence: Option<Absence>) -> String {
    let why = match absence {
        Some(Absence { length, .. }) => format!("The Docker engine was away for {}", spoken(length)),
        None => "The Docker engine was started anew while Kozmic was away".to_owned(),
    };
    format!("{why}: what the script printed around then may be missing here.")
}
