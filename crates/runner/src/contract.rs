//! The contract of a coordinator: cases that each implementation passes.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "its cases are tests, and panic")]

use crate::{
    claim::new_key,
    coordinator::{Beginning, Coordinator, ImageChange, Leave, Standing, State},
    order::Order,
};
use async_trait::async_trait;
use futures_util::FutureExt;
use kozmic_model::{
    cache::CacheInputs,
    ids::JobId,
    image::ImageName,
    job::Outcome,
    phase::{Phase, PhaseKind},
    time::Timestamp,
};
use std::sync::Arc;

/// A coordinator under test, with the actions of people beside the runner.
#[async_trait]
pub trait Office: Sync {
    /// The coordinator for one process of the runner.
    fn coordinator(&self) -> Arc<dyn Coordinator>;

    /// Enqueues a hook's job of a branch. Its image is `debian`.
    async fn enqueue(&self) -> JobId;

    /// Enqueues such a job of another project.
    async fn enqueue_elsewhere(&self) -> JobId;

    /// Cancels a job as a person does.
    async fn cancel(&self, job: JobId, why: &str);
}

/// Runs all cases, one after another.
///
/// # Panics
/// A case fails.
pub async fn holds(office: &impl Office) {
    each_job_is_claimed_once_and_held_by_the_next_process(office).await;
    a_waiting_job_wakes_the_runner(office).await;
    a_repeated_claim_gives_the_same_order(office).await;
    a_job_that_is_given_back_waits_again_and_was_not_interrupted(office).await;
    a_canceled_job_that_is_given_back_ends(office).await;
    a_job_whose_script_may_have_begun_is_not_given_back(office).await;
    what_is_noted_of_an_attempt_is_its_standing(office).await;
    a_script_begins_only_for_who_holds_the_job(office).await;
    a_cancel_request_stops_the_attempt_and_stays(office).await;
    an_end_is_taken_once(office).await;
    an_image_is_used_from_when_it_was_made_until_it_is_gone(office).await;
    inputs_are_compared_with_those_of_before(office).await;
    an_image_of_a_branch_keeps_its_name(office).await;
    what_another_projects_login_brought_is_not_for_the_asking(office).await;
}

async fn claim(coordinator: &Arc<dyn Coordinator>) -> Option<Order> {
    coordinator.claim(&new_key()).await.unwrap()
}

async fn claimed(office: &impl Office) -> (Arc<dyn Coordinator>, Order) {
    let job = office.enqueue().await;
    let coordinator = office.coordinator();
    let order = claim(&coordinator).await.expect("a job waits");
    assert_eq!(order.attempt.job, job);
    (coordinator, order)
}

async fn end(coordinator: &Arc<dyn Coordinator>, order: &Order) {
    coordinator.end(order, &Outcome::Returned(0)).await.unwrap();
}

async fn each_job_is_claimed_once_and_held_by_the_next_process(office: &impl Office) {
    let (coordinator, order) = claimed(office).await;
    assert!(claim(&coordinator).await.is_none());
    let state = State { slots: 2, busy: 1, trouble: None };
    coordinator.note_state(&state).await.unwrap();
    coordinator.beat(&state).await.unwrap();
    let held = office.coordinator().held().await.unwrap();
    let attempts = held.iter().map(|held| held.attempt).collect::<Vec<_>>();
    assert_eq!(attempts, [order.attempt]);
    assert_eq!((&held[0].spec, &held[0].sha), (&order.spec, &order.sha));
    end(&coordinator, &order).await;
    assert!(office.coordinator().held().await.unwrap().is_empty());
}

async fn a_waiting_job_wakes_the_runner(office: &impl Office) {
    let coordinator = office.coordinator();
    assert!(claim(&coordinator).await.is_none());
    // The job arrives after the look, and before the wait.
    office.enqueue().await;
    coordinator.woken().await;
    let order = claim(&coordinator).await.expect("a job waits");
    end(&coordinator, &order).await;
}

async fn a_repeated_claim_gives_the_same_order(office: &impl Office) {
    let (coordinator, key) = (office.coordinator(), new_key());
    assert!(coordinator.claim(&key).await.unwrap().is_none());
    let jobs = [office.enqueue().await, office.enqueue_elsewhere().await];
    // A claim that gave nothing may be repeated, too.
    let order = coordinator.claim(&key).await.unwrap().expect("a job waits");
    let again = coordinator.claim(&key).await.unwrap().expect("the runner holds it");
    assert_eq!((again.attempt, &again.spec), (order.attempt, &order.spec));
    drop(coordinator);
    let coordinator = office.coordinator();
    let again = coordinator.claim(&key).await.unwrap().expect("a later process holds it, too");
    assert_eq!((again.attempt, &again.spec), (order.attempt, &order.spec));
    let other = claim(&coordinator).await.expect("another job waits");
    assert_eq!([order.attempt.job, other.attempt.job], jobs);
    end(&coordinator, &order).await;
    assert!(coordinator.claim(&key).await.unwrap().is_none(), "it has ended");
    end(&coordinator, &other).await;
}

