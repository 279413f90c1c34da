//! Ports for the servers of tests.

use std::net::TcpListener;
use std::ops::Range;

use anyhow::{Context, Result, bail};

/// Ports to choose from. They are below those that the system gives to outgoing connections, so that no connection
/// takes the port while a server is restarted.
const PORTS: Range<u16> = 20_000..32_000;

/// A port on which nobody listens.
pub fn free_port() -> Result<u16> {
    let mut seed = [0; 2];
    getrandom::fill(&mut seed).context("ask the system for randomness")?;
    let start = usize::from(u16::from_ne_bytes(seed)) % PORTS.len();
    let mut ports = PORTS.cycle().skip(start).take(PORTS.len());
    match ports.find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok()) {
        Some(port) => Ok(port),
        None => bail!("no port is free between {} and {}", PORTS.start, PORTS.end),
    }
}
