//! Logs over connections that break, and to servers that forget.

use crate::{
    proxy::Cut,
    stage::{RunnersEnd, Stage, until},
};
use bytes::Bytes;
use kozmic_edges::logs::{LogWriter, Logs, Source};
use kozmic_model::{job::Outcome, time::Timestamp};
use kozmic_runner::{coordinator::Coordinator, order::Order};
use std::{fs, path::PathBuf};

/// Output of two containers with bytes that are no text, read again in between.
pub(crate) struct Writing<'a> {
    runner: &'a RunnersEnd,
    order: &'a Order,
    writer: LogWriter,
    count: u8,
}

impl<'a> Writing<'a> {
    pub(crate) async fn new(runner: &'a RunnersEnd, order: &'a Order) -> Self {
        let writer = runner.logs.writer(order.attempt).await.unwrap();
        Self { runner, order, writer, count: 0 }
    }

    /// Appends a piece of this length, of which each has other bytes.
    pub(crate) async fn write(&mut self, length: usize) {
        self.count = self.count.wrapping_add(1);
        let source = if self.count.is_multiple_of(3) { Source::ErrorOutput } else { Source::Output };
        let bytes =
            (0..length).map(|at| self.count.wrapping_mul(31).wrapping_add(at as u8)).collect::<Bytes>();
        self.writer.append(source, bytes, Timestamp(i64::from(self.count))).await.unwrap();
        self.runner.away.log_grew(self.order);
    }

    pub(crate) async fn next_container(&mut self) {
        self.writer.begin_container(Timestamp(1)).await.unwrap();
        self.runner.away.log_grew(self.order);
    }

    pub(crate) fn read_again(&mut self) {
        self.writer.read_again();
    }
}

/// The bytes of a log, and the part that a second reading of the output leaves out.
pub(crate) async fn content(logs: &Logs, order: &Order) -> (Bytes, String) {
    let bytes = logs.reader(order.attempt).read(0, 1 << 26).await.unwrap();
    let known = logs.writer(order.attempt).await.unwrap().read_again();
    (bytes, format!("{known:?}"))
}

/// Ends the attempt, after which the server must have the same log that the runner had.
pub(crate) async fn ends_with_the_whole_log(stage: &Stage, runner: &RunnersEnd, order: &Order) {
    let own = content(&runner.logs, order).await;
    runner.away.end(order, &Outcome::Returned(0)).await.unwrap();
    let theirs = content(&stage.known.logs, order).await;
    assert_eq!(theirs.0.len(), own.0.len());
    assert!(theirs == own, "the logs differ");
    assert_eq!(stage.known.ledger.notes().ended.len(), 1);
    assert_eq!(runner.logs.reader(order.attempt).len().await.unwrap(), 0, "the runner's file is gone");
}

fn server_log(stage: &Stage) -> PathBuf {
    stage.dir.path().join("server/logs/0/1-1.log")
}

#[tokio::test]
async fn a_log_arrives_whole_with_the_marks_of_its_containers() {
    let stage = Stage::new().await;
    let (runner, order) = stage.claimed().await;
    let mut writing = Writing::new(&runner, &order).await;
    for length in [1, 100, 70_000, 600_000, 3] {
        writing.write(length).await;
    }
    writing.next_container().await;
    writing.write(9).await;
    writing.read_again();
    writing.write(50).await;
    // The last mark has no bytes behind it.
    writing.next_container().await;
    ends_with_the_whole_log(&stage, &runner, &order).await;
}

#[tokio::test]
async fn a_log_over_many_cuts_has_no_byte_lost_or_doubled() {
    let stage = Stage::new().await;
    // Each connection gets through a little more. Requests and answers of handshakes have a few hundred bytes.
    let ups = (0..40).map(|count| Cut::Up(300 + 61 * count));
    let downs = (0..40).map(|count| Cut::Down(100 + 13 * count));
    stage.proxy.cut(ups.zip(downs).flat_map(|(up, down)| [up, down]));
    let (runner, order) = stage.claimed().await;
    let mut writing = Writing::new(&runner, &order).await;
    let (mut length, mut total) = (7, 0);
    while stage.proxy.cuts_left() > 0 {
        let logs = stage.proxy.logs();
        writing.write(length).await;
        total += length;
        if length % 5 == 0 {
            writing.next_container().await;
        }
        length = (length * 3 + 1) % 301;
        until(async || stage.proxy.logs() > logs || stage.log(&order).await.len() == total).await;
    }
    ends_with_the_whole_log(&stage, &runner, &order).await;
}

#[tokio::test]
async fn a_large_log_over_cuts_within_frames_arrives_whole() {
    let stage = Stage::new().await;
    stage.proxy.cut((0..20).map(|count| Cut::Up(250_000 + 3_989 * count)));
    let (runner, order) = stage.claimed().await;
    let mut writing = Writing::new(&runner, &order).await;
    for count in 0..200 {
        writing.write(1 + count * 997 % 60_000).await;
    }
    ends_with_the_whole_log(&stage, &runner, &order).await;
    assert_eq!(stage.proxy.cuts_left(), 0);
}

#[tokio::test]
async fn a_server_that_lost_the_end_of_a_log_gets_it_again() {
    let stage = Stage::new().await;
    let (runner, order) = stage.claimed().await;
    let mut writing = Writing::new(&runner, &order).await;
    for length in [1_000, 2_000, 3_000] {
        writing.write(length).await;
    }
    stage.log_has(&order, 6_000).await;
    stage.proxy.close();
    let path = server_log(&stage);
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..2_500]).unwrap();
    stage.restart().await;
    writing.write(500).await;
    ends_with_the_whole_log(&stage, &runner, &order).await;
}

#[tokio::test]
async fn a_server_that_lost_all_of_a_log_during_its_end_gets_it_again() {
    let stage = Stage::new().await;
    let (runner, order) = stage.claimed().await;
    let mut writing = Writing::new(&runner, &order).await;
    writing.write(1_000).await;
    stage.log_has(&order, 1_000).await;
    stage.known.logs.remove(order.attempt).await.unwrap();
    stage.restart().await;
    ends_with_the_whole_log(&stage, &runner, &order).await;
}

#[tokio::test]
async fn a_newer_connection_ends_the_older_one() {
    let stage = Stage::new().await;
    let (runner, order) = stage.claimed().await;
    let mut writing = Writing::new(&runner, &order).await;
    writing.write(1_000).await;
    stage.log_has(&order, 1_000).await;
    let other = stage.runner();
    assert_eq!(other.away.held().await.unwrap().len(), 1);
    let connections = stage.proxy.logs();
    // The older one comes back only because it writes.
    writing.write(1_000).await;
    stage.log_has(&order, 2_000).await;
    assert_eq!(stage.proxy.logs(), connections + 1);
    ends_with_the_whole_log(&stage, &runner, &order).await;
}

#[tokio::test]
async fn an_end_waits_for_the_log() {
    let stage = Stage::new().await;
    let (runner, order) = stage.claimed().await;
    let mut writing = Writing::new(&runner, &order).await;
    stage.proxy.close();
    writing.write(1_000).await;
    let end = runner.away.end(&order, &Outcome::Returned(0));
    tokio::pin!(end);
    let opened = async {
        tokio::task::yield_now().await;
        stage.proxy.open();
    };
    let (ended, ()) = tokio::join!(end, opened);
    ended.unwrap();
    assert_eq!(stage.log(&order).await.len(), 1_000);
}
