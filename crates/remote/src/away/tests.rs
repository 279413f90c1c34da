//! The line without a network: both ends are in memory, and time passes only when both wait.

use super::{
    Access, Away, Introduction, Shared,
    line::{Ended, talk},
};
use crate::{
    protocol::{
        At,
        line::{FromRunner, FromServer, Welcome},
        outcome::End,
    },
    token::RunnerToken,
};
use futures_util::{FutureExt, SinkExt, StreamExt};
use kozmic_edges::logs::Logs;
use kozmic_model::{
    ids::JobId,
    job::{Attempt, Outcome},
};
use kozmic_runner::coordinator::{Coordinator, State};
use std::{sync::Arc, time::Duration};
use tempfile::TempDir;
use tokio::{
    io::DuplexStream,
    task::JoinHandle,
    time::{Instant, sleep},
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Message, protocol::Role},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

const ATTEMPT: Attempt = Attempt { job: JobId(7), number: 2 };

const OF: At = At { job: 7, attempt: 2 };

/// The server's end of a line, and the runner's task at the other one.
struct Server {
    socket: WebSocketStream<DuplexStream>,
    line: JoinHandle<anyhow::Result<Ended>>,
}

/// A runner's end whose own line finds no server.
fn away() -> (Away, TempDir) {
    rustls::crypto::ring::default_provider().install_default().ok();
    let dir = tempfile::tempdir().unwrap();
    let logs = Logs::open(dir.path().join("logs")).unwrap();
    let access = Access { server: "http://127.0.0.1:9".parse().unwrap(), token: RunnerToken::random() };
    let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
    let introduction = Introduction { slots: 2, ..Introduction::default() };
    (Away::open(access, introduction, logs, &stop, tasks).unwrap(), dir)
}

impl Server {
    async fn new(shared: &Arc<Shared>) -> Self {
        let (ours, theirs) = tokio::io::duplex(1 << 16);
        let socket = WebSocketStream::from_raw_socket(ours, Role::Server, None).await;
        let shared = Arc::clone(shared);
        let line = tokio::spawn(async move {
            let socket = WebSocketStream::from_raw_socket(theirs, Role::Client, None).await;
            talk(&shared, socket).await
        });
        Self { socket, line }
    }

    /// The runner's end of a line that was welcomed.
    async fn welcomed(shared: &Arc<Shared>, gone: Vec<At>) -> (Self, Vec<At>) {
        let mut server = Self::new(shared).await;
        let FromRunner::Hello(hello) = server.hear().await else { panic!("it says hello first") };
        let installation = "0123456789ab".to_owned();
        server
            .say(FromServer::Welcome(Welcome { protocol: 1, installation, lease_seconds: 180, gone }))
            .await;
        (server, hello.holds)
    }

    async fn say(&mut self, message: FromServer) {
        self.socket.send(Message::text(serde_json::to_string(&message).unwrap())).await.unwrap();
    }

    async fn hear(&mut self) -> FromRunner {
        let text = self.socket.next().await.unwrap().unwrap().into_text().unwrap();
        serde_json::from_str(&text).unwrap()
    }

