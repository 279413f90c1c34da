//! The runner: takes jobs from the queue under a lease, runs each to its end, and takes up again what an earlier
//! process of the same installation had begun.

use crate::{Flow, checkout, follow, halt::Halt, job_log::JobLog, prepare, report};
use anyhow::{Error, Result};
use kozmic_edges::{Edges, broker::Topic, clock, engine::EngineError, store::ClaimedJob};
use kozmic_model::{
    ids::JobId,
    job::{Attempt, Outcome},
    runner::Runner,
    time::Timestamp,
};
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How long a job stays with a runner that says nothing more.
const LEASE: Duration = Duration::from_secs(120);

/// How often a runner says that it is there, and looks for jobs without being woken.
const BEAT: Duration = Duration::from_secs(5);

/// How often to ask an engine that does not answer.
const ENGINE_LOOK: Duration = Duration::from_secs(2);

/// Stops a job for a reason: one that waits ends at once, one that runs gets SIGTERM.
///
/// # Errors
/// The database does not answer.
pub async fn cancel(edges: &Edges, id: JobId, why: &str) -> Result<()> {
    edges.store.request_cancel(id, why, clock::now()).await?;
    if let Some(job) = edges.store.job_by_id(id).await? {
        report::change(edges, job.project, id);
    }
    Ok(())
}

/// What a runner is up to.
#[derive(Clone)]
struct Desk {
    flow: Flow,
    slots: Arc<Semaphore>,
    trouble: Arc<Mutex<Option<String>>>,
}

/// Says that this runner is there, and whether it can work, before anybody asks.
pub(crate) async fn introduce(flow: &Flow) {
    let desk = Desk::new(flow.clone());
    match tokio::time::timeout(ENGINE_LOOK, desk.flow.edges.engine.ping()).await {
        Ok(Err(fault)) => desk.say(Some(sentence(&fault.into()))).await,
        Ok(Ok(_)) | Err(_) => desk.note_now().await,
    }
}

