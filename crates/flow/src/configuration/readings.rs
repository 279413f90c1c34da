//! Runs the readings of the configuration: jobs in a lane of their own, one after another, in no container.

use super::check;
use crate::{AutobuildSettings, Flow, coordinator::order, ring};
use anyhow::Result;
use futures_util::FutureExt;
use kozmic_edges::{
    broker::Topic,
    clock,
    store::{Among, ClaimedJob, Lane, Lease},
};
use kozmic_model::{job::Outcome, runner::ClaimKey};
use kozmic_runner::{Runner, halt::Halt, new_key, words::sentence};
use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

/// Interval at which readings are looked for even if no bell rings.
const BEAT: Duration = Duration::from_secs(5);

/// Reads the configuration each time a reading is planned, one commit after another.
pub(super) async fn forever(flow: &Flow, settings: &AutobuildSettings, runner: &Runner) {
    let mut bell = flow.edges.broker.bell(Topic::Jobs);
    for claimed in held(flow).await {
        reading(flow, settings, runner, claimed).await;
    }
    let mut key = new_key();
    while !flow.stop.is_cancelled() {
        match claim(flow, &key).await {
            Ok(Some(claimed)) => {
                key = new_key();
                reading(flow, settings, runner, claimed).await;
                continue;
            }
            Ok(None) => {}
            Err(fault) => {
                tracing::error!(error = format!("{fault:#}"), "the configuration's queue cannot be read");
            }
        }
        tokio::select! {
            () = bell.rung() => {}
            () = tokio::time::sleep(BEAT) => {}
            () = flow.stop.cancelled() => {}
        }
    }
}

/// The readings that an earlier process held; none if everything stops first. Asks the database until it answers.
async fn held(flow: &Flow) -> Vec<ClaimedJob> {
    let store = &flow.edges.store;
    loop {
        match store.queue().held_jobs(Lane::Configuration, &flow.settings.runner, clock::now()).await {
            Ok(held) => return held,
            Err(fault) => tracing::error!(error = format!("{fault:#}"), "held readings cannot be listed"),
        }
        if !flow.pause(BEAT).await {
            return Vec::new();
        }
    }
}

/// The next reading, if the disk has room for it. The same key gives the same reading if the answer was lost.
async fn claim(flow: &Flow, key: &ClaimKey) -> Result<Option<ClaimedJob>> {
    if flow.edges.room.trouble().is_some() {
        return Ok(None);
    }
    let lease =
        Lease { runner: &flow.settings.runner, until: flow.settings.lease(clock::now()), key: Some(key) };
    flow.edges.store.queue().claim_job(Lane::Configuration, lease, Among::All, clock::now()).await
}

/// Reads the configuration of one commit. If everything stops meanwhile, the next start does it.
async fn reading(flow: &Flow, settings: &AutobuildSettings, runner: &Runner, claimed: ClaimedJob) {
    ring::change(&flow.edges, claimed.project.id, claimed.job.id);
    let order = Arc::new(order(flow, claimed.clone()).await);
    let mut halt = Halt::watch(runner, &order, Duration::ZERO);
    let run = async {
        let read = check::commit(flow, settings, runner, &order, &claimed);
        let outcome = tokio::select! {
            read = AssertUnwindSafe(read).catch_unwind() => match read {
                Ok(Ok(outcome)) => outcome,
                Ok(Err(fault)) => Outcome::Broken(sentence(&fault)),
                Err(_) => Outcome::Broken(kozmic_runner::OUR_FAULT.to_owned()),
            },
            outcome = halt.halted() => outcome,
        };
        kozmic_runner::finish(runner, &order, &outcome).await;
    };
    tokio::select! {
        () = run => {}
        () = flow.stop.cancelled() => {}
    }
}
