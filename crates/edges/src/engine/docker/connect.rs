//! The connection to the engine: a socket of this machine, or TCP, with TLS or without; and the reasons of a failure.

use super::{DockerEngine, DockerSettings, TIMEOUT, certificates::Certificates, chain, legible};
use crate::{engine::EngineError, loopback::is_loopback, tls_fault::TlsFault};
use bollard::{API_DEFAULT_VERSION, Docker, errors::Error};
use std::{path::Path, sync::atomic::Ordering};
use url::Url;

impl DockerSettings {
    /// The directory of certificates, if the connection uses TLS.
    pub(super) fn tls(&self) -> Option<&Path> {
        let is_on_tcp = self.url.starts_with("tcp://") || self.url.starts_with("https://");
        self.certificates.as_deref().filter(|_| is_on_tcp)
    }

    fn is_here(&self) -> bool {
        self.address().is_none_or(|url| is_loopback(&url))
    }

    /// The engine's address, if the connection uses TCP.
    pub(super) fn address(&self) -> Option<Url> {
        Url::parse(&self.url).ok().filter(|url| ["tcp", "http", "https"].contains(&url.scheme()))
    }
}

impl DockerEngine {
    /// True if the engine is on this machine. Its containers then have addresses that this machine sees as peers.
    pub fn is_here(&self) -> bool {
        self.settings.is_here()
    }

    pub(super) fn docker(&self) -> Result<Docker, EngineError> {
        if let Some(docker) = self.docker.get() {
            return Ok(docker.clone());
        }
        let docker = self.anew()?;
        Ok(self.docker.get_or_init(|| docker).clone())
    }

    /// The same, over new connections.
    pub(super) fn anew(&self) -> Result<Docker, EngineError> {
        Ok(self.connect()?.with_timeout(TIMEOUT).with_request_modifier(legible))
    }

    /// Prepares a client. It does not connect yet.
    fn connect(&self) -> Result<Docker, EngineError> {
        let url = &self.settings.url;
        let (seconds, version) = (TIMEOUT.as_secs(), API_DEFAULT_VERSION);
        let docker = match self.settings.tls() {
            Some(dir) => {
                let files = Certificates::of(dir);
                files.config().map_err(|why| self.unreachable(why))?;
                let Certificates { authority, certificate, key } = &files;
                Docker::connect_with_ssl(url, key, certificate, authority, seconds, version)
            }
            None if url.starts_with("unix://") => Docker::connect_with_unix(url, seconds, version),
            None if url.starts_with("https://") => {
                let why =
                    "an address with https:// needs docker_cert_path, the directory of its certificates";
                return Err(self.unreachable(why.to_owned()));
            }
            None => Docker::connect_with_http(url, seconds, version),
        };
        docker.map_err(|fault| self.fault(fault))
    }

    pub(super) fn fault(&self, fault: Error) -> EngineError {
        match fault {
            Error::DockerResponseServerError { status_code: status, message } => {
                EngineError::Refused { status, message }
            }
            Error::DockerStreamError { error: message } => EngineError::Refused { status: 0, message },
            fault @ (Error::JsonDataError { .. } | Error::JsonSerdeError { .. }) => {
                EngineError::Unexpected { cause: chain(&fault) }
            }
            fault => self.unreachable(match TlsFault::within(&fault).zip(self.settings.tls()) {
                Some((tls, dir)) => self.words(&tls, dir),
                None => chain(&fault),
            }),
        }
    }

    /// An engine that comes back may be a different one, so it must be prepared again.
    pub(super) fn unreachable(&self, cause: String) -> EngineError {
        self.is_ready.store(false, Ordering::Relaxed);
        EngineError::Unreachable { engine: self.settings.url.clone(), cause }
    }

    /// The message for an engine that requires TLS when the settings have none.
    pub(super) fn wants_tls(&self) -> String {
        let right = match self.settings.certificates.is_some() {
            true => "its address has to begin with tcp:// or https://",
            false => "docker_cert_path names the directory of its certificates",
        };
        format!("it speaks TLS there: {right}")
    }

    /// A TLS fault in words, with the file that is concerned.
    pub(super) fn words(&self, tls: &TlsFault, dir: &Path) -> String {
        let Certificates { authority, certificate, .. } = Certificates::of(dir);
        match tls {
            TlsFault::UnknownAuthority => {
                format!("it {tls}, which is the one in {}", authority.display())
            }
            TlsFault::OtherName => {
                let host = self.settings.address().and_then(|url| url.host_str().map(str::to_owned));
                format!("it {tls} than {}", host.unwrap_or_default())
            }
            TlsFault::Refused(alert) => {
                format!(
                    "it does not accept the certificate in {}, or sees none: {alert}",
                    certificate.display()
                )
            }
            TlsFault::NoTls => format!(
                "it {tls}: an engine without TLS needs no docker_cert_path, and an address that begins with tcp://"
            ),
            tls => format!("it {tls}"),
        }
    }
}
