//! Tests with peers that send nothing, send half of something, or read nothing: each has a time limit, and others are
//! served meanwhile.

use super::*;
use axum::routing::{get, post};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    sync::mpsc,
    task::JoinHandle,
    time::timeout,
};

/// A limit far above the time that anything here takes.
const LIMIT: Duration = Duration::from_secs(30);

const SOON: Duration = Duration::from_millis(50);

const NEVER: Duration = Duration::from_secs(3_600);

/// A server for the tests.
struct Trial {
    address: SocketAddr,
    stop: CancellationToken,
    ended: JoinHandle<()>,
}

impl Trial {
    async fn start(router: Router, connections: usize, times: Times) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, stop) = (listener.local_addr().unwrap(), CancellationToken::new());
        let serving = Serving { router, times, stop: stop.clone() };
        let limits = Limits { connections, of_one_address: 1_000, proxies: TrustedProxies::default() };
        let ended = tokio::spawn(listen(listener, serving, Connections::new(limits)));
        Self { address, stop, ended }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Opens a connection and sends this text.
    async fn send(&self, text: &str) -> TcpStream {
        let mut peer = self.connect().await;
        peer.write_all(text.as_bytes()).await.unwrap();
        peer
    }

    async fn ask(&self, path: &str) -> String {
        rest(&mut self.send(&format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")).await)
            .await
    }
}

/// Everything that arrives until the server closes the connection.
async fn rest(peer: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    // A reset is an end, too.
    let _ = timeout(LIMIT, peer.read_to_end(&mut bytes)).await.expect("the server ends it");
    String::from_utf8(bytes).unwrap()
}

fn hello() -> Router {
    Router::new().route("/", get(|| async { "hello" }))
}

fn times(head: Duration, stall: Duration) -> Times {
    Times { head, stall }
}

#[tokio::test]
async fn a_peer_that_says_nothing_or_half_of_something_is_let_go() {
    let trial = Trial::start(hello(), 9, times(SOON, NEVER)).await;
    for words in ["", "GET / HTTP/1.1\r\nHost: x\r\nX-Slow: "] {
        assert_eq!(rest(&mut trial.send(words).await).await, "", "{words}");
    }
    let mut idle = trial.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert!(rest(&mut idle).await.ends_with("hello"), "also one that was answered before");
}

#[tokio::test]
async fn a_request_has_the_time_that_it_takes() {
    let (begun, mut begins) = mpsc::unbounded_channel();
    let go = CancellationToken::new();
    let answer = {
        let go = go.clone();
        move |body: String| async move {
            begun.send(()).unwrap();
            go.cancelled().await;
            body
        }
    };
    let router = Router::new().route("/", post(answer));
    let trial = Trial::start(router, 9, times(SOON, NEVER)).await;
    let mut peer =
        trial.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nConnection: close\r\n\r\nl").await;
    let mut idle = trial.connect().await;
    assert_eq!(rest(&mut idle).await, "", "the time for heads is over");
    peer.write_all(b"ate").await.unwrap();
    begins.recv().await.unwrap();
    let mut idle = trial.connect().await;
    assert_eq!(rest(&mut idle).await, "");
    go.cancel();
    assert!(rest(&mut peer).await.ends_with("late"));
}

#[tokio::test]
async fn a_peer_that_takes_nothing_is_let_go() {
    let (dropped, mut drops) = mpsc::unbounded_channel::<()>();
    let endless = move || async move {
        let pieces = futures_util::stream::repeat(Ok::<_, Infallible>(vec![b'x'; 65_536]));
        Body::new(Holding::new(Body::from_stream(pieces), dropped))
    };
    let router = Router::new().route("/", get(endless));
    let trial = Trial::start(router, 9, times(NEVER, SOON)).await;
    let mut peer = trial.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
    // The router has a sender of its own, so the server has to end first.
    let Trial { ended, .. } = trial;
    ended.abort();
    let _ = ended.await;
    assert!(timeout(LIMIT, drops.recv()).await.expect("what it was sent is given up").is_none());
    let mut bytes = Vec::new();
    let _ = timeout(LIMIT, peer.read_to_end(&mut bytes)).await.expect("the connection ends");
}

#[tokio::test]
async fn a_server_full_of_peers_that_say_nothing_serves_others() {
    let trial = Trial::start(hello(), 3, times(NEVER, NEVER)).await;
    let mut idle = Vec::new();
    for _ in 0..20 {
        idle.push(trial.send("GET / HTTP/1.1\r\n").await);
    }
    assert!(trial.ask("/").await.ends_with("hello"));
    assert_eq!(rest(&mut idle[0]).await, "");
}

#[tokio::test]
async fn a_server_that_is_busy_everywhere_says_so() {
    let (begun, mut begins) = mpsc::unbounded_channel();
    let wait = move || async move {
        begun.send(()).unwrap();
        std::future::pending::<()>().await;
    };
    let router = hello().route("/wait", get(wait));
    let trial = Trial::start(router, 2, times(NEVER, NEVER)).await;
    let request = "GET /wait HTTP/1.1\r\nHost: x\r\n\r\n";
    let busy = [trial.send(request).await, trial.send(request).await];
    for _ in &busy {
        begins.recv().await.unwrap();
    }
    let refusal = rest(&mut trial.connect().await).await;
    assert!(refusal.starts_with("HTTP/1.1 503 ") && refusal.contains("\r\nRetry-After: 5\r\n"), "{refusal}");
}

#[tokio::test]
async fn after_a_stop_what_was_asked_is_answered_and_the_rest_ends() {
    let (begun, mut begins) = mpsc::unbounded_channel();
    let go = CancellationToken::new();
    let wait = {
        let go = go.clone();
        move || async move {
            begun.send(()).unwrap();
            go.cancelled().await;
            "late"
        }
    };
    let router = hello().route("/wait", get(wait));
    let trial = Trial::start(router, 9, times(NEVER, NEVER)).await;
    let mut idle = trial.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
    let mut asked = trial.send("GET /wait HTTP/1.1\r\nHost: x\r\n\r\n").await;
    begins.recv().await.unwrap();
    trial.stop.cancel();
    assert!(rest(&mut idle).await.ends_with("hello"));
    go.cancel();
    assert!(rest(&mut asked).await.ends_with("late"));
    timeout(LIMIT, trial.ended).await.unwrap().unwrap();
}
