//! Jobs: claims them, runs each to its end over all outages of the engine, and takes up the jobs that an earlier
//! process of the same runner began.

use crate::{
    Runner,
    attempt::{self, Course},
    cache::Making,
    checkout,
    claim::Claims,
    coordinator::Stopped,
    desk::{Desk, ENGINE_LOOK},
    earlier,
    ending::Absence,
    halt::Halt,
    job_log::JobLog,
    order::Order,
    slots::Slot,
    stop,
    tidy::tidy,
    words::{sentence, trouble},
};
use anyhow::{Error, Result};
use futures_util::FutureExt;
use kozmic_edges::{clock, engine::EngineError};
use kozmic_model::{
    job::{Attempt, Outcome},
    sequel::Sequel,
};
use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

/// Pauses in seconds before a job is tried again. Its connection to the engine was lost, although the engine answers.
const PAUSES: [u64; 4] = [1, 2, 5, 20];

/// The longest time for which an engine that is stopping still answers.
const LAST_ANSWER_LAG: Duration = Duration::from_secs(2);

/// The pause before an end that could not be stored is reported again.
const END_PAUSE: Duration = Duration::from_secs(1);

/// The reason of a job that ended by a panic; the server's log has the details.
pub const OUR_FAULT: &str = "Kozmic has a fault: the server's log says more.";

/// Continues the jobs that an earlier process held. They need no free slot, because they are running already.
pub(crate) async fn take_up(desk: &Desk) {
    if let Err(fault) = checkout::clear(&desk.runner).await {
        tracing::warn!(error = format!("{fault:#}"), "old checkouts stay");
    }
    let (held, mut stopped) = earlier::held(&desk.runner).await;
    let held = held.into_iter().map(|order| {
        let key = order.cache_key.as_deref();
        let making = key.and_then(|key| Making::try_take(&desk.runner, order.project, key));
        let stopped = stopped.remove(&order.attempt);
        (Arc::new(order), Course { is_taken_up: true, making, absence: None, stopped })
    });
    // All of them get their turns before any new job can take one. An engine that does not answer yet cannot tell which
    // job is doing what.
    for (order, course) in held.collect::<Vec<_>>() {
        tracing::info!(job.id = order.attempt.job.0, "a job is taken up again");
        desk.runner.tasks.spawn(job(desk.clone(), order, course, desk.slots.take()));
    }
}

/// Takes jobs until everything stops.
pub(crate) async fn forever(desk: Desk) {
    let (stop, mut claims) = (desk.runner.stop.clone(), Claims::new());
    while !stop.is_cancelled() {
        // Only this loop takes slots, so a free one stays free.
        tokio::select! {
            () = desk.slots.wait_for_free() => {}
            () = stop.cancelled() => return,
        }
        match claims.next(&desk).await {
            Ok(Some(order)) => begin(&desk, order).await,
            Ok(None) => tokio::select! {
                () = desk.runner.coordinator.woken() => {}
                () = tokio::time::sleep(claims.pause()) => {}
                () = stop.cancelled() => {}
            },
            Err(fault) => {
                desk.say(Some(sentence(&fault))).await;
                desk.runner.pause(ENGINE_LOOK).await;
            }
        }
    }
}

async fn begin(desk: &Desk, order: Order) {
    tracing::info!(job.id = order.attempt.job.0, "a job starts");
    let slot = desk.slots.take();
    desk.runner.tasks.spawn(job(desk.clone(), Arc::new(order), Course::default(), slot));
    desk.note_now().await;
}

/// Runs a job to its end. If everything stops in the meantime, the next start takes up the job again.
async fn job(desk: Desk, order: Arc<Order>, course: Course, slot: Slot) {
    let run = async {
        // A panic in one job is that job's error. Otherwise the job would wait for ever under a lease that is renewed.
        let outcome = AssertUnwindSafe(outcome(&desk, &order, course)).catch_unwind().await;
        let outcome = outcome.unwrap_or_else(|_| Outcome::Broken(OUR_FAULT.to_owned()));
        finish(&desk.runner, &order, &outcome).await;
        desk.runner.tasks.spawn(clear_away(desk.runner.clone(), order.attempt));
    };
    tokio::select! {
        () = run => {}
        () = desk.runner.stop.cancelled() => {}
    }
    drop(slot);
    desk.note_now().await;
}

