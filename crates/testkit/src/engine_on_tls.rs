//! The Docker engine as a remote one: over TCP with TLS on both sides, like `dockerd --tlsverify`. All connections are
//! passed on to the engine's socket on this machine.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::authority::Certificate;
use crate::shared_engine;

/// The first byte of a TLS connection.
const HANDSHAKE: u8 = 22;
/// The engine's answer to a client without TLS.
const WRONG: &[u8] = b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n";

/// The kind of answer to a client without TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ToPlain {
    /// A text, as Docker's engine sends it.
    Words,
    /// A reset, as some servers in front of an engine send it.
    Reset,
}

/// An engine on TLS. It ends when this is dropped.
pub struct EngineOnTls {
    address: SocketAddr,
    _connections: JoinSet<()>,
}

impl EngineOnTls {
    /// Presents this certificate, and accepts clients with a certificate of this authority.
    pub async fn start(shown: &Certificate, clients: &Path) -> Result<Self> {
        Self::answering(ToPlain::Words, shown, clients).await
    }

    /// The same, with another answer to clients without TLS.
    pub async fn answering(to_plain: ToPlain, shown: &Certificate, clients: &Path) -> Result<Self> {
        let acceptor = TlsAcceptor::from(Arc::new(settings(shown, clients)?));
        let listener = TcpListener::bind("127.0.0.1:0").await.context("listen as an engine")?;
        let address = listener.local_addr().context("ask for the engine's port")?;
        let mut connections = JoinSet::new();
        connections.spawn(serve(listener, acceptor, to_plain));
        Ok(Self { address, _connections: connections })
    }

    /// The engine's address, such as `tcp://localhost:2376`.
    pub fn url(&self) -> String {
        format!("tcp://localhost:{}", self.address.port())
    }
}

fn settings(shown: &Certificate, clients: &Path) -> Result<ServerConfig> {
    let mut trusted = RootCertStore::empty();
    trusted.add(CertificateDer::from_pem_file(clients)?)?;
    let provider = Arc::new(ring::default_provider());
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(trusted), provider.clone()).build()?;
    let certificate = vec![CertificateDer::from_pem_file(&shown.certificate)?];
    ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_client_cert_verifier(verifier)
        .with_single_cert(certificate, PrivateKeyDer::from_pem_file(&shown.key)?)
        .context("set up TLS")
}

async fn serve(listener: TcpListener, acceptor: TlsAcceptor, to_plain: ToPlain) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let acceptor = acceptor.clone();
        // A refused connection is no fault here: the test looks at the client.
        connections.spawn(async move { pass_on(stream, acceptor, to_plain).await.ok() });
        while connections.try_join_next().is_some() {}
    }
}

async fn pass_on(mut stream: TcpStream, acceptor: TlsAcceptor, to_plain: ToPlain) -> io::Result<()> {
    let mut first = [0];
    stream.peek(&mut first).await?;
    if first[0] != HANDSHAKE {
        return match to_plain {
            ToPlain::Words => {
                // A connection that is closed with unread bytes becomes a reset, so they are read first.
                let mut request = [0; 1024];
                let _length = stream.read(&mut request).await?;
                stream.write_all(WRONG).await
            }
            ToPlain::Reset => Ok(()),
        };
    }
    let mut client = acceptor.accept(stream).await?;
    let mut engine = shared_engine::connect().await?;
    copy_bidirectional(&mut client, &mut engine).await.map(drop)
}
