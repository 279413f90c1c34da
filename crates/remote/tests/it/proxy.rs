//! A proxy between a runner and the server, which breaks connections as a test wants it.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
};
use tokio_util::task::AbortOnDropHandle;

/// The number of bytes after which a connection of a log is cut.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Cut {
    /// Bytes from the runner to the server.
    Up(usize),
    /// Bytes from the server to the runner.
    Down(usize),
}

struct Plan {
    upstream: SocketAddr,
    /// The cuts of the next connections of logs.
    cuts: VecDeque<Cut>,
    /// The number of answers to calls that are dropped.
    lost_answers: usize,
    /// The number of connections of logs so far.
    logs: usize,
}

/// The proxy. It ends when it is dropped.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    plan: Arc<Mutex<Plan>>,
    /// False: all connections break, and new ones are closed at once.
    is_open: watch::Sender<bool>,
    _accepting: AbortOnDropHandle<()>,
}

impl Proxy {
    pub(crate) async fn start(upstream: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let plan = Plan { upstream, cuts: VecDeque::new(), lost_answers: 0, logs: 0 };
        let (plan, is_open) = (Arc::new(Mutex::new(plan)), watch::Sender::new(true));
        let (of_all, opening) = (Arc::clone(&plan), is_open.clone());
        let accepting = async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let mut opening = opening.subscribe();
                if *opening.borrow_and_update() {
                    let pass = pass(stream, Arc::clone(&of_all));
                    tokio::spawn(async move {
                        tokio::select! {
                            () = pass => {}
                            _ = opening.wait_for(|is_open| !is_open) => {}
                        }
                    });
                }
            }
        };
        Self { address, plan, is_open, _accepting: AbortOnDropHandle::new(tokio::spawn(accepting)) }
    }

    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().unwrap()
    }

    /// Sends new connections to another server, and breaks all that are there.
    pub(crate) fn lead_to(&self, upstream: SocketAddr) {
        self.plan().upstream = upstream;
        self.close();
        self.open();
    }

    pub(crate) fn close(&self) {
        self.is_open.send_replace(false);
    }

    pub(crate) fn open(&self) {
        self.is_open.send_replace(true);
    }

    /// Cuts the next connections of logs, one after another.
    pub(crate) fn cut(&self, cuts: impl IntoIterator<Item = Cut>) {
        self.plan().cuts.extend(cuts);
    }

    /// The number of cuts that are still to come.
    pub(crate) fn cuts_left(&self) -> usize {
        self.plan().cuts.len()
    }

    /// The number of connections of logs so far.
    pub(crate) fn logs(&self) -> usize {
        self.plan().logs
    }

    /// Drops the answer to the next call.
    pub(crate) fn lose_an_answer(&self) {
        self.plan().lost_answers += 1;
    }

    pub(crate) fn answers_to_lose(&self) -> usize {
        self.plan().lost_answers
    }
}

/// One connection, which may carry several requests.
struct Passed {
    plan: Arc<Mutex<Plan>>,
    /// The bytes until it is cut, in both directions.
    up: AtomicUsize,
    down: AtomicUsize,
    /// True if its last request was a call.
    is_call: AtomicBool,
}

/// Passes a connection on, until one side ends it or it is cut.
async fn pass(stream: TcpStream, plan: Arc<Mutex<Plan>>) {
    let upstream = plan.lock().unwrap().upstream;
    let Ok(server) = TcpStream::connect(upstream).await else { return };
    stream.set_nodelay(true).unwrap();
    server.set_nodelay(true).unwrap();
    let (from_runner, to_runner) = stream.into_split();
    let (from_server, to_server) = server.into_split();
    let [up, down] = [usize::MAX, usize::MAX].map(AtomicUsize::new);
    let passed = Passed { plan, up, down, is_call: AtomicBool::new(false) };
    tokio::select! {
        () = copy(from_runner, to_server, &passed.up, |bytes| passed.asks(bytes)) => {}
        () = copy(from_server, to_runner, &passed.down, |_| passed.may_answer()) => {}
    }
}

impl Passed {
    /// Notes the begin of a request.
    fn asks(&self, bytes: &[u8]) -> bool {
        let line = bytes.split(|byte| *byte == b'\r').next().unwrap_or_default();
        let line = String::from_utf8_lossy(line);
        if line.starts_with("GET ") && line.ends_with("/log HTTP/1.1") {
            let mut plan = self.plan.lock().unwrap();
            plan.logs += 1;
            match plan.cuts.pop_front() {
                Some(Cut::Up(left)) => self.up.store(left, Ordering::Relaxed),
                Some(Cut::Down(left)) => self.down.store(left, Ordering::Relaxed),
                None => {}
            }
        }
        if line.ends_with(" HTTP/1.1") {
            self.is_call.store(line.starts_with("POST "), Ordering::Relaxed);
        }
        true
    }

    /// False if the answer is to be lost.
    fn may_answer(&self) -> bool {
        let mut plan = self.plan.lock().unwrap();
        let is_lost = self.is_call.load(Ordering::Relaxed) && plan.lost_answers > 0;
        plan.lost_answers -= usize::from(is_lost);
        !is_lost
    }
}

/// Copies as many bytes as are left.
async fn copy(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    left: &AtomicUsize,
    may_pass: impl Fn(&[u8]) -> bool,
) {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let Ok(length @ 1..) = from.read(&mut buffer).await else { return };
        if !may_pass(&buffer[..length]) {
            return;
        }
        let before = left.load(Ordering::Relaxed);
        let passed = length.min(before);
        if to.write_all(&buffer[..passed]).await.is_err() || passed == before {
            return;
        }
        left.store(before - passed, Ordering::Relaxed);
    }
}
