//! A reverse proxy that speaks TLS before a server, with a certificate of a private authority.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context, Result};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::authority::Certificate;

/// A door. Its connections end when this is dropped.
pub struct TlsDoor {
    address: SocketAddr,
    _connections: JoinSet<()>,
}

impl TlsDoor {
    /// A door to the server at an address such as `http://127.0.0.1:8080`, which presents this certificate.
    pub async fn to(url: &str, shown: &Certificate) -> Result<Self> {
        let server = url.trim_start_matches("http://").parse::<SocketAddr>().context("a server's address")?;
        let acceptor = TlsAcceptor::from(Arc::new(settings(shown)?));
        let listener = TcpListener::bind("127.0.0.1:0").await.context("listen with TLS")?;
        let address = listener.local_addr().context("ask for the door's port")?;
        let mut connections = JoinSet::new();
        connections.spawn(serve(listener, acceptor, server));
        Ok(Self { address, _connections: connections })
    }

    /// The door's address, such as `https://localhost:8443`.
    pub fn url(&self) -> String {
        format!("https://localhost:{}", self.address.port())
    }
}

fn settings(shown: &Certificate) -> Result<ServerConfig> {
    let certificate = vec![CertificateDer::from_pem_file(&shown.certificate)?];
    ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(certificate, PrivateKeyDer::from_pem_file(&shown.key)?)
        .context("set up TLS")
}

async fn serve(listener: TcpListener, acceptor: TlsAcceptor, server: SocketAddr) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let acceptor = acceptor.clone();
        connections.spawn(async move {
            // A refused connection is no fault here: the test looks at the client.
            let mut client = acceptor.accept(stream).await.ok()?;
            let mut inner = TcpStream::connect(server).await.ok()?;
            copy_bidirectional(&mut client, &mut inner).await.ok()
        });
        while connections.try_join_next().is_some() {}
    }
}