/// Takes jobs until everything stops.
pub(crate) async fn forever(flow: Flow) {
    let desk = Desk::new(flow);
    desk.flow.tasks.spawn(desk.clone().beat());
    if let Err(fault) = checkout::clear(&desk.flow).await {
        tracing::warn!(error = format!("{fault:#}"), "old checkouts stay");
    }
    desk.take_up().await;
    let mut bell = desk.flow.edges.broker.bell(Topic::Jobs);
    while !desk.flow.stop.is_cancelled() {
        let permit = tokio::select! {
            permit = Arc::clone(&desk.slots).acquire_owned() => permit.expect("the slots are never closed"),
            () = desk.flow.stop.cancelled() => return,
        };
        match desk.claim().await {
            Ok(Some(claimed)) => desk.begin(claimed, permit).await,
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

impl Desk {
    fn new(flow: Flow) -> Self {
        Self { slots: Arc::new(Semaphore::new(flow.settings.slots)), trouble: Arc::default(), flow }
    }

    /// Says every few seconds that this runner is there, and keeps its jobs.
    async fn beat(self) {
        loop {
            let now = clock::now();
            let store = &self.flow.edges.store;
            let kept = store.renew_leases(&self.flow.settings.instance, lease(now)).await;
            if let Err(fault) = kept.and(self.note(now).await) {
                tracing::warn!(error = format!("{fault:#}"), "the runner cannot note that it is there");
            }
            if !self.flow.pause(BEAT).await {
                return;
            }
        }
    }

    /// Says what is wrong, or that nothing is any more.
    async fn say(&self, trouble: Option<String>) {
        {
            let mut current = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
            if *current == trouble {
                return;
            }
            current.clone_from(&trouble);
        }
        match trouble {
            Some(trouble) => tracing::warn!(trouble, "no jobs can be taken"),
            None => tracing::info!("jobs can be taken again"),
        }
        self.note_now().await;
    }

    async fn note_now(&self) {
        if let Err(fault) = self.note(clock::now()).await {
            tracing::warn!(error = format!("{fault:#}"), "the runner cannot note its state");
        }
    }

    async fn note(&self, now: Timestamp) -> Result<()> {
        let slots = self.flow.settings.slots;
        let runner = Runner {
            name: self.flow.settings.instance.clone(),
            slots: i32::try_from(slots)?,
            busy: i32::try_from(slots.saturating_sub(self.slots.available_permits()))?,
            trouble: self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            seen_at: now,
        };
        let changed = self.flow.edges.store.note_runner(&runner).await?;
        if changed {
            self.flow.edges.broker.ring(Topic::Projects);
        }
        Ok(())
    }

    /// The next job, if the engine answers: a job is not taken to wait for an engine.
    async fn claim(&self) -> Result<Option<ClaimedJob>> {
        self.flow.edges.engine.ping().await?;
        self.say(None).await;
        let now = clock::now();
        self.flow.edges.store.claim_job(&self.flow.settings.instance, lease(now), now).await
    }

    /// Goes on with the jobs that an earlier process held. They need no free slot: they run already.
    async fn take_up(&self) {
        let held = loop {
            match self.flow.edges.store.held_jobs(&self.flow.settings.instance, clock::now()).await {
                Ok(held) => break held,
                Err(fault) => tracing::error!(error = format!("{fault:#}"), "held jobs cannot be listed"),
            }
            if !self.flow.pause(BEAT).await {
                return;
            }
        };
        for claimed in held {
            tracing::info!(job.id = claimed.job.id.0, "a job is taken up again");
            let permit = Arc::clone(&self.slots).try_acquire_owned().ok();
            self.flow.tasks.spawn(self.clone().job(claimed, true, permit));
        }
    }

    async fn begin(&self, claimed: ClaimedJob, permit: OwnedSemaphorePermit) {
        tracing::info!(job.id = claimed.job.id.0, build.number = claimed.build.number, "a job starts");
        report::change(&self.flow.edges, claimed.project.id, claimed.job.id);
        self.flow.tasks.spawn(self.clone().job(claimed, false, Some(permit)));
        self.note_now().await;
    }

    /// Runs a job to its end, unless everything stops meanwhile: then the next start takes it up again.
    async fn job(self, claimed: ClaimedJob, is_taken_up: bool, permit: Option<OwnedSemaphorePermit>) {
        let run = async {
            let outcome = self.outcome(&claimed, is_taken_up).await;
            self.finish(&claimed, &outcome).await;
        };
        tokio::select! {
            () = run => {}
            () = self.flow.stop.cancelled() => {}
        }
        drop(permit);
        self.note_now().await;
    }

    async fn outcome(&self, claimed: &ClaimedJob, is_taken_up: bool) -> Outcome {
        let mut halt = Halt::watch(&self.flow, &claimed.job);
        let mut is_taken_up = is_taken_up;
        loop {
            match attempt(&self.flow, claimed, &mut halt, is_taken_up).await {
                Ok(outcome) => return outcome,
                Err(fault) if is_engine_gone(&fault) => {
                    self.say(Some(sentence(&fault))).await;
                    tokio::select! {
                        () = self.engine_answers() => {}
                        outcome = halt.halted() => return outcome,
                    }
                }
                Err(fault) => return Outcome::Broken(format!("{}.", chain(&fault))),
            }
            is_taken_up = true;
        }
    }

    async fn engine_answers(&self) {
        while self.flow.edges.engine.ping().await.is_err() {
            tokio::time::sleep(ENGINE_LOOK).await;
        }
        self.say(None).await;
    }

    /// Ends the job in the database; until that worked it is tried again, for an end that is not noted is lost.
    async fn finish(&self, claimed: &ClaimedJob, outcome: &Outcome) {
        let attempt = claimed.job.attempt();
        if let Err(fault) = last_words(&self.flow, attempt, outcome).await {
            tracing::error!(
                error = format!("{fault:#}"),
                job.id = attempt.job.0,
                "a log's last line was not written"
            );
        }
        loop {
            match self.flow.edges.store.finish_job(attempt, outcome, clock::now()).await {
                Ok(Some(_)) => break,
                Ok(None) => {
                    tracing::warn!(
                        job.id = attempt.job.0,
                        "a job ended that is no longer held by this attempt"
                    );
                    break;
                }
                Err(fault) => {
                    tracing::error!(error = format!("{fault:#}"), "a job's end cannot be noted yet")
                }
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        tracing::info!(job.id = attempt.job.0, status = outcome.status().word(), "a job ended");
        report::change(&self.flow.edges, claimed.project.id, attempt.job);
        self.flow.tasks.spawn(clear_away(self.flow.clone(), attempt));
    }
}

/// One go at an attempt: from the start, or from where its container stands.
async fn attempt(flow: &Flow, claimed: &ClaimedJob, halt: &mut Halt, is_taken_up: bool) -> Result<Outcome> {
    let mut log = JobLog::open(&flow.edges, claimed.job.attempt()).await?;
    if is_taken_up {
        match follow::find(flow, claimed.job.attempt()).await? {
            follow::Found::Started(container) => {
                return follow::again(flow, &container, &mut log, halt).await;
            }
            follow::Found::Gone(why) => return Ok(Outcome::Broken(why)),
            follow::Found::NotStarted => {
                log.say("Kozmic was interrupted before the script started; it starts now.").await?
            }
        }
    }
    let started = tokio::select! {
        started = prepare::container(flow, claimed, &mut log) => started?,
        outcome = halt.halted() => return Ok(outcome),
    };
    follow::started(flow, started, &mut log, halt).await
}

/// The end of the log says how it ended, where that is not the script's own doing.
async fn last_words(flow: &Flow, attempt: Attempt, outcome: &Outcome) -> Result<()> {
    let Some(reason) = outcome.reason() else { return Ok(()) };
    JobLog::open(&flow.edges, attempt).await?.say(&format!("\u{1b}[1;31m{reason}\u{1b}[0m")).await
}

/// Removes an attempt's container, off the path that people wait on. What fails here is swept up later.
async fn clear_away(flow: Flow, attempt: Attempt) {
    let removed = async {
        for found in flow.edges.engine.containers(&flow.settings.instance).await? {
            if found.attempt == attempt {
                flow.edges.engine.remove(&found.id).await?;
            }
        }
        Ok::<_, EngineError>(())
    };
    if let Err(fault) = removed.await {
        tracing::warn!(job.id = attempt.job.0, %fault, "a container could not be removed yet");
    }
}

fn lease(now: Timestamp) -> Timestamp {
    now.after(LEASE)
}

fn is_engine_gone(fault: &Error) -> bool {
    fault.chain().any(|cause| cause.downcast_ref::<EngineError>().is_some_and(EngineError::is_unreachable))
}

/// The chain of causes as a sentence.
fn sentence(fault: &Error) -> String {
    let text = chain(fault);
    let mut characters = text.chars();
    let first = characters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", characters.as_str().trim_end_matches('.'))
}

fn chain(fault: &Error) -> String {
    format!("{fault:#}")
}
