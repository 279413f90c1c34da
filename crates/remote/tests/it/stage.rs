//! A server, a proxy before it, and runners' ends that connect through the proxy.

use crate::{
    proxy::Proxy,
    registry::{Known, Shared},
};
use kozmic_edges::logs::Logs;
use kozmic_model::{
    git::GitRef,
    ids::{BuildId, HookId, JobId, ProjectId},
    install::PullPolicy,
    interruption::IfInterrupted,
    job::Attempt,
    label::Labels,
    spec::{HookTask, JobSpec, Origin, Task},
};
use kozmic_remote::{Access, Away, Introduction, RunnerToken, router};
use kozmic_runner::{
    coordinator::Coordinator,
    new_key,
    order::{Limits, Order},
};
use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Longest wait of a test for an event.
pub(crate) const LONGEST: Duration = Duration::from_secs(60);

pub(crate) struct Stage {
    pub(crate) known: Arc<Known>,
    pub(crate) token: RunnerToken,
    pub(crate) proxy: Proxy,
    pub(crate) dir: TempDir,
    server: std::sync::Mutex<CancellationToken>,
    runners: AtomicUsize,
}

/// A runner's end, with its own directory of logs.
pub(crate) struct RunnersEnd {
    pub(crate) away: Arc<Away>,
    pub(crate) logs: Logs,
}

impl Stage {
    pub(crate) async fn new() -> Self {
        Self::with_lease(Duration::from_secs(180)).await
    }

    pub(crate) async fn with_lease(lease: Duration) -> Self {
        rustls::crypto::ring::default_provider().install_default().ok();
        let (dir, token) = (tempfile::tempdir().unwrap(), RunnerToken::random());
        let known = Arc::new(Known::new(&dir.path().join("server"), &token, lease));
        let (address, stop) = serve(&known).await;
        let proxy = Proxy::start(address).await;
        let (server, runners) = (std::sync::Mutex::new(stop), AtomicUsize::new(0));
        Self { known, token, proxy, dir, server, runners }
    }

    /// Ends the server, and starts another one that knows only what is on the disk and in the ledger.
    pub(crate) async fn restart(&self) {
        let (address, stop) = serve(&self.known).await;
        std::mem::replace(&mut *self.server.lock().unwrap(), stop).cancel();
        self.proxy.lead_to(address);
    }

    /// Ends the server as a shutdown does.
    pub(crate) fn end_server(&self) {
        self.server.lock().unwrap().cancel();
    }

    /// A new process of the runner on a machine of its own.
    pub(crate) fn runner(&self) -> RunnersEnd {
        self.runner_with(&self.token)
    }

    pub(crate) fn runner_with(&self, token: &RunnerToken) -> RunnersEnd {
        let number = self.runners.fetch_add(1, Ordering::Relaxed);
        self.runner_in(&format!("runner-{number}"), token)
    }

    /// A new process of the runner that has its logs in this directory.
    pub(crate) fn runner_in(&self, dir: &str, token: &RunnerToken) -> RunnersEnd {
        self.connected(self.proxy.address, dir, token)
    }

    /// A new process of the runner that calls this address.
    pub(crate) fn runner_by(&self, address: SocketAddr) -> RunnersEnd {
        self.connected(address, "runner-elsewhere", &self.token)
    }

    fn connected(&self, address: SocketAddr, dir: &str, token: &RunnerToken) -> RunnersEnd {
        let logs = Logs::open(self.dir.path().join(dir)).unwrap();
        let server = format!("http://{address}").parse().unwrap();
        let access = Access { server, token: token.clone() };
        let process = format!("in {dir}");
        let introduction = Introduction { slots: 2, process, ..Introduction::default() };
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let away = Away::open(access, introduction, logs.clone(), &stop, tasks).unwrap();
        RunnersEnd { away: Arc::new(away), logs }
    }

    /// A runner that is connected and has claimed job 1.
    pub(crate) async fn claimed(&self) -> (RunnersEnd, Order) {
        let runner = self.runner();
        runner.away.welcomed().await;
        self.known.ledger.give(order(1));
        let order = runner.away.claim(&new_key()).await.unwrap().expect("a job waits");
        (runner, order)
    }

    /// The server's log of an attempt.
    pub(crate) async fn log(&self, order: &Order) -> bytes::Bytes {
        self.known.logs.reader(order.attempt).read(0, 1 << 26).await.unwrap()
    }

    /// Waits until the server's log has this length.
    pub(crate) async fn log_has(&self, order: &Order, length: usize) {
        until(async || self.log(order).await.len() == length).await;
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}/runner/v1/{path}", self.proxy.address)
    }
}

/// Serves the routes on a port of its own, until the token is canceled.
async fn serve(known: &Arc<Known>) -> (SocketAddr, CancellationToken) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, stop) = (listener.local_addr().unwrap(), CancellationToken::new());
    let routes = router(Arc::new(Shared(Arc::clone(known))), stop.clone(), TaskTracker::new());
    let over = stop.clone();
    tokio::spawn(async move {
        axum::serve(listener, routes).with_graceful_shutdown(over.cancelled_owned()).await.unwrap();
    });
    (address, stop)
}

/// Waits until something is so.
pub(crate) async fn until(mut is_so: impl AsyncFnMut() -> bool) {
    let wait = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(LONGEST, wait).await.expect("it becomes so");
}

/// An order for a job of a hook.
pub(crate) fn order(job: i64) -> Order {
    let task = HookTask {
        image: "debian:bookworm".parse().unwrap(),
        script: "#!/bin/sh\n".to_owned(),
        install: None,
        pull: PullPolicy::IfAbsent,
    };
    let spec = JobSpec {
        title: "Tests".to_owned(),
        if_interrupted: IfInterrupted::Again,
        origin: Origin::Hook(HookId(1)),
        labels: Labels::default(),
        task: Task::Hook(task),
    };
    Order {
        attempt: Attempt { job: JobId(job), number: 1 },
        build: BuildId(1),
        project: ProjectId(1),
        spec,
        git_ref: GitRef::Branch("main".to_owned()),
        remote_ref: "refs/heads/main".to_owned(),
        sha: "a".repeat(40).parse().unwrap(),
        environment: vec![("CI".to_owned(), "true".to_owned())],
        installation: "0123456789ab".to_owned(),
        interruptions: 0,
        phases: Vec::new(),
        cache_key: None,
        limits: Limits {
            time: Duration::from_secs(3_600),
            deadline: tokio::time::Instant::now() + Duration::from_secs(1_800),
            silence: Duration::from_secs(600),
            log: 64 << 20,
            grace: Duration::from_secs(10),
            program: None,
            no_new_privileges: true,
        },
        asked: Some(Instant::now()),
        login: Ok(None),
        bases: BTreeMap::new(),
        hindrance: None,
    }
}
