//! The line through a network that breaks, and to a server that ends.

use crate::{
    registry::{Known, Shared},
    stage::{Stage, until},
};
use axum::serve::Listener;
use futures_util::{FutureExt, SinkExt, StreamExt};
use kozmic_model::{job::Outcome, runner::RunnerFacts};
use kozmic_remote::{Push, RunnerToken, router};
use kozmic_runner::{
    coordinator::{Coordinator, State},
    new_key,
};
use std::{io, sync::Arc, time::Duration};
use tokio::{io::DuplexStream, sync::mpsc, time::Instant};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Message, client::IntoClientRequest},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

#[tokio::test]
async fn a_runner_is_welcomed_and_its_states_arrive() {
    let stage = Stage::new().await;
    let runner = stage.runner();
    assert_eq!(runner.away.welcomed().await, "0123456789ab");
    let state = State { slots: 2, busy: 1, trouble: Some("No engine.".to_owned()) };
    runner.away.note_state(&state).await.unwrap();
    let mut reported = stage.known.reported.subscribe();
    reported.wait_for(|(known, _)| known.as_ref() == Some(&state)).await.unwrap();
    let disk_free = Some(7);
    runner.away.note_facts(RunnerFacts { disk_free, ..RunnerFacts::default() });
    let mut facts = stage.known.facts.subscribe();
    facts.wait_for(|known| known.as_ref().is_some_and(|known| known.disk_free == disk_free)).await.unwrap();
    // Beats follow by themselves.
    reported.wait_for(|(_, count)| *count >= 3).await.unwrap();
    drop(runner);
    stage.known.has_connections(0).await;
}

#[tokio::test]
async fn a_stop_is_pushed_at_once_and_after_a_cut() {
    let stage = Stage::new().await;
    let (runner, order) = stage.claimed().await;
    runner.away.welcomed().await;
    let stopped = runner.away.stopped(order.attempt);
    tokio::pin!(stopped);
    assert!(stopped.as_mut().now_or_never().is_none());
    stage.proxy.close();
    stage.known.has_connections(0).await;
    stage.known.ledger.cancel(1, "By anna.");
    assert!(stopped.as_mut().now_or_never().is_none());
    stage.proxy.open();
    assert_eq!(stopped.await, Outcome::Canceled("By anna.".to_owned()));
}

#[tokio::test]
async fn a_runner_that_is_resumed_looks_for_jobs() {
    let stage = Stage::new().await;
    let runner = stage.runner();
    runner.away.welcomed().await;
    runner.away.woken().await;
    for on in [true, false] {
        stage.known.push(Push::Drain(on));
        let mut is_draining = runner.away.is_draining();
        is_draining.wait_for(|is| *is == on).await.unwrap();
        runner.away.woken().await;
    }
}

#[tokio::test]
async fn a_second_machine_with_the_same_token_is_refused_and_takes_no_jobs() {
    let stage = Stage::new().await;
    *stage.known.other.lock().unwrap() = Some("of the first machine".to_owned());
    let second = stage.runner();
    let mut trouble = second.away.trouble();
    let told = trouble.wait_for(Option::is_some).await.unwrap().clone().unwrap();
    assert!(told.contains("each machine needs a token of its own"), "{told}");
    stage.known.ledger.give(crate::stage::order(1));
    assert!(second.away.claim(&new_key()).now_or_never().is_none());
    assert!(second.away.held().now_or_never().is_none(), "the other machine has the jobs");
}

#[tokio::test]
async fn a_runner_that_was_resumed_while_it_was_cut_off_claims_again() {
    let stage = Stage::new().await;
    let runner = stage.runner();
    runner.away.welcomed().await;
    stage.known.push(Push::Drain(true));
    let mut is_draining = runner.away.is_draining();
    is_draining.wait_for(|is| *is).await.unwrap();
    stage.proxy.close();
    stage.known.has_connections(0).await;
    // An operator resumes it meanwhile, so that the server has nothing to tell.
    stage.proxy.open();
    is_draining.wait_for(|is| !is).await.unwrap();
    stage.known.ledger.give(crate::stage::order(1));
    assert!(runner.away.claim(&new_key()).await.unwrap().is_some());
}

