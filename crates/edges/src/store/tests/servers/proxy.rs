//! A proxy on loopback before database servers: it shares connections out, and can stall them.

use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
    task::{JoinHandle, JoinSet},
};
use url::Url;

/// A proxy; its connections end when it is dropped.
pub(super) struct Proxy {
    port: u16,
    stalled: watch::Sender<()>,
    task: JoinHandle<()>,
}

impl Proxy {
    /// Begins before the servers at these addresses. Each new connection leads to the next of them.
    pub(super) async fn before(urls: &[&str]) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let ports = urls.iter().map(|url| Url::parse(url).unwrap().port().unwrap()).collect::<Vec<_>>();
        let stalled = watch::Sender::new(());
        let told = stalled.clone();
        let task = tokio::spawn(async move {
            let mut links = JoinSet::new();
            for port in ports.into_iter().cycle() {
                let (client, _) = listener.accept().await.unwrap();
                links.spawn(link(client, port, told.subscribe()));
            }
        });
        Self { port, stalled, task }
    }

    /// An address that leads through the proxy instead.
    pub(super) fn url(&self, url: &str) -> String {
        let mut url = Url::parse(url).unwrap();
        url.set_port(Some(self.port)).unwrap();
        url.into()
    }

    /// Carries no more bytes on all connections that are open. Neither end learns about it, as behind a firewall that
    /// forgets its connections.
    pub(super) fn stall(&self) {
        self.stalled.send_replace(());
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Carries the bytes of one connection.
async fn link(mut client: TcpStream, port: u16, mut stalled: watch::Receiver<()>) {
    let mut server = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    tokio::select! {
        _ = copy_bidirectional(&mut client, &mut server) => {}
        _ = stalled.changed() => std::future::pending().await,
    }
}