async fn a_job_that_is_given_back_waits_again_and_was_not_interrupted(office: &impl Office) {
    let (coordinator, order) = claimed(office).await;
    let pulling = [Phase::begin(PhaseKind::Pull, Timestamp(5))];
    coordinator.note_phases(&order, &pulling).await.unwrap();
    for _ in 0..2 {
        coordinator.give_back(&order).await.unwrap();
    }
    assert_eq!(coordinator.standing(order.attempt).await.unwrap(), None);
    coordinator.woken().await;
    let again = claim(&coordinator).await.expect("it waits again");
    assert_eq!((again.attempt.job, again.interruptions), (order.attempt.job, 0));
    assert!(again.attempt.number > order.attempt.number && again.phases.is_empty());
    // A late report of the attempt that was given back changes nothing.
    coordinator.give_back(&order).await.unwrap();
    let late = Beginning { container: "late", cache_key: None, phases: &[] };
    assert!(!coordinator.begin_script(&order, &late).await.unwrap());
    assert!(coordinator.standing(again.attempt).await.unwrap().is_some());
    end(&coordinator, &again).await;
}

async fn a_canceled_job_that_is_given_back_ends(office: &impl Office) {
    let (coordinator, order) = claimed(office).await;
    office.cancel(order.attempt.job, "By anna.").await;
    coordinator.give_back(&order).await.unwrap();
    assert!(claim(&coordinator).await.is_none());
    assert!(coordinator.held().await.unwrap().is_empty());
}

async fn a_job_whose_script_may_have_begun_is_not_given_back(office: &impl Office) {
    let (coordinator, order) = claimed(office).await;
    let begun = Beginning { container: "one", cache_key: None, phases: &[] };
    assert!(coordinator.begin_script(&order, &begun).await.unwrap());
    coordinator.give_back(&order).await.unwrap();
    assert!(coordinator.standing(order.attempt).await.unwrap().is_some());
    end(&coordinator, &order).await;
}

async fn what_is_noted_of_an_attempt_is_its_standing(office: &impl Office) {
    let (coordinator, order) = claimed(office).await;
    let fresh = Standing { phases: Vec::new(), container: None, cancellation: None };
    assert_eq!(coordinator.standing(order.attempt).await.unwrap(), Some(fresh.clone()));
    let phases = vec![Phase::begin(PhaseKind::Pull, Timestamp(5))];
    for _ in 0..2 {
        coordinator.note_phases(&order, &phases).await.unwrap();
    }
    let pulling = Standing { phases: phases.clone(), ..fresh };
    assert_eq!(coordinator.standing(order.attempt).await.unwrap(), Some(pulling.clone()));
    let install = Beginning { container: "one", cache_key: Some("key"), phases: &phases };
    for _ in 0..2 {
        assert!(coordinator.begin_script(&order, &install).await.unwrap());
    }
    let standing = coordinator.standing(order.attempt).await.unwrap().expect("it holds");
    assert_eq!(standing.container.as_deref(), Some("one"));
    let held = coordinator.held().await.unwrap();
    assert_eq!((held[0].cache_key.as_deref(), &held[0].phases), (Some("key"), &phases));
    for _ in 0..2 {
        coordinator.forget_container(order.attempt).await.unwrap();
    }
    assert_eq!(coordinator.standing(order.attempt).await.unwrap(), Some(pulling));
    assert_eq!(coordinator.held().await.unwrap()[0].cache_key, None);
    end(&coordinator, &order).await;
}

async fn a_script_begins_only_for_who_holds_the_job(office: &impl Office) {
    let (coordinator, order) = claimed(office).await;
    end(&coordinator, &order).await;
    let beginning = Beginning { container: "late", cache_key: None, phases: &[] };
    assert!(!coordinator.begin_script(&order, &beginning).await.unwrap());
    assert_eq!(coordinator.standing(order.attempt).await.unwrap(), None);
    // The runner no longer holds the job, so its reports change nothing.
    coordinator.note_phases(&order, &[Phase::begin(PhaseKind::Pull, Timestamp(5))]).await.unwrap();
    coordinator.forget_container(order.attempt).await.unwrap();
    assert_eq!(coordinator.standing(order.attempt).await.unwrap(), None);
}

async fn a_cancel_request_stops_the_attempt_and_stays(office: &impl Office) {
    let (coordinator, order) = claimed(office).await;
    let stopped = coordinator.stopped(order.attempt);
    tokio::pin!(stopped);
    assert!(stopped.as_mut().now_or_never().is_none());
    office.cancel(order.attempt.job, "By anna.").await;
    let canceled = Outcome::Canceled("By anna.".to_owned());
    assert_eq!(stopped.await, canceled);
    let standing = office.coordinator().standing(order.attempt).await.unwrap().expect("it holds");
    assert_eq!(standing.cancellation, Some(canceled.clone()));
    coordinator.end(&order, &canceled).await.unwrap();
}

