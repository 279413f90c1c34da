//! A closer look at an address where no engine answered as expected: finds out if TLS is spoken there, and its fault. A
//! TLS server may answer a client without TLS in words, or with a reset that tells nothing. A server that refuses a
//! certificate may close the connection before its refusal is read.

use super::{
    DockerEngine,
    certificates::{Certificates, trusting_nobody},
};
use crate::{engine::EngineError, tls_fault::TlsFault};
use bollard::errors::Error;
use rustls::{ClientConfig, ClientConnection, pki_types::ServerName};
use std::{io, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use url::Url;

/// The time for the look. A server that accepts this client sends nothing more, so the look then takes this long.
const PATIENCE: Duration = Duration::from_secs(3);

impl DockerEngine {
    /// Explains the fault of a call that only checks for the engine.
    pub(super) async fn explained(&self, fault: Error) -> EngineError {
        if TlsFault::within(&fault).is_some() {
            return self.fault(fault);
        }
        match self.tls_fault().await {
            Some(cause) => self.unreachable(cause),
            None => self.fault(fault),
        }
    }

    /// The reason why the engine cannot be reached with the settings, if it has to do with TLS.
    async fn tls_fault(&self) -> Option<String> {
        let address = self.settings.address()?;
        match self.settings.tls() {
            Some(dir) => {
                let config = Certificates::of(dir).config().ok()?;
                let fault = shake_hands(&address, config).await?;
                // The authorities of this machine are trusted, too, but only the client library knows them.
                (fault != TlsFault::UnknownAuthority).then(|| self.words(&fault, dir))
            }
            None => {
                let fault = shake_hands(&address, trusting_nobody()).await?;
                (!matches!(fault, TlsFault::NoTls | TlsFault::Other(_))).then(|| self.wants_tls())
            }
        }
    }
}

/// The fault of the TLS handshake, if there is one.
async fn shake_hands(address: &Url, config: ClientConfig) -> Option<TlsFault> {
    let host = address.host_str()?;
    let bare = host.trim_matches(['[', ']']).to_owned();
    let name = ServerName::try_from(bare).ok()?;
    let tls = ClientConnection::new(Arc::new(config), name).ok()?;
    let port = address.port().unwrap_or(if address.scheme() == "https" { 443 } else { 80 });
    let talk = async { talk(TcpStream::connect(format!("{host}:{port}")).await?, tls).await };
    let fault = timeout(PATIENCE, talk).await.ok()?.err()?;
    TlsFault::within(&fault)
}

/// Reads until the server sends nothing more.
async fn talk(mut stream: TcpStream, mut tls: ClientConnection) -> io::Result<()> {
    let mut bytes = [0; 4096];
    loop {
        let mut ours = Vec::new();
        while tls.wants_write() {
            tls.write_tls(&mut ours)?;
        }
        stream.write_all(&ours).await?;
        let count = stream.read(&mut bytes).await?;
        if count == 0 {
            return Ok(());
        }
        let mut theirs = &bytes[..count];
        while !theirs.is_empty() {
            tls.read_tls(&mut theirs)?;
            tls.process_new_packets().map_err(io::Error::other)?;
        }
    }
}
