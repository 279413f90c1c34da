//! A runner on another machine has the whole port: the contract holds over HTTP, with the real coordinator and database
//! behind it.

use crate::{dispatcher, samples::Installation, steer};
use async_trait::async_trait;
use kozmic_edges::{clock, logs::Logs, store::NewRunner};
use kozmic_model::{ids::JobId, runner::RunnerRules};
use kozmic_remote::{Access, Away, Introduction, RunnerToken, router};
use kozmic_runner::{
    contract::{self, Office},
    coordinator::Coordinator,
};
use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};
use tokio::{net::TcpListener, runtime::Handle};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// A server on a port, and the token of its only runner.
struct Wire {
    office: Installation,
    address: SocketAddr,
    token: RunnerToken,
    processes: AtomicUsize,
    /// The newest process. It stays, so that the runner is connected although a case needed it only for a call.
    newest: Mutex<Option<Arc<Away>>>,
}

impl Wire {
    async fn new() -> Self {
        rustls::crypto::ring::default_provider().install_default().ok();
        let (office, token, rules) =
            (Installation::new().await, RunnerToken::random(), RunnerRules::default());
        let fingerprint = token.fingerprint();
        let new = NewRunner { name: token.name(), title: "far", fingerprint: &fingerprint, rules: &rules };
        assert!(office.flow.edges.store.runners().add(new, clock::now()).await.unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let registry = Arc::new(office.flow.remote_runners());
        let routes = router(registry, CancellationToken::new(), TaskTracker::new());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Self { office, address, token, processes: AtomicUsize::new(0), newest: Mutex::default() }
    }

    /// A new process of the runner, as soon as the server has welcomed it.
    async fn process(&self) -> Away {
        let number = self.processes.fetch_add(1, Ordering::Relaxed);
        let logs = Logs::open(self.office.dir.path().join(format!("runner-{number}"))).unwrap();
        let server = format!("http://{}", self.address).parse().unwrap();
        let access = Access { server, token: self.token.clone() };
        let own = Introduction { slots: 2, ..Introduction::default() };
        let away = Away::open(access, own, logs, &CancellationToken::new(), TaskTracker::new()).unwrap();
        away.welcomed().await;
        away
    }
}

#[async_trait]
impl Office for Wire {
    fn coordinator(&self) -> Arc<dyn Coordinator> {
        let process = tokio::task::block_in_place(|| Arc::new(Handle::current().block_on(self.process())));
        *self.newest.lock().unwrap() = Some(process.clone());
        process
    }

    async fn enqueue(&self) -> JobId {
        self.office.enqueue().await
    }

    async fn enqueue_elsewhere(&self) -> JobId {
        self.office.enqueue_elsewhere().await
    }

    async fn cancel(&self, job: JobId, why: &str) {
        steer::cancel(&self.office.flow.edges, job, why).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_keeps_the_contract_of_the_port_over_http() {
    let wire = Wire::new().await;
    let dispatching = tokio::spawn(dispatcher::forever(wire.office.flow.clone()));
    contract::holds(&wire).await;
    dispatching.abort();
}
