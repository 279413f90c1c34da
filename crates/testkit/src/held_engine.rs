//! The shared Docker engine through a proxy with which a test can hold some calls: they wait until the test releases
//! them.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::shared_engine;

/// The calls that are held, and the number of waiting ones.
#[derive(Default)]
struct Calls {
    held: Option<String>,
    waiting: usize,
}

/// An engine whose calls can be held. It ends when this is dropped.
pub struct HeldEngine {
    dir: TempDir,
    calls: watch::Sender<Calls>,
    _connections: JoinSet<()>,
}

impl HeldEngine {
    /// Starts the proxy. Nothing is held yet.
    pub fn start() -> Result<Self> {
        let dir = TempDir::with_prefix("kozmic-held-engine-").context("make a directory for a socket")?;
        let listener = UnixListener::bind(socket(&dir)).context("listen as an engine")?;
        let calls = watch::Sender::new(Calls::default());
        let mut connections = JoinSet::new();
        connections.spawn(serve(listener, calls.clone()));
        Ok(Self { dir, calls, _connections: connections })
    }

    /// The proxy's address.
    pub fn url(&self) -> String {
        format!("unix://{}", socket(&self.dir).display())
    }

    /// Holds all further calls whose first line contains this, such as `/containers/json`.
    pub fn hold(&self, part: &str) {
        self.calls.send_modify(|calls| calls.held = Some(part.to_owned()));
    }

    /// Waits until a call is held.
    pub async fn wait_for_held(&self, limit: Duration) -> Result<()> {
        let mut calls = self.calls.subscribe();
        let waiting = tokio::time::timeout(limit, calls.wait_for(|calls| calls.waiting > 0)).await;
        waiting.context("no such call was made")?.map(drop).context("the proxy is there")
    }

    /// Releases all calls.
    pub fn release(&self) {
        self.calls.send_modify(|calls| calls.held = None);
    }
}

fn socket(dir: &TempDir) -> PathBuf {
    dir.path().join("docker.sock")
}

async fn serve(listener: UnixListener, calls: watch::Sender<Calls>) {
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        let calls = calls.clone();
        // Either end may close a connection at any time.
        connections.spawn(async move { pass_on(client, calls).await.ok() });
        while connections.try_join_next().is_some() {}
    }
}

/// Passes one connection on. It carries one call: the client keeps no connection open.
async fn pass_on(mut client: UnixStream, calls: watch::Sender<Calls>) -> io::Result<()> {
    let mut begun = Vec::new();
    while !begun.ends_with(b"\n") {
        begun.push(client.read_u8().await?);
    }
    let line = String::from_utf8_lossy(&begun).into_owned();
    let is_held = |calls: &Calls| calls.held.as_ref().is_some_and(|part| line.contains(part));
    if is_held(&calls.borrow()) {
        calls.send_modify(|calls| calls.waiting += 1);
        calls.subscribe().wait_for(|calls| !is_held(calls)).await.map_err(io::Error::other)?;
        calls.send_modify(|calls| calls.waiting -= 1);
    }
    let mut engine = shared_engine::connect().await?;
    engine.write_all(&begun).await?;
    copy_bidirectional(&mut client, &mut engine).await.map(drop)
}