async fn an_end_is_taken_once(office: &impl Office) {
    let (coordinator, order) = claimed(office).await;
    for outcome in [Outcome::Returned(0), Outcome::Returned(0), Outcome::Broken("Late.".to_owned())] {
        coordinator.end(&order, &outcome).await.unwrap();
    }
    assert_eq!(coordinator.standing(order.attempt).await.unwrap(), None);
    assert!(claim(&coordinator).await.is_none(), "it does not run again");
    coordinator.cleared(order.attempt).await;
}

async fn an_image_is_used_from_when_it_was_made_until_it_is_gone(office: &impl Office) {
    let (coordinator, order) = claimed(office).await;
    assert_eq!(coordinator.use_image(&order, "made").await.unwrap(), None);
    for _ in 0..2 {
        coordinator.note_image(&order, ImageChange::Made { key: "made", size: 7 }).await.unwrap();
    }
    let image = coordinator.use_image(&order, "made").await.unwrap().expect("it was made");
    assert_eq!((image.key.as_str(), image.size, image.project), ("made", 7, order.project));
    assert_eq!(coordinator.use_image(&order, "other").await.unwrap(), None);
    let image = coordinator.use_image(&order, "made").await.unwrap().expect("it is used again");
    for _ in 0..2 {
        coordinator.note_image(&order, ImageChange::Gone(&image)).await.unwrap();
    }
    assert_eq!(coordinator.use_image(&order, "made").await.unwrap(), None);
    end(&coordinator, &order).await;
}

async fn inputs_are_compared_with_those_of_before(office: &impl Office) {
    let (coordinator, order) = claimed(office).await;
    let inputs =
        |base: &str| CacheInputs { base: base.to_owned(), script: "s".to_owned(), tracked: Vec::new() };
    assert_eq!(coordinator.compare_inputs(&order, &inputs("one")).await.unwrap(), None);
    let before = coordinator.compare_inputs(&order, &inputs("two")).await.unwrap();
    assert_eq!(before, Some(inputs("one")));
    assert_eq!(coordinator.compare_inputs(&order, &inputs("two")).await.unwrap(), Some(inputs("two")));
    end(&coordinator, &order).await;
}

async fn an_image_of_a_branch_keeps_its_name(office: &impl Office) {
    let (coordinator, order) = claimed(office).await;
    let plain = "anna/hello:main".parse::<ImageName>().expect("a name");
    let first = coordinator.image_name(&order, &plain).await.unwrap();
    assert!(!first.has_newer);
    coordinator.note_image(&order, ImageChange::Kept { name: &first.name, id: "sha256:1" }).await.unwrap();
    assert_eq!(coordinator.image_name(&order, &plain).await.unwrap(), first);
    assert_eq!(coordinator.kept_image(&first.name).await.unwrap().as_deref(), Some("sha256:1"));
    for (id, leave) in [("sha256:1", Leave::Kept), ("sha256:2", Leave::Given)] {
        assert_eq!(coordinator.leave(&order, &plain, id).await.unwrap(), leave);
    }
    assert_eq!(coordinator.kept_image(&"anna/hello:other".parse().unwrap()).await.unwrap(), None);
    end(&coordinator, &order).await;
}

async fn what_another_projects_login_brought_is_not_for_the_asking(office: &impl Office) {
    let (coordinator, order) = claimed(office).await;
    let [one, other] = ["a.example/one:1", "a.example/other:1"].map(|name| name.parse().expect("a name"));
    let job = office.enqueue_elsewhere().await;
    let elsewhere = claim(&coordinator).await.expect("a job waits");
    assert!(elsewhere.attempt.job == job && elsewhere.project != order.project);
    let leave = async |order: &Order, image: &ImageName| {
        coordinator.leave(order, image, "sha256:2").await.unwrap() == Leave::Given
    };
    let may = async |image| (leave(&order, image).await, leave(&elsewhere, image).await);
    assert_eq!(may(&one).await, (true, true));
    for _ in 0..2 {
        coordinator.note_image(&order, ImageChange::Pulling(&one)).await.unwrap();
    }
    assert_eq!(may(&one).await, (false, false));
    for _ in 0..2 {
        coordinator.note_image(&order, ImageChange::Pulled { name: &one, has_login: true }).await.unwrap();
    }
    assert_eq!((may(&one).await, may(&other).await), ((true, false), (true, true)));
    coordinator.note_image(&elsewhere, ImageChange::Pulling(&one)).await.unwrap();
    coordinator.note_image(&elsewhere, ImageChange::NotPulled(&one)).await.unwrap();
    assert_eq!(may(&one).await, (true, false), "it was refused");
    coordinator.note_image(&elsewhere, ImageChange::Pulled { name: &one, has_login: false }).await.unwrap();
    assert_eq!(may(&one).await, (true, true));
    end(&coordinator, &elsewhere).await;
    end(&coordinator, &order).await;
}
