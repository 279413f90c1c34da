//! A connection to the engine that all stories share, for the proxies in front of it.

use std::io;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};

/// The engine if `DOCKER_HOST` names none, as in Docker's own client.
const USUAL: &str = "unix:///var/run/docker.sock";

/// A connection of either kind.
pub(crate) trait Connection: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Connection for T {}

/// Opens a connection to the engine of `DOCKER_HOST`.
pub(crate) async fn connect() -> io::Result<Box<dyn Connection>> {
    let host = std::env::var("DOCKER_HOST").unwrap_or_else(|_| USUAL.to_owned());
    match host.split_once("://") {
        Some(("unix", path)) => Ok(Box::new(UnixStream::connect(path).await?)),
        Some(("tcp", address)) => Ok(Box::new(TcpStream::connect(address).await?)),
        _ => {
            Err(io::Error::other(format!("DOCKER_HOST is {host:?}, and not unix://PATH or tcp://HOST:PORT")))
        }
    }
}
