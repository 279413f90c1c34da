//! The runner: takes jobs from the queue under a lease, runs each to its end, and takes up again what an earlier
//! process of the same installation had begun.

use crate::{
    Flow,
    attempt::{self, Course},
    cache::{self, Making},
    checkout,
    desk::{BEAT, Desk, ENGINE_LOOK, lease, sentence, trouble},
    ending::Absence,
    halt::Halt,
    job_log::JobLog,
    keep, report,
};
use anyhow::{Error, Result};
use futures_util::FutureExt;
use kozmic_edges::{
    Edges,
    broker::Topic,
    clock,
    engine::EngineError,
    store::{ClaimedJob, Lane},
};
use kozmic_model::{
    ids::{BuildId, JobId},
    interruption::Sequel,
    job::{Attempt, CanceledBy, Job, Outcome},
};
use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};
use tokio::sync::OwnedSemaphorePermit;

/// Pauses before a job is tried again whose connection to the engine was lost although the engine answers, in seconds.
const PAUSES: [u64; 4] = [1, 2, 5, 20];

/// Longest time that an engine which stops is still there after its last answer.
const LAST_ANSWER_LAG: Duration = Duration::from_secs(2);

/// Reason of a job that ended by a panic; the server's log has the details.
pub(crate) const OUR_FAULT: &str = "Kozmic has a fault: the server's log says more.";

/// Stops a job for a reason: one that waits ends at once, one that runs gets SIGTERM.
///
/// # Errors
/// The database does not answer.
pub async fn cancel(edges: &Edges, id: JobId, why: &str) -> Result<()> {
    stop(edges, id, (why, None)).await
}

/// Stops a job for a reason, on behalf of somebody who may be no person.
pub(crate) async fn stop(edges: &Edges, id: JobId, why: (&str, Option<CanceledBy>)) -> Result<()> {
    edges.store.request_cancel(id, why, clock::now()).await?;
    if let Some(job) = edges.store.job_by_id(id).await? {
        report::change(edges, job.project, id);
    }
    Ok(())
}

/// Stops all jobs of a build for a reason.
///
/// # Errors
/// The database does not answer.
pub async fn cancel_build(edges: &Edges, id: BuildId, why: &str) -> Result<()> {
    for job in edges.store.jobs_of(id).await? {
        cancel(edges, job.id, why).await?;
    }
    Ok(())
}

/// Runs a job that ended once more, as a new attempt. False: it has not ended.
///
/// # Errors
/// The database does not answer.
pub async fn restart(edges: &Edges, id: JobId) -> Result<bool> {
    let restarted = edges.store.restart_job(id, clock::now()).await?;
    if let Some(build) = &restarted {
        edges.broker.ring(Topic::Jobs);
        report::change(edges, build.project, id);
    }
    Ok(restarted.is_some())
}

/// Runs all jobs of a build once more that ended other than well; gives how many.
///
/// # Errors
/// The database does not answer.
pub async fn restart_failed(edges: &Edges, id: BuildId) -> Result<usize> {
    let Some(build) = edges.store.build_by_id(id).await? else { return Ok(0) };
    let jobs = edges.store.restart_failed(id, clock::now()).await?;
    edges.broker.ring(Topic::Jobs);
    jobs.iter().for_each(|job| report::change(edges, build.project, *job));
    Ok(jobs.len())
}

/// Goes on with the jobs that an earlier process held. They need no free slot: they run already.
pub(crate) async fn take_up(desk: &Desk) {
    if let Err(fault) = checkout::clear(&desk.flow).await {
        tracing::warn!(error = format!("{fault:#}"), "old checkouts stay");
    }
    let held = held(&desk.flow, Lane::Containers).await.into_iter().map(|claimed| {
        let key = claimed.job.cache_key.as_deref();
        let making = key.and_then(|key| Making::try_take(&desk.flow, claimed.project.id, key));
        (claimed, Course { is_taken_up: true, making, absence: None })
    });
    // All of them have their turns before any job can take one: an engine that does not answer yet does not tell who is
    // at what.
    for (claimed, course) in held.collect::<Vec<_>>() {
        tracing::info!(job.id = claimed.job.id.0, "a job is taken up again");
        let permit = Arc::clone(&desk.slots).try_acquire_owned().ok();
        desk.flow.tasks.spawn(job(desk.clone(), claimed, course, permit));
    }
}

