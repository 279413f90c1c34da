//! The way to the engine: a socket of this machine, or TCP, with TLS or without; and why there is none.

use super::{DockerEngine, DockerSettings, TIMEOUT, chain, legible};
use crate::{engine::EngineError, tls_fault::TlsFault};
use bollard::{API_DEFAULT_VERSION, Docker, errors::Error};
use std::{
    fs::File,
    path::{Path, PathBuf},
};

/// The files that Docker's own tools use too: whom to trust, and who we are.
const AUTHORITY: &str = "ca.pem";
const CERTIFICATE: &str = "cert.pem";
const KEY: &str = "key.pem";

/// The answer of an engine on TLS to a client without TLS.
const WANTS_TLS: &str = "HTTP request to an HTTPS server";

impl DockerSettings {
    /// The directory of certificates, if the way to the engine is on TLS.
    fn tls(&self) -> Option<&Path> {
        let is_on_tcp = self.url.starts_with("tcp://") || self.url.starts_with("https://");
        self.certificates.as_deref().filter(|_| is_on_tcp)
    }
}

impl DockerEngine {
    pub(super) fn docker(&self) -> Result<Docker, EngineError> {
        if let Some(docker) = self.docker.get() {
            return Ok(docker.clone());
        }
        let docker = self.anew()?;
        Ok(self.docker.get_or_init(|| docker).clone())
    }

    /// The same, over connections of its own.
    pub(super) fn anew(&self) -> Result<Docker, EngineError> {
        Ok(self.connect()?.with_timeout(TIMEOUT).with_request_modifier(legible))
    }

    /// No connection yet, only all that it takes.
    fn connect(&self) -> Result<Docker, EngineError> {
        let url = &self.settings.url;
        let (seconds, version) = (TIMEOUT.as_secs(), API_DEFAULT_VERSION);
        let docker = match self.settings.tls() {
            Some(dir) => {
                let [authority, certificate, key] = readable(dir).map_err(|cause| self.unreachable(cause))?;
                Docker::connect_with_ssl(url, &key, &certificate, &authority, seconds, version)
            }
            None if url.starts_with("unix://") => Docker::connect_with_unix(url, seconds, version),
            None => Docker::connect_with_http(url, seconds, version),
        };
        docker.map_err(|fault| self.fault(fault))
    }

    pub(super) fn fault(&self, fault: Error) -> EngineError {
        match fault {
            Error::DockerResponseServerError { message, .. } if message.contains(WANTS_TLS) => self
                .unreachable(
                    "it speaks TLS there: docker_cert_path names the directory of its certificates"
                        .to_owned(),
                ),
            Error::DockerResponseServerError { status_code: status, message } => {
                EngineError::Refused { status, message }
            }
            Error::DockerStreamError { error: message } => EngineError::Refused { status: 0, message },
            fault @ (Error::JsonDataError { .. } | Error::JsonSerdeError { .. }) => {
                EngineError::Unexpected { cause: chain(&fault) }
            }
            fault => self.unreachable(self.words(&fault)),
        }
    }

    fn unreachable(&self, cause: String) -> EngineError {
        EngineError::Unreachable { engine: self.settings.url.clone(), cause }
    }

    /// The fault of a connection; of TLS, with the file that has to do with it.
    fn words(&self, fault: &Error) -> String {
        let Some((tls, dir)) = TlsFault::within(fault).zip(self.settings.tls()) else { return chain(fault) };
        let file = |name| dir.join(name).display().to_string();
        match tls {
            TlsFault::UnknownAuthority => format!("it {tls}, which is the one in {}", file(AUTHORITY)),
            TlsFault::Refused(alert) => {
                format!("it does not accept the certificate in {}, or sees none: {alert}", file(CERTIFICATE))
            }
            TlsFault::NoTls => format!("it {tls}: an engine without TLS needs no docker_cert_path"),
            tls => format!("it {tls}"),
        }
    }
}

/// The files of a directory of certificates. They are read later, each time anew, and without a word about faults.
fn readable(dir: &Path) -> Result<[PathBuf; 3], String> {
    let files = [AUTHORITY, CERTIFICATE, KEY].map(|name| dir.join(name));
    for file in &files {
        File::open(file).map_err(|fault| format!("its certificates: {}: {fault}", file.display()))?;
    }
    Ok(files)
}
