//! Old things are removed when their time has come, and nothing that goes on is.

use super::*;
use crate::samples::Installation;
use kozmic_edges::{
    logs::Source,
    store::{Among, Endpoint, Lane, Lease, NewDelivery, Stored},
};
use kozmic_model::{
    ids::{DeliveryId, JobId},
    job::{Attempt, Outcome},
};
use std::fs::File;

const HERE: Lease<'_> = Lease { runner: "0123456789ab", until: Timestamp(i64::MAX), key: None };

fn days(count: u64) -> Duration {
    Duration::from_secs(count * 86_400)
}

fn ago(age: Duration) -> Timestamp {
    clock::now().before(age)
}

fn keeping_logs(kept: Duration) -> Retention {
    Retention { logs: Some(kept), ..Retention::default() }
}

/// Runs the waiting job at a time in the past. Its log was written then.
async fn run(here: &Installation, age: Duration) -> Attempt {
    let store = &here.flow.edges.store;
    let job =
        store.queue().claim_job(Lane::Containers, HERE, Among::All, ago(age)).await.unwrap().unwrap().job;
    let attempt = job.attempt();
    write(here, attempt, age).await;
    store.queue().finish_job(attempt, &Outcome::Returned(1), ago(age)).await.unwrap().unwrap();
    attempt
}

async fn write(here: &Installation, attempt: Attempt, age: Duration) {
    let mut log = here.flow.edges.logs.writer(attempt).await.unwrap();
    log.append(Source::Output, "hello\n".into(), ago(age)).await.unwrap();
    let name = format!("logs/0/{}-{}.log", attempt.job, attempt.number);
    let file = File::options().write(true).open(here.dir.path().join(name)).unwrap();
    file.set_modified(SystemTime::now() - age).unwrap();
}

async fn length(here: &Installation, attempt: Attempt) -> u64 {
    here.flow.edges.logs.reader(attempt).len().await.unwrap()
}

#[tokio::test]
async fn a_log_is_kept_for_ever_or_as_long_as_the_settings_say() {
    for (retention, left) in
        [(Retention::default(), 6), (keeping_logs(days(101)), 6), (keeping_logs(days(99)), 0)]
    {
        let here = Installation::keeping(retention).await;
        here.enqueue().await;
        let old = run(&here, days(100)).await;
        forget(&here.flow).await;
        assert_eq!(length(&here, old).await, left, "{retention:?}");
        assert!(here.flow.edges.store.builds().job_by_id(old.job).await.unwrap().is_some(), "its job stays");
    }
}

#[tokio::test]
async fn the_log_of_an_attempt_that_goes_on_stays_however_silent_it_is() {
    let here = Installation::keeping(keeping_logs(days(1))).await;
    let job = here.enqueue().await;
    let runs = here
        .flow
        .edges
        .store
        .queue()
        .claim_job(Lane::Containers, HERE, Among::All, ago(days(9)))
        .await
        .unwrap()
        .unwrap()
        .job;
    assert_eq!(runs.id, job);
    write(&here, runs.attempt(), days(8)).await;
    let nobodys = Attempt { job: JobId(900), number: 1 };
    write(&here, nobodys, days(8)).await;
    forget(&here.flow).await;
    assert_eq!((length(&here, runs.attempt()).await, length(&here, nobodys).await), (6, 6));
}

#[tokio::test]
async fn earlier_attempts_go_with_their_logs_and_the_present_one_stays() {
    let here = Installation::keeping(Retention { attempts: Some(days(9)), ..Retention::default() }).await;
    let job = here.enqueue().await;
    let first = run(&here, days(30)).await;
    let store = &here.flow.edges.store;
    store.queue().restart_job(job, ago(days(20))).await.unwrap().unwrap();
    let second = run(&here, days(20)).await;
    store.queue().restart_job(job, ago(days(1))).await.unwrap().unwrap();
    let third = run(&here, days(1)).await;
    forget(&here.flow).await;
    assert!(store.builds().past_attempts(job).await.unwrap().is_empty());
    let lengths = [length(&here, first).await, length(&here, second).await, length(&here, third).await];
    assert_eq!(lengths, [0, 0, 6]);
    assert_eq!(store.builds().job_by_id(job).await.unwrap().unwrap().attempt, 3);
}

#[tokio::test]
async fn a_failed_delivery_is_kept_as_long_as_the_settings_say() {
    for (kept, is_kept) in [(None, true), (Some(days(101)), true), (Some(days(99)), false)] {
        let here = Installation::keeping(Retention { failed_deliveries: kept, ..Retention::default() }).await;
        let store = &here.flow.edges.store;
        let delivery = |payload: &str| NewDelivery {
            endpoint: Endpoint::AutoBuilder,
            uuid: "one".into(),
            event: "push".into(),
            payload: payload.into(),
        };
        store.deliveries().store_delivery(delivery("old"), ago(days(100))).await.unwrap();
        let waiting = store.deliveries().waiting_delivery(DeliveryId(0)).await.unwrap().unwrap().id;
        store.deliveries().fail_delivery(waiting, "It cannot be read.").await.unwrap();
        forget(&here.flow).await;
        // If a delivery is still known, it is worked on once more, with its first payload.
        assert_eq!(
            store.deliveries().store_delivery(delivery("new"), clock::now()).await.unwrap(),
            Stored::New
        );
        let again = store.deliveries().waiting_delivery(DeliveryId(0)).await.unwrap().unwrap().delivery;
        assert_eq!(again.payload == b"old", is_kept, "{kept:?}");
    }
}
