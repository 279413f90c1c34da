//! Runners whose machines lost the end of a log that the server has.

use crate::{
    logs::{Writing, content, ends_with_the_whole_log},
    stage::{RunnersEnd, Stage},
};
use kozmic_runner::{coordinator::Coordinator, order::Order};
use std::fs;

/// A runner whose process ended after the server got its log. Its directory is `first`.
async fn after_a_crash(stage: &Stage) -> Order {
    let runner = stage.runner_in("first", &stage.token);
    stage.known.ledger.give(crate::stage::order(1));
    let order = runner.away.claim(&kozmic_runner::new_key()).await.unwrap().expect("a job waits");
    let mut writing = Writing::new(&runner, &order).await;
    for length in [500, 300_000, 700] {
        writing.write(length).await;
    }
    writing.next_container().await;
    writing.write(50).await;
    writing.read_again();
    writing.write(9).await;
    stage.log_has(&order, 301_259).await;
    order
}

/// The next process has at least the server's log before it goes on.
async fn goes_on(stage: &Stage, order: &Order, runner: RunnersEnd) {
    let held = runner.away.held().await.unwrap();
    assert_eq!(held[0].attempt, order.attempt);
    let (own, theirs) = (content(&runner.logs, order).await.0, stage.log(order).await);
    assert!(own.starts_with(&theirs), "{} of {} bytes", own.len(), theirs.len());
    let mut writing = Writing::new(&runner, order).await;
    writing.write(40).await;
    ends_with_the_whole_log(stage, &runner, order).await;
}

#[tokio::test]
async fn a_runner_with_no_file_gets_the_whole_log() {
    let stage = Stage::new().await;
    let order = after_a_crash(&stage).await;
    goes_on(&stage, &order, stage.runner()).await;
}

#[tokio::test]
async fn a_runner_with_a_shorter_file_gets_the_rest() {
    for (log, index) in [(0, 1_000), (501, 1_000), (200_000, 1_000), (1_000_000, 40), (301_200, 64)] {
        let stage = Stage::new().await;
        let order = after_a_crash(&stage).await;
        for (name, length) in [("1-1.log", log), ("1-1.index", index)] {
            let path = stage.dir.path().join("first/0").join(name);
            let whole = fs::read(&path).unwrap();
            fs::write(&path, &whole[..whole.len().min(length)]).unwrap();
        }
        goes_on(&stage, &order, stage.runner_in("first", &stage.token)).await;
    }
}

#[tokio::test]
async fn a_runner_that_has_more_than_the_server_sends_it() {
    let stage = Stage::new().await;
    let runner = stage.runner_in("first", &stage.token);
    stage.known.ledger.give(crate::stage::order(1));
    let order = runner.away.claim(&kozmic_runner::new_key()).await.unwrap().expect("a job waits");
    let mut writing = Writing::new(&runner, &order).await;
    writing.write(100).await;
    stage.log_has(&order, 100).await;
    stage.proxy.close();
    writing.write(100).await;
    drop(runner);
    stage.proxy.open();
    goes_on(&stage, &order, stage.runner_in("first", &stage.token)).await;
}
