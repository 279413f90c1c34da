//! Serves the set-up's pages until the set-up is over: on this machine alone, unless another address is given.

use super::{
    Printed,
    installation::{Installation, variable},
    pages::Pages,
    terminal::Terminal,
    written::Written,
};
use crate::failure::Failure;
use anyhow::{Context, anyhow};
use kozmic_web::{AccessCheck, Limits, TrustedProxies};
use std::{
    io::ErrorKind,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, PoisonError},
    time::Duration,
};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// The default address of the pages.
const USUAL: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);

/// The most connections at once: one browser needs a few. Other users of this machine have the same address and cannot
/// be distinguished. At the limit, the connection that has waited longest is closed for a new one.
const CONNECTIONS: usize = 64;

/// Time limit for the last answer.
const FAREWELL: Duration = Duration::from_secs(5);

/// Serves the pages until the set-up is over; gives what was written.
pub(super) async fn serve(
    installation: Installation,
    printed: Option<Printed>,
    address: Option<SocketAddr>,
    terminal: &Terminal,
) -> Result<Written, Failure> {
    let listener = listen(address).await?;
    let address = listener.local_addr().context("read the address that we listen on")?;
    let stop = CancellationToken::new();
    let access = Arc::new(AccessCheck::new(stop.clone()));
    let (pages, end) = Pages::new(installation, printed, address);
    tell(address, &access, terminal);
    let proxies = TrustedProxies::default();
    let limits = Limits { connections: CONNECTIONS, of_one_address: usize::MAX, proxies };
    let router = kozmic_web::setup_router(pages, Arc::clone(&access));
    tokio::select! {
        () = kozmic_web::serve(listener, router, limits, stop.clone()) => {}
        () = after(&stop) => {}
    }
    if access.was_guessed_at() {
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

/// Listens on any port if the default one is in use, perhaps by the server that is being set up again.
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

fn tell(address: SocketAddr, access: &AccessCheck, terminal: &Terminal) {
    let is_everywhere = address.ip().is_unspecified();
    let near = SocketAddr::new(if is_everywhere { USUAL.ip() } else { address.ip() }, address.port());
    terminal.say("Open this link in a browser on this machine:\n");
    terminal.say(&format!("  http://{near}/?code={}\n", access.code()));
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

/// The account with which the person logged in to this machine, with the port of its SSH server if it is not 22.
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
