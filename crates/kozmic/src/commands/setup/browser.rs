//! The set-up's pages are served here, until they are over: on this machine alone, unless somebody says otherwise.

use super::{
    Printed,
    installation::{Installation, variable},
    pages::Pages,
    terminal::Terminal,
    written::Written,
};
use crate::failure::Failure;
use anyhow::{Context, anyhow};
use kozmic_web::{Door, Limits, TrustedProxies};
use std::{
    io::ErrorKind,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, PoisonError},
    time::Duration,
};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// The usual address of the pages.
const USUAL: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);

/// Connections at once: one browser needs a few. Others of this machine have the same address, so they are not told apart:
/// when all are in use, the one that has waited longest gives way.
const CONNECTIONS: usize = 64;

/// Time that the last answer may take.
const FAREWELL: Duration = Duration::from_secs(5);

/// Serves the pages until they are over; what was written then.
pub(super) async fn serve(
    installation: Installation,
    printed: Option<Printed>,
    address: Option<SocketAddr>,
    terminal: &Terminal,
) -> Result<Written, Failure> {
    let listener = listen(address).await?;
    let address = listener.local_addr().context("read the address that we listen on")?;
    let stop = CancellationToken::new();
    let door = Arc::new(Door::new(stop.clone()));
    let (pages, end) = Pages::new(installation, printed, address);
    tell(address, &door, terminal);
    let proxies = TrustedProxies::default();
    let limits = Limits { connections: CONNECTIONS, of_one_address: usize::MAX, proxies };
    let router = kozmic_web::setup_router(pages, Arc::clone(&door));
    tokio::select! {
        () = kozmic_web::serve(listener, router, limits, stop.clone()) => {}
        () = after(&stop) => {}
    }
    if door.was_guessed_at() {
        return Err(Failure::other(anyhow!(
            "somebody tried wrong codes again and again: the pages are shut, and nothing was written. Run the command anew"
        )));
    }
    let written = end.lock().unwrap_or_else(PoisonError::into_inner).take();
    Ok(written.context("the pages ended before the set-up did: nothing was written")?)
}

async fn after(stop: &CancellationToken) {
    stop.cancelled().await;
    tokio::time::sleep(FAREWELL).await;
}

/// Any port does where the usual one is taken: perhaps by the server that is set up anew.
async fn listen(address: Option<SocketAddr>) -> Result<TcpListener, Failure> {
    let wanted = address.unwrap_or(USUAL);
    match TcpListener::bind(wanted).await {
        Err(cause) if address.is_none() && cause.kind() == ErrorKind::AddrInUse => {
            let any = SocketAddr::new(USUAL.ip(), 0);
            TcpListener::bind(any).await.map_err(|cause| Failure::Listen { address: any, cause })
        }
        Err(cause) => Err(Failure::Listen { address: wanted, cause }),
        Ok(listener) => Ok(listener),
    }
}

fn tell(address: SocketAddr, door: &Door, terminal: &Terminal) {
    let is_everywhere = address.ip().is_unspecified();
    let near = SocketAddr::new(if is_everywhere { USUAL.ip() } else { address.ip() }, address.port());
    terminal.say("Open this link in a browser on this machine:\n");
    terminal.say(&format!("  http://{near}/?code={}\n", door.code()));
    if near.ip().is_loopback() {
        terminal.say("If your browser is on another machine, run there first");
        let port = near.port();
        terminal.say(&format!("  ssh -N -L {port}:{near} {}", account()));
        terminal.say("and open the same link.");
    }
    if !address.ip().is_loopback() {
        terminal.say("Others reach this address, too, and what goes there is not encrypted: whoever is on the way reads the client secret.");
    }
    terminal.say(
        "The link works until the set-up is over. Ctrl-C ends it; nothing is written before the last page.",
    );
}

/// The account by which somebody came to this machine, with the port of its SSH server if that is not the usual one.
fn account() -> String {
    let user = variable("SUDO_USER").or_else(|| variable("USER")).unwrap_or_else(|| "you".to_owned());
    let connection = variable("SSH_CONNECTION").unwrap_or_default();
    let mut of_server = connection.split(' ').skip(2);
    let by_ssh = of_server.next().map(str::to_owned);
    let port =
        of_server.next().filter(|port| *port != "22").map(|port| format!("-p {port} ")).unwrap_or_default();
    let host = by_ssh.or_else(|| std::fs::read_to_string("/etc/hostname").ok());
    format!("{port}{user}@{}", host.as_deref().map_or("this-machine", str::trim))
}
