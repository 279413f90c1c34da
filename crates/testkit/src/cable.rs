//! A network cable before a server: it can be cut, or frozen as a firewall does that drops all packets.

use std::net::SocketAddr;

use anyhow::{Context, Result};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

/// The state of a cable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Bytes pass.
    Whole,
    /// Connections broke, and new ones break at once.
    Cut,
    /// Connections stay, and no byte passes.
    Frozen,
}

/// A cable. Its connections break when it is dropped.
pub struct Cable {
    address: SocketAddr,
    state: watch::Sender<State>,
    _accepting: AbortOnDropHandle<()>,
}

impl Cable {
    /// A cable to the server at an address such as `http://127.0.0.1:8080`.
    pub async fn to(url: &str) -> Result<Self> {
        let upstream =
            url.trim_start_matches("http://").parse::<SocketAddr>().context("a server's address")?;
        let listener = TcpListener::bind("127.0.0.1:0").await.context("listen")?;
        let address = listener.local_addr().context("read the address")?;
        let state = watch::Sender::new(State::Whole);
        let accepting = accept(listener, upstream, state.clone());
        Ok(Self { address, state, _accepting: AbortOnDropHandle::new(tokio::spawn(accepting)) })
    }

    /// The address of the server, by this cable.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Breaks all connections, and new ones at once.
    pub fn cut(&self) {
        self.state.send_replace(State::Cut);
    }

    /// Lets no byte pass, in both directions.
    pub fn freeze(&self) {
        self.state.send_replace(State::Frozen);
    }

    /// Makes the cable whole again. Bytes that were held up pass.
    pub fn mend(&self) {
        self.state.send_replace(State::Whole);
    }
}

async fn accept(listener: TcpListener, upstream: SocketAddr, state: watch::Sender<State>) {
    while let Ok((stream, _)) = listener.accept().await {
        let (passing, mut cut) = (state.subscribe(), state.subscribe());
        if *cut.borrow_and_update() == State::Cut {
            continue;
        }
        tokio::spawn(async move {
            tokio::select! {
                _ = pass(stream, upstream, passing) => {}
                _ = cut.wait_for(|state| *state == State::Cut) => {}
            }
        });
    }
}

/// Passes a connection on, until one side ends it.
async fn pass(stream: TcpStream, upstream: SocketAddr, mut state: watch::Receiver<State>) -> Result<()> {
    state.wait_for(|state| *state == State::Whole).await?;
    let server = TcpStream::connect(upstream).await?;
    stream.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (from_client, to_client) = stream.into_split();
    let (from_server, to_server) = server.into_split();
    tokio::select! {
        copied = copy(from_client, to_server, state.clone()) => copied,
        copied = copy(from_server, to_client, state) => copied,
    }
}

async fn copy(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut state: watch::Receiver<State>,
) -> Result<()> {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let length = from.read(&mut buffer).await?;
        state.wait_for(|state| *state == State::Whole).await?;
        if length == 0 {
            return Ok(());
        }
        to.write_all(&buffer[..length]).await?;
    }
}