    /// The runner's next message that is no beat.
    async fn hear_news(&mut self) -> FromRunner {
        loop {
            let heard = self.hear().await;
            if !matches!(heard, FromRunner::Beat { .. }) {
                return heard;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_silent_server_is_hung_up_on_after_eight_seconds_and_one_that_beats_is_not() {
    let (away, _dir) = away();
    let (mut server, _) = Server::welcomed(&away.shared, Vec::new()).await;
    for _ in 0..20 {
        sleep(Duration::from_secs(7)).await;
        server.say(FromServer::Beat).await;
        tokio::task::yield_now().await;
        assert!(!server.line.is_finished());
    }
    let begun = Instant::now();
    let fault = server.line.await.unwrap().unwrap_err();
    assert!(fault.to_string().contains("silent"), "{fault}");
    assert_eq!(begun.elapsed().as_secs(), 8);
}

#[tokio::test(start_paused = true)]
async fn a_runner_beats_every_three_seconds_and_tells_a_changed_state_at_once() {
    let (away, _dir) = away();
    let (mut server, _) = Server::welcomed(&away.shared, Vec::new()).await;
    server.hear().await;
    let begun = Instant::now();
    assert!(matches!(server.hear().await, FromRunner::Beat { .. }));
    assert_eq!(begun.elapsed().as_secs(), 3);
    let state = State { slots: 2, busy: 1, trouble: Some("No engine.".to_owned()) };
    away.note_state(&state).await.unwrap();
    let FromRunner::State { state: told } = server.hear().await else { panic!("it tells") };
    assert_eq!((State::from(told), begun.elapsed().as_secs()), (state.clone(), 3));
    let FromRunner::Beat { state: told } = server.hear().await else { panic!("it beats") };
    assert_eq!((State::from(told), begun.elapsed().as_secs()), (state, 6));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_says_nothing_at_all_is_given_up() {
    let (away, _dir) = away();
    let server = Server::new(&away.shared).await;
    let begun = Instant::now();
    assert!(server.line.await.unwrap().is_err());
    assert_eq!(begun.elapsed().as_secs(), 8);
}

#[tokio::test(start_paused = true)]
async fn a_stop_is_pushed_and_an_attempt_that_is_gone_stops() {
    let (away, _dir) = away();
    let stopped = away.stopped(ATTEMPT);
    tokio::pin!(stopped);
    assert!(stopped.as_mut().now_or_never().is_none());
    let (mut server, holds) = Server::welcomed(&away.shared, Vec::new()).await;
    assert_eq!(holds, [OF]);
    let outcome = Outcome::Canceled("By anna.".to_owned());
    server.say(FromServer::Stop { of: OF, outcome: (&outcome).into() }).await;
    assert_eq!(stopped.await, outcome);
    let other = Attempt { number: 3, ..ATTEMPT };
    let stopped = away.stopped(other);
    tokio::pin!(stopped);
    assert!(stopped.as_mut().now_or_never().is_none());
    let FromRunner::Watch { of } = server.hear_news().await else { panic!("it asks for stops") };
    assert_eq!(of, other.into());
    drop(server);
    let (_server, holds) = Server::welcomed(&away.shared, vec![other.into()]).await;
    assert_eq!(holds.len(), 2);
    assert!(matches!(stopped.await, Outcome::Canceled(_)));
}

#[tokio::test(start_paused = true)]
async fn wakes_and_drains_are_pushed_and_unknown_words_are_ignored() {
    let (away, _dir) = away();
    let (mut server, _) = Server::welcomed(&away.shared, Vec::new()).await;
    away.woken().await;
    server.socket.send(Message::text(r#"{"kind":"sing","song":[1]}"#)).await.unwrap();
    server.socket.send(Message::text(r#"{"kind":"wake","loudly":true}"#)).await.unwrap();
    away.woken().await;
    for on in [true, false] {
        server.say(FromServer::Drain { on }).await;
        let mut is_draining = away.is_draining();
        is_draining.wait_for(|is| *is == on).await.unwrap();
    }
    server.say(FromServer::Images).await;
    away.images_are_to_be_removed().await;
    server.say(FromServer::Over).await;
    assert_eq!(server.line.await.unwrap().unwrap(), Ended::Over);
}

#[tokio::test(start_paused = true)]
async fn without_contact_for_two_thirds_of_the_lease_all_attempts_stop_for_good() {
    let (away, _dir) = away();
    let (mut server, _) = Server::welcomed(&away.shared, Vec::new()).await;
    let begun = Instant::now();
    let stopped = away.stopped(ATTEMPT).await;
    let reason = "The server could not be reached for 120 s.".to_owned();
    assert_eq!(stopped, Outcome::Interrupted(reason));
    assert_eq!(begun.elapsed().as_secs(), 120);
    assert!((&mut server.line).await.unwrap().is_err());
    let (mut server, _) = Server::welcomed(&away.shared, Vec::new()).await;
    let late = End::Canceled { reason: "By anna.".to_owned() };
    server.say(FromServer::Stop { of: OF, outcome: late }).await;
    // Messages are taken in their order.
    server.say(FromServer::Drain { on: true }).await;
    away.is_draining().wait_for(|is| *is).await.unwrap();
    assert_eq!(away.stopped(ATTEMPT).await, stopped);
}
