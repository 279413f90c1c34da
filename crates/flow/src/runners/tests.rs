//! Runners on other machines get the jobs that they may have, and lose what they had not begun if they fall silent.

mod wire;

use super::{forever, lose};
use crate::{
    coordinator::{Here, Patient},
    images::drop_everywhere,
    samples::Installation,
};
use futures_util::FutureExt;
use kozmic_edges::{clock, store::NewRunner};
use kozmic_model::{
    cache::cached_image_name,
    ids::JobId,
    job::{Job, Outcome},
    runner::{RunnerFacts, RunnerRules},
    status::Status,
};
use kozmic_remote::{Connection, Push, Registry, RunnerHello, RunnerToken};
use kozmic_runner::{
    coordinator::{Coordinator, ImageChange, State, Surplus},
    new_key,
    order::Order,
};
use std::sync::Arc;

/// A runner on another machine that is connected.
struct Remote {
    token: RunnerToken,
    line: Box<dyn Connection>,
    coordinator: Arc<dyn Coordinator>,
}

impl Installation {
    /// Adds a runner with these labels, and connects it.
    async fn remote(&self, title: &str, labels: &str) -> Remote {
        let token = RunnerToken::random();
        let rules = RunnerRules { labels: labels.parse().unwrap(), ..RunnerRules::default() };
        let fingerprint = token.fingerprint();
        let new = NewRunner { name: token.name(), title, fingerprint: &fingerprint, rules: &rules };
        assert!(self.flow.edges.store.runners().add(new, clock::now()).await.unwrap());
        self.line(token, "").await.expect("nobody else has the token")
    }

    /// Connects a process of a runner; none if the runner is connected with another one.
    async fn line(&self, token: RunnerToken, process: &str) -> Option<Remote> {
        let registry = self.flow.remote_runners();
        let known = registry.authenticate(&token).await.unwrap().expect("it was added");
        let state = State { slots: 2, busy: 0, trouble: None };
        let process = process.to_owned();
        let hello = RunnerHello { features: Vec::new(), facts: RunnerFacts::default(), state, process };
        let line = registry.connect(&known, hello).await.unwrap()?;
        Some(Remote { token, line, coordinator: registry.coordinator(&known) })
    }

    async fn job(&self, id: JobId) -> Job {
        self.flow.edges.store.builds().job_by_id(id).await.unwrap().unwrap()
    }
}

async fn claim(coordinator: &dyn Coordinator) -> Option<Order> {
    coordinator.claim(&new_key()).await.unwrap()
}

fn own(office: &Installation) -> Patient {
    Patient(Here::new(&office.flow))
}

#[tokio::test]
async fn two_processes_cannot_be_one_runner_at_the_same_time() {
    let office = Installation::new().await;
    let token = office.remote("gpu", "").await.token;
    let first = office.line(token.clone(), "first").await.expect("the one before hung up");
    assert!(office.line(token.clone(), "second").await.is_none());
    assert!(office.line(token.clone(), "").await.is_some(), "a runner of before has no word");
    drop(first);
    let again = office.line(token.clone(), "first").await.expect("nobody is connected");
    assert!(office.line(token.clone(), "first").await.is_some(), "its network changed");
    drop(again);
}

#[tokio::test]
async fn a_job_is_given_only_to_a_runner_with_its_labels() {
    let office = Installation::new().await;
    let here = own(&office);
    let gpu = office.enqueue_labelled("gpu").await;
    let plain = office.enqueue_elsewhere().await;
    assert_eq!(claim(&here).await.unwrap().attempt.job, plain, "the older one is for others");
    assert!(claim(&here).await.is_none());
    let there = office.remote("far", "gpu, ssd").await;
    assert_eq!(claim(there.coordinator.as_ref()).await.unwrap().attempt.job, gpu);
}

#[tokio::test]
async fn a_job_wakes_the_runner_that_built_its_project_and_no_other() {
    let office = Installation::new().await;
    let (mut one, two) = (office.remote("one", "").await, office.remote("two", "").await);
    let first = office.enqueue().await;
    // Of two equals the one with the first name would get it; the other is the first to ask only for the next job.
    let (knows, other) = if one.token.name() < two.token.name() { (&one, &two) } else { (&two, &one) };
    let order = claim(knows.coordinator.as_ref()).await.unwrap();
    assert_eq!(order.attempt.job, first);
    let second = office.enqueue().await;
    assert!(claim(other.coordinator.as_ref()).await.is_none(), "the one that knows the project is free");
    assert_eq!(claim(knows.coordinator.as_ref()).await.unwrap().attempt.job, second);
    drop(two);
    office.flow.dispatcher.wake(&office.flow.edges.store).await.unwrap();
    assert_eq!(one.line.next().await, Some(Push::Wake));
}