/// The outcome of a job, over all outages of the engine.
async fn outcome(desk: &Desk, order: &Arc<Order>, mut course: Course) -> Outcome {
    let mut away = Duration::ZERO;
    let mut pauses = PAUSES.into_iter();
    loop {
        let mut halt = Halt::watch(&desk.runner, order, away);
        let went = Box::pin(attempt::go(&desk.runner, order, &mut halt, &mut course)).await;
        let fault = match stop::outcome(went) {
            Ok(outcome) => return outcome,
            Err(fault) if is_connection_lost(&fault) || is_last_answer(desk, &fault).await => fault,
            Err(fault) => return Outcome::Broken(sentence(&fault)),
        };
        let since = clock::now();
        tracing::warn!(
            job.id = order.attempt.job.0,
            error = format!("{fault:#}"),
            "a job lost its connection"
        );
        let mut halt = Halt::without_limit(&desk.runner, order);
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

/// Waits until another try makes sense: until the engine is back. If the engine was never away, allows only a few
/// tries.
async fn can_go_on(desk: &Desk, fault: &Error, pauses: &mut impl Iterator<Item = u64>) -> bool {
    if desk.runner.tools.engine.ping().await.is_err() {
        desk.say(Some(trouble(fault))).await;
        desk.engine_answers().await;
        return true;
    }
    let pause = pauses.next().map(Duration::from_secs);
    tokio::time::sleep(pause.unwrap_or_default()).await;
    pause.is_some()
}

/// Ends an attempt. Repeats this until it succeeds, because an end that is not stored would be lost.
pub async fn finish(runner: &Runner, order: &Arc<Order>, outcome: &Outcome) {
    let job = order.attempt.job.0;
    let mut said = last_words(runner, order, outcome).await;
    while let Err(fault) = runner.coordinator.end(order, outcome).await {
        tracing::error!(error = format!("{fault:#}"), "a job's end cannot be noted yet");
        tokio::time::sleep(END_PAUSE).await;
        if said.is_err() {
            said = last_words(runner, order, outcome).await;
        }
    }
    if let Err(fault) = said {
        tracing::error!(job.id = job, error = format!("{fault:#}"), "a log's last line was not written");
    }
    tracing::info!(job.id = job, ending = outcome.ending().word(), "an attempt ended");
}

/// Writes the reason of the end into the log, unless the script ended by itself.
async fn last_words(runner: &Runner, order: &Arc<Order>, outcome: &Outcome) -> Result<()> {
    let canceled = match outcome {
        Outcome::Interrupted(_) => cancellation(runner, order).await?,
        _ => None,
    };
    let sequel = Sequel::after(&order.spec, order.interruptions, canceled, outcome);
    let Some(reason) = sequel.reason(order.attempt.number) else { return Ok(()) };
    JobLog::open(runner, order).await?.say(&format!("\u{1b}[1;31m{reason}\u{1b}[0m")).await
}

/// A person's wish to cancel an attempt that has ended. If the attempt ended because the coordinator is out of reach,
/// this waits for it: the log is closed by the call that follows.
async fn cancellation(runner: &Runner, order: &Order) -> Result<Option<Outcome>> {
    loop {
        match runner.coordinator.standing(order.attempt).await {
            Err(fault) if fault.is::<Stopped>() => tokio::time::sleep(END_PAUSE).await,
            standing => return Ok(standing?.and_then(|standing| standing.cancellation)),
        }
    }
}

/// Removes an attempt's containers and its network, while nobody waits for it. The sweep removes anything that is left
/// here.
async fn clear_away(runner: Runner, attempt: Attempt) {
    while let Err(fault) = remove_containers(&runner, attempt).await {
        tracing::warn!(job.id = attempt.job.0, %fault, "what an attempt left on the engine could not be removed yet");
        // A job that was canceled while its engine is away may still run there.
        if !fault.is_unreachable() || !runner.pause(ENGINE_LOOK).await {
            break;
        }
    }
    runner.coordinator.cleared(attempt).await;
    // The sweep removes anything that is left here.
    if let Err(fault) = tidy(&runner).await {
        tracing::debug!(error = format!("{fault:#}"), "surplus images could not be removed yet");
    }
}

async fn remove_containers(runner: &Runner, attempt: Attempt) -> Result<(), EngineError> {
    let engine = &runner.tools.engine;
    for found in engine.containers(&runner.settings.name).await? {
        if found.attempt == attempt {
            engine.remove(&found.id).await?;
        }
    }
    engine.remove_network(&runner.settings.name, attempt).await
}

/// True if the engine had a fault of its own and no longer answers. An engine that is stopping aborts its work in this
/// way.
async fn is_last_answer(desk: &Desk, fault: &Error) -> bool {
    let is_its_own = |cause: &EngineError| matches!(cause, EngineError::Refused { status: 0 | 500.., .. });
    if !fault.chain().any(|cause| cause.downcast_ref::<EngineError>().is_some_and(is_its_own)) {
        return false;
    }
    tokio::time::sleep(LAST_ANSWER_LAG).await;
    desk.runner.tools.engine.ping().await.is_err()
}

fn is_connection_lost(fault: &Error) -> bool {
    fault.chain().any(|cause| cause.downcast_ref::<EngineError>().is_some_and(EngineError::is_unreachable))
}