#[tokio::test]
async fn a_removed_runner_stops_its_attempts() {
    let stage = Stage::new().await;
    let (runner, order) = stage.claimed().await;
    runner.away.welcomed().await;
    stage.known.remove();
    let outcome = runner.away.stopped(order.attempt).await;
    assert_eq!(outcome, Outcome::Canceled("This runner was removed.".to_owned()));
    runner.away.end(&order, &outcome).await.unwrap();
}

#[tokio::test]
async fn a_runner_hears_that_it_should_remove_images() {
    let stage = Stage::new().await;
    let runner = stage.runner();
    runner.away.welcomed().await;
    stage.known.push(Push::Images);
    runner.away.images_are_to_be_removed().await;
}

#[tokio::test]
async fn a_runner_finds_the_next_server_after_one_that_ends() {
    let stage = Stage::new().await;
    let runner = stage.runner();
    runner.away.welcomed().await;
    stage.end_server();
    stage.known.has_connections(0).await;
    stage.restart().await;
    stage.known.has_connections(1).await;
    until(async || runner.away.trouble().borrow().is_none()).await;
}

#[tokio::test]
async fn an_attempt_that_was_lost_meanwhile_stops() {
    let stage = Stage::new().await;
    let (runner, order) = stage.claimed().await;
    runner.away.welcomed().await;
    stage.proxy.close();
    stage.known.has_connections(0).await;
    // Somebody else has ended it.
    stage.known.ledger.end(&order, &Outcome::Broken("Elsewhere.".to_owned())).await.unwrap();
    stage.proxy.open();
    assert!(matches!(runner.away.stopped(order.attempt).await, Outcome::Canceled(_)));
}

/// Connections in memory: time passes only when both ends wait.
struct InMemory(mpsc::Receiver<DuplexStream>);

impl Listener for InMemory {
    type Io = DuplexStream;
    type Addr = ();

    async fn accept(&mut self) -> (DuplexStream, ()) {
        (self.0.recv().await.expect("a connection comes"), ())
    }

    fn local_addr(&self) -> io::Result<()> {
        Ok(())
    }
}

/// A line that said hello, to a server without a network.
async fn line_in_memory(known: &Arc<Known>, token: &RunnerToken) -> WebSocketStream<DuplexStream> {
    let (connect, connections) = mpsc::channel(1);
    let registry = Arc::new(Shared(Arc::clone(known)));
    let routes = router(registry, CancellationToken::new(), TaskTracker::new());
    tokio::spawn(async move { axum::serve(InMemory(connections), routes).await });
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    connect.send(theirs).await.unwrap();
    let mut request = "ws://server/runner/v1/line".into_client_request().unwrap();
    request.headers_mut().insert("authorization", format!("Bearer {}", token.expose()).parse().unwrap());
    request.headers_mut().insert("kozmic-runner-protocol", "1".parse().unwrap());
    let mut socket = client_async(request, ours).await.unwrap().0;
    // The server listens as long as the test.
    tokio::spawn(async move {
        let _connect = connect;
        std::future::pending::<()>().await;
    });
    let hello = r#"{"kind":"hello","protocol":1,"state":{"slots":1,"busy":0,"trouble":null}}"#;
    socket.send(Message::text(hello)).await.unwrap();
    socket
}

#[tokio::test(start_paused = true)]
async fn the_server_hangs_up_on_a_silent_runner_after_eight_seconds_and_on_no_other() {
    let (dir, token) = (tempfile::tempdir().unwrap(), RunnerToken::random());
    let known = Arc::new(Known::new(dir.path(), &token, Duration::from_secs(180)));
    let mut socket = line_in_memory(&known, &token).await;
    let beat = r#"{"kind":"beat","state":{"slots":1,"busy":0,"trouble":null}}"#;
    for _ in 0..20 {
        tokio::time::sleep(Duration::from_secs(7)).await;
        socket.send(Message::text(beat)).await.unwrap();
    }
    let mut reported = known.reported.subscribe();
    reported.wait_for(|(_, count)| *count == 20).await.unwrap();
    let (silent, mut beats) = (Instant::now(), 0);
    while let Some(Ok(Message::Text(text))) = socket.next().await {
        beats += usize::from(text.contains("beat"));
    }
    assert_eq!(silent.elapsed().as_secs(), 8);
    assert_eq!(beats, 20, "each beat has an answer");
    known.has_connections(0).await;
}