#[tokio::test]
async fn a_look_for_waiting_jobs_wakes_a_runner_only_if_one_waits() {
    let office = Installation::new().await;
    let (mut there, dispatcher) = (office.remote("far", "").await, &office.flow.dispatcher);
    dispatcher.look(&office.flow.edges.store).await.unwrap();
    assert_eq!(there.line.next().now_or_never(), None);
    office.enqueue().await;
    dispatcher.look(&office.flow.edges.store).await.unwrap();
    assert_eq!(there.line.next().await, Some(Push::Wake));
}

#[tokio::test]
async fn a_silent_runner_loses_the_jobs_that_it_had_not_begun() {
    let office = Installation::new().await;
    let there = office.remote("far", "").await;
    let job = office.enqueue().await;
    claim(there.coordinator.as_ref()).await.unwrap();
    assert_eq!(office.job(job).await.status, Status::Pending);
    let name = there.token.name().to_owned();
    drop(there);
    lose(&office.flow, &name).await;
    assert_eq!(office.job(job).await.status, Status::Enqueued);
    assert_eq!(office.job(job).await.interruptions, 0);
    assert!(claim(&own(&office)).await.is_some());
}

#[tokio::test]
async fn a_removed_runner_is_hung_up_on_and_refused() {
    let office = Installation::new().await;
    let Remote { token, mut line, .. } = office.remote("far", "").await;
    let looks = tokio::spawn(forever(office.flow.clone()));
    let removed = office.flow.edges.store.runners().remove(token.name(), false, clock::now()).await.unwrap();
    assert!(matches!(removed, kozmic_edges::store::Removed::Done(_)));
    while line.next().await.is_some() {}
    assert!(office.flow.remote_runners().authenticate(&token).await.unwrap().is_none());
    office.flow.stop.cancel();
    looks.await.unwrap();
}

#[tokio::test]
async fn a_drained_runner_hears_of_it_and_gets_no_job() {
    let office = Installation::new().await;
    let mut there = office.remote("far", "").await;
    let looks = tokio::spawn(forever(office.flow.clone()));
    let set = async |drains| {
        office.flow.edges.store.runners().set_draining(there.token.name(), drains).await.unwrap();
    };
    set(true).await;
    while there.line.next().await != Some(Push::Drain(true)) {}
    office.enqueue().await;
    assert!(claim(there.coordinator.as_ref()).await.is_none());
    set(false).await;
    while there.line.next().await != Some(Push::Drain(false)) {}
    assert!(claim(there.coordinator.as_ref()).await.is_some());
    office.flow.stop.cancel();
    looks.await.unwrap();
}

#[tokio::test]
async fn a_dropped_image_is_forgotten_on_all_runners_and_they_hear_of_it() {
    let office = Installation::new().await;
    let one = office.remote("one", "").await;
    office.enqueue().await;
    let order = claim(one.coordinator.as_ref()).await.unwrap();
    one.coordinator.end(&order, &Outcome::Returned(0)).await.unwrap();
    let mut runners = [one, office.remote("two", "").await];
    let keys = runners.each_ref().map(|there| format!("0123-{}", there.token.name()));
    for (there, key) in runners.iter().zip(&keys) {
        there.coordinator.note_image(&order, ImageChange::Made { key, size: 1 }).await.unwrap();
    }
    let images = office.flow.edges.store.images();
    let known = images.cached_images(order.project).await.unwrap();
    assert!(drop_everywhere(&office.flow.edges, &office.flow.shelf(), &known[0]).await.unwrap());
    assert!(images.cached_images(order.project).await.unwrap().is_empty());
    for (there, key) in runners.iter_mut().zip(&keys) {
        while there.line.next().await != Some(Push::Images) {}
        assert_eq!(there.coordinator.use_image(&order, key).await.unwrap(), None);
        let name = cached_image_name(order.project, key).parse().unwrap();
        let surplus = there.coordinator.surplus_images(&[name]).await.unwrap();
        assert!(matches!(&surplus[..], [Surplus::Named(_)]), "{surplus:?}");
    }
}