/// The jobs of a lane that an earlier process held, as soon as the database tells; none if everything stops meanwhile.
pub(crate) async fn held(flow: &Flow, lane: Lane) -> Vec<ClaimedJob> {
    loop {
        match flow.edges.store.held_jobs(lane, &flow.settings.instance, clock::now()).await {
            Ok(held) => return held,
            Err(fault) => tracing::error!(error = format!("{fault:#}"), "held jobs cannot be listed"),
        }
        if !flow.pause(BEAT).await {
            return Vec::new();
        }
    }
}

/// Takes jobs until everything stops.
pub(crate) async fn forever(desk: Desk) {
    let mut bell = desk.flow.edges.broker.bell(Topic::Jobs);
    while !desk.flow.stop.is_cancelled() {
        let permit = tokio::select! {
            permit = Arc::clone(&desk.slots).acquire_owned() => permit.expect("the slots are never closed"),
            () = desk.flow.stop.cancelled() => return,
        };
        match claim(&desk).await {
            Ok(Some(claimed)) => begin(&desk, claimed, permit).await,
            Ok(None) => tokio::select! {
                () = bell.rung() => {}
                () = tokio::time::sleep(BEAT) => {}
                () = desk.flow.stop.cancelled() => {}
            },
            Err(fault) => {
                desk.say(Some(sentence(&fault))).await;
                desk.flow.pause(ENGINE_LOOK).await;
            }
        }
    }
}

/// The next job, if the engine answers and the disk has room: a job is not taken to wait for them.
async fn claim(desk: &Desk) -> Result<Option<ClaimedJob>> {
    if let Some(trouble) = desk.flow.edges.room.trouble() {
        anyhow::bail!(trouble);
    }
    desk.flow.edges.engine.ping().await?;
    desk.say(None).await;
    let now = clock::now();
    let runner = (desk.flow.settings.instance.as_str(), lease(now));
    desk.flow.edges.store.claim_job(Lane::Containers, runner, now).await
}

async fn begin(desk: &Desk, claimed: ClaimedJob, permit: OwnedSemaphorePermit) {
    tracing::info!(job.id = claimed.job.id.0, build.number = claimed.build.number, "a job starts");
    report::change(&desk.flow.edges, claimed.project.id, claimed.job.id);
    desk.flow.tasks.spawn(job(desk.clone(), claimed, Course::default(), Some(permit)));
    desk.note_now().await;
}

/// Runs a job to its end, unless everything stops meanwhile: then the next start takes it up again.
async fn job(desk: Desk, claimed: ClaimedJob, course: Course, permit: Option<OwnedSemaphorePermit>) {
    let run = async {
        // A fault of ours in one job is that job's error; it must not wait for ever with a lease that is renewed.
        let outcome = AssertUnwindSafe(outcome(&desk, &claimed, course)).catch_unwind().await;
        let outcome = outcome.unwrap_or_else(|_| Outcome::Broken(OUR_FAULT.to_owned()));
        finish(&desk.flow, &claimed, &outcome).await;
    };
    tokio::select! {
        () = run => {}
        () = desk.flow.stop.cancelled() => {}
    }
    drop(permit);
    desk.note_now().await;
}

/// Outcome of a job, over all outages of the engine.
async fn outcome(desk: &Desk, claimed: &ClaimedJob, mut course: Course) -> Outcome {
    let mut away = Duration::ZERO;
    let mut pauses = PAUSES.into_iter();
    loop {
        let mut halt = Halt::watch(&desk.flow, &claimed.job, away);
        let fault = match Box::pin(attempt::go(&desk.flow, claimed, &mut halt, &mut course)).await {
            Ok(outcome) => return outcome,
            Err(fault) if is_connection_lost(&fault) || is_last_answer(desk, &fault).await => fault,
            Err(fault) => return Outcome::Broken(sentence(&fault)),
        };
        let since = clock::now();
        tracing::warn!(job.id = claimed.job.id.0, error = format!("{fault:#}"), "a job lost its connection");
        let mut halt = Halt::without_limit(&desk.flow, &claimed.job);
        tokio::select! {
            goes_on = can_go_on(desk, &fault, &mut pauses) => if !goes_on {
                return Outcome::Broken(sentence(&fault));
            },
            outcome = halt.halted() => return outcome,
        }
        let length = clock::now().since(since);
        away += length;
        course.absence = Some(Absence { since, length });
        course.is_taken_up = true;
    }
}

