//! Artifacts on their way to the server.

use crate::stage::{LONGEST, Stage};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use kozmic_runner::coordinator::{AnswerLost, Archive, Coordinator, Published};
use std::io;
use tokio::sync::mpsc;

/// An archive of pieces that differ.
fn archive(pieces: u8) -> Archive {
    stream::iter((0..pieces).map(|count| Ok(Bytes::from(vec![count; 100_000])))).boxed()
}

#[tokio::test]
async fn an_artifact_arrives_piece_by_piece_and_the_servers_words_come_back() {
    let stage = Stage::new().await;
    let (runner, order) = stage.claimed().await;
    let (words, mut lines) = mpsc::channel(16);
    let published = runner.away.publish(&order, archive(50), words).await.unwrap();
    assert_eq!(published, Published::As("thing-1".to_owned()));
    assert_eq!(lines.recv().await.as_deref(), Some("It is on its way."));
    let expected = (0..50).flat_map(|count| vec![count; 100_000]).collect::<Vec<_>>();
    assert!(stage.known.ledger.notes().published == [expected]);
}

#[tokio::test]
async fn a_refusal_comes_back_as_one() {
    let stage = Stage::new().await;
    let (runner, order) = stage.claimed().await;
    stage.known.ledger.notes().refusal = Some("Too large.".to_owned());
    let (words, _lines) = mpsc::channel(16);
    let published = runner.away.publish(&order, archive(2), words).await.unwrap();
    assert_eq!(published, Published::Refused("Too large.".to_owned()));
}

#[tokio::test]
async fn an_archive_that_breaks_is_not_published() {
    let stage = Stage::new().await;
    let (runner, order) = stage.claimed().await;
    let broken = stream::iter([Err(io::Error::other("the engine is gone"))]);
    let (words, _lines) = mpsc::channel(16);
    let published = runner.away.publish(&order, archive(3).chain(broken).boxed(), words).await;
    assert!(published.is_err());
    assert!(stage.known.ledger.notes().published.is_empty());
}

#[tokio::test]
async fn an_artifact_whose_connection_breaks_may_be_sent_again() {
    let stage = Stage::new().await;
    let (runner, order) = stage.claimed().await;
    let stalled = stream::pending::<io::Result<Bytes>>();
    let (words, _lines) = mpsc::channel(16);
    let sending = runner.away.publish(&order, archive(3).chain(stalled).boxed(), words.clone());
    let cut = async {
        tokio::task::yield_now().await;
        stage.proxy.close();
    };
    let (published, ()) = tokio::join!(sending, cut);
    assert!(published.unwrap_err().is::<AnswerLost>());
    stage.proxy.open();
    let again = runner.away.publish(&order, archive(3), words);
    let published = tokio::time::timeout(LONGEST, again).await.unwrap().unwrap();
    assert_eq!(published, Published::As("thing-1".to_owned()));
}

#[tokio::test]
async fn an_artifact_of_an_attempt_that_is_not_held_is_refused() {
    let stage = Stage::new().await;
    let runner = stage.runner();
    let (words, _lines) = mpsc::channel(16);
    let fault = runner.away.publish(&crate::stage::order(9), archive(1), words).await.unwrap_err();
    assert!(fault.to_string().contains("does not hold"), "{fault:#}");
}
