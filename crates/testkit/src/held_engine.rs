//! The shared Docker engine behind a door that a test can shut for some calls: they wait until it is opened again.

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

/// The calls that are held, and the number of those that wait.
#[derive(Default)]
struct Door {
    shut_for: Option<String>,
    waiting: usize,
}

/// An engine whose calls can be held. It is gone when this is dropped.
pub struct HeldEngine {
    dir: TempDir,
    door: watch::Sender<Door>,
    _connections: JoinSet<()>,
}

impl HeldEngine {
    /// Nothing is held yet.
    pub fn start() -> Result<Self> {
        let dir = TempDir::with_prefix("kozmic-held-engine-").context("make a directory for a socket")?;
        let listener = UnixListener::bind(socket(&dir)).context("listen as an engine")?;
        let door = watch::Sender::new(Door::default());
        let mut connections = JoinSet::new();
        connections.spawn(serve(listener, door.clone()));
        Ok(Self { dir, door, _connections: connections })
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("unix://{}", socket(&self.dir).display())
    }

    /// From now on calls wait whose first line has this in it, such as `/containers/json`.
    pub fn hold(&self, part: &str) {
        self.door.send_modify(|door| door.shut_for = Some(part.to_owned()));
    }

    /// Waits until a call waits.
    pub async fn wait_for_held(&self, limit: Duration) -> Result<()> {
        let mut door = self.door.subscribe();
        let waiting = tokio::time::timeout(limit, door.wait_for(|door| door.waiting > 0)).await;
        waiting.context("no such call was made")?.map(drop).context("the door is there")
    }

    /// Lets all calls pass.
    pub fn release(&self) {
        self.door.send_modify(|door| door.shut_for = None);
    }
}

fn socket(dir: &TempDir) -> PathBuf {
    dir.path().join("docker.sock")
}

async fn serve(listener: UnixListener, door: watch::Sender<Door>) {
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        let door = door.clone();
        // Either end may close a connection at any time.
        connections.spawn(async move { pass_on(client, door).await.ok() });
        while connections.try_join_next().is_some() {}
    }
}

/// One connection is one call: the client keeps none for later.
async fn pass_on(mut client: UnixStream, door: watch::Sender<Door>) -> io::Result<()> {
    let mut begun = Vec::new();
    while !begun.ends_with(b"\n") {
        begun.push(client.read_u8().await?);
    }
    let line = String::from_utf8_lossy(&begun).into_owned();
    let is_held = |door: &Door| door.shut_for.as_ref().is_some_and(|part| line.contains(part));
    if is_held(&door.borrow()) {
        door.send_modify(|door| door.waiting += 1);
        door.subscribe().wait_for(|door| !is_held(door)).await.map_err(io::Error::other)?;
        door.send_modify(|door| door.waiting -= 1);
    }
    let mut engine = shared_engine::connect().await?;
    engine.write_all(&begun).await?;
    copy_bidirectional(&mut client, &mut engine).await.map(drop)
}