/// Waits until it makes sense to try again: until the engine is back, or, if it was never away, a few times only.
async fn can_go_on(desk: &Desk, fault: &Error, pauses: &mut impl Iterator<Item = u64>) -> bool {
    if desk.flow.edges.engine.ping().await.is_err() {
        desk.say(Some(trouble(fault))).await;
        desk.engine_answers().await;
        return true;
    }
    let pause = pauses.next().map(Duration::from_secs);
    tokio::time::sleep(pause.unwrap_or_default()).await;
    pause.is_some()
}

/// Ends the job in the database; until that worked it is tried again, for an end that is not noted is lost.
pub(crate) async fn finish(flow: &Flow, claimed: &ClaimedJob, outcome: &Outcome) {
    let attempt = claimed.job.attempt();
    let mut said = last_words(flow, &claimed.job, outcome).await;
    loop {
        match flow.edges.store.finish_job(attempt, outcome, clock::now()).await {
            Ok(Some(_)) => break,
            Ok(None) => {
                tracing::warn!(job.id = attempt.job.0, "a job ended that this attempt no longer holds");
                break;
            }
            Err(fault) => tracing::error!(error = format!("{fault:#}"), "a job's end cannot be noted yet"),
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
        if said.is_err() {
            said = last_words(flow, &claimed.job, outcome).await;
        }
    }
    if let Err(fault) = said {
        let error = format!("{fault:#}");
        tracing::error!(job.id = attempt.job.0, error, "a log's last line was not written");
    }
    tracing::info!(job.id = attempt.job.0, ending = outcome.ending().word(), "an attempt ended");
    // One that was interrupted may wait again.
    flow.edges.broker.ring(Topic::Jobs);
    report::change(&flow.edges, claimed.project.id, attempt.job);
    flow.edges.broker.ring(Topic::Graves);
    flow.tasks.spawn(clear_away(flow.clone(), attempt));
}

/// The end of the log says how it ended, where that is not the script's own doing.
async fn last_words(flow: &Flow, job: &Job, outcome: &Outcome) -> Result<()> {
    let sequel = Sequel::of(job, outcome);
    let Some(reason) = sequel.reason(job.attempt) else { return Ok(()) };
    JobLog::open(&flow.edges, job).await?.say(&format!("\u{1b}[1;31m{reason}\u{1b}[0m")).await
}

/// Removes an attempt's container, and images that are too many, off the path that people wait on. Anything that fails
/// here is swept up later.
async fn clear_away(flow: Flow, attempt: Attempt) {
    while let Err(fault) = remove_containers(&flow, attempt).await {
        tracing::warn!(job.id = attempt.job.0, %fault, "a container could not be removed yet");
        // A job that was canceled while its engine is away may run on there.
        if !fault.is_unreachable() || !flow.pause(ENGINE_LOOK).await {
            break;
        }
    }
    let Flow { edges, settings, .. } = &flow;
    let (store, engine) = (&edges.store, edges.engine.as_ref());
    if let Err(fault) = cache::trim(store, engine, &settings.instance, settings.cached_images).await {
        tracing::warn!(error = format!("{fault:#}"), "cached images could not be trimmed yet");
    }
    if let Err(fault) = keep::remove_nameless(&flow).await {
        tracing::warn!(error = format!("{fault:#}"), "images without names could not be removed yet");
    }
}

async fn remove_containers(flow: &Flow, attempt: Attempt) -> Result<(), EngineError> {
    for found in flow.edges.engine.containers(&flow.settings.instance).await? {
        if found.attempt == attempt {
            flow.edges.engine.remove(&found.id).await?;
        }
    }
    Ok(())
}

/// Whether the engine had a fault of its own and answers no more: one that stops gives up what it is at.
async fn is_last_answer(desk: &Desk, fault: &Error) -> bool {
    let is_its_own = |cause: &EngineError| matches!(cause, EngineError::Refused { status: 0 | 500.., .. });
    if !fault.chain().any(|cause| cause.downcast_ref::<EngineError>().is_some_and(is_its_own)) {
        return false;
    }
    tokio::time::sleep(LAST_ANSWER_LAG).await;
    desk.flow.edges.engine.ping().await.is_err()
}

fn is_connection_lost(fault: &Error) -> bool {
    fault.chain().any(|cause| cause.downcast_ref::<EngineError>().is_some_and(EngineError::is_unreachable))
}
