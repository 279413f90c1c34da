//! The seats of connected runners: one process of a runner at a time, and the newest connection of it.

use super::{Connection, Decision, Dispatcher};
use kozmic_edges::broker::Broker;
use kozmic_model::{
    ids::ProjectId,
    runner::{REMOTE_SILENCE, Runner, RunnerFacts},
};
use std::{collections::BTreeSet, time::Duration};

const NAME: &str = "0a1b2c3d4e5f";

#[derive(Default)]
struct Office {
    dispatcher: Dispatcher,
    broker: Broker,
}

impl Office {
    fn connect(&self, process: &str) -> Option<Connection> {
        self.enter(self.dispatcher.arrive(process.to_owned()))
    }

    fn enter(&self, arrival: super::Arrival) -> Option<Connection> {
        let runner = Runner { slots: 1, is_remote: true, ..Runner::new(NAME) };
        self.dispatcher.connect(&self.broker, runner, BTreeSet::new(), arrival)
    }
}

#[tokio::test(start_paused = true)]
async fn another_process_is_let_in_when_the_one_before_is_silent() {
    let office = Office::default();
    let first = office.connect("first").expect("nobody is connected");
    assert!(office.connect("second").is_none());
    tokio::time::advance(REMOTE_SILENCE / 2).await;
    first.hear();
    tokio::time::advance(REMOTE_SILENCE / 2).await;
    assert!(office.connect("second").is_none(), "the first was heard of");
    tokio::time::advance(REMOTE_SILENCE / 2).await;
    let second = office.connect("second").expect("the first is silent");
    assert_eq!(first.decision(), Decision::Removed);
    drop(first);
    assert!(second.heard().is_some(), "the first took nothing with it");
}

#[tokio::test]
async fn a_line_that_came_earlier_does_not_take_the_place_of_a_later_one() {
    let office = Office::default();
    let slow = office.dispatcher.arrive("word".to_owned());
    let later = office.connect("word").expect("nobody is connected");
    assert!(office.enter(slow).is_none());
    assert_eq!(later.decision(), Decision::Draining(false));
    assert_eq!(office.dispatcher.newest(NAME), later.number());
}

#[tokio::test]
async fn words_of_a_line_whose_place_was_taken_change_nothing() {
    let office = Office::default();
    let before = office.connect("word").unwrap();
    let now = office.connect("word").expect("its network changed");
    before.change(|runner| runner.busy = 1);
    assert!(before.heard().is_none());
    assert_eq!(office.dispatcher.free(None).len(), 1);
    now.change(|runner| runner.busy = 1);
    assert!(office.dispatcher.free(None).is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_woken_runner_that_does_not_claim_is_passed_over_until_it_reports() {
    let office = Office::default();
    let runner = office.connect("word").unwrap();
    office.dispatcher.ring(NAME);
    runner.woken().await;
    assert_eq!(office.dispatcher.free(None).len(), 1);
    tokio::time::advance(super::PATIENCE).await;
    assert!(office.dispatcher.free(None).is_empty());
    runner.change(|runner| runner.slots = 2);
    assert_eq!(office.dispatcher.free(None).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn only_facts_that_make_labels_ring_for_jobs() {
    let office = Office::default();
    let runner = office.connect("word").unwrap();
    let mut bell = office.broker.bell(kozmic_edges::broker::Topic::Jobs);
    let facts = RunnerFacts { disk_free: Some(5), ..RunnerFacts::default() };
    runner.note_facts(&facts);
    let rung = tokio::time::timeout(Duration::from_millis(1), bell.rung()).await;
    assert!(rung.is_err(), "the disk is no label");
    runner.note_facts(&RunnerFacts { architecture: Some("arm64".to_owned()), ..facts });
    bell.rung().await;
}

#[tokio::test(start_paused = true)]
async fn a_project_that_is_built_each_day_is_noted_each_day() {
    let office = Office::default();
    let _runner = office.connect("word").unwrap();
    let note = || office.dispatcher.note_built(NAME, ProjectId(1));
    assert!(note() && !note());
    tokio::time::advance(Duration::from_hours(24)).await;
    assert!(note() && !note());
}
