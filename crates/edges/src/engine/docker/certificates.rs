//! The certificates for an engine with TLS, in the files that Docker's own tools use.
//!
//! The client library reads them again for each connection, and ignores files that it cannot use. The engine then sees
//! no certificate, and reports that. So this module checks them before.

use crate::small_file;
use rustls::{
    ClientConfig, Error, RootCertStore,
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, PrivateKeyDer, pem, pem::PemObject},
    sign::CertifiedKey,
};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

/// A directory of certificates.
#[derive(Debug)]
pub(super) struct Certificates {
    /// The authority to trust.
    pub(super) authority: PathBuf,
    /// The certificate that Kozmic shows.
    pub(super) certificate: PathBuf,
    /// The key of the certificate.
    pub(super) key: PathBuf,
}

impl Certificates {
    pub(super) fn of(dir: &Path) -> Self {
        let [authority, certificate, key] = ["ca.pem", "cert.pem", "key.pem"].map(|name| dir.join(name));
        Self { authority, certificate, key }
    }

    /// The TLS settings of a connection that uses them.
    ///
    /// # Errors
    /// The fault of the files, in words.
    pub(super) fn config(&self) -> Result<ClientConfig, String> {
        let wrong = |file: &Path, why: &str| format!("its certificates: {}: {why}", file.display());
        let mut trusted = RootCertStore::empty();
        for certificate in certificates(&self.authority).map_err(|why| wrong(&self.authority, &why))? {
            trusted.add(certificate).map_err(|fault| wrong(&self.authority, &fault.to_string()))?;
        }
        let shown = certificates(&self.certificate).map_err(|why| wrong(&self.certificate, &why))?;
        let key = read(&self.key).map_err(|why| wrong(&self.key, &why))?;
        let key = PrivateKeyDer::from_pem_slice(&key);
        let key = key.map_err(|fault| wrong(&self.key, &words(fault, "no key without a password")))?;
        CertifiedKey::from_der(shown.clone(), key.clone_key(), &ring::default_provider()).map_err(
            |fault| match fault {
                Error::InconsistentKeys(_) => {
                    wrong(&self.key, &format!("not the key of {}", self.certificate.display()))
                }
                fault => wrong(&self.key, &fault.to_string()),
            },
        )?;
        let config = trusting(trusted).with_client_auth_cert(shown, key);
        config.map_err(|fault| wrong(&self.certificate, &fault.to_string()))
    }
}

/// The TLS settings of a connection that trusts no server: it only finds out how the server answers.
pub(super) fn trusting_nobody() -> ClientConfig {
    trusting(RootCertStore::empty()).with_no_client_auth()
}

fn trusting(trusted: RootCertStore) -> rustls::ConfigBuilder<ClientConfig, rustls::client::WantsClientCert> {
    let provider: Arc<CryptoProvider> = Arc::new(ring::default_provider());
    let versions = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    versions.expect("the provider knows the usual versions of TLS").with_root_certificates(trusted)
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let text = read(file)?;
    let all = CertificateDer::pem_slice_iter(&text).collect::<Result<Vec<_>, _>>();
    let all = all.map_err(|fault| words(fault, "no certificate"))?;
    if all.is_empty() { Err("there is no certificate in it".to_owned()) } else { Ok(all) }
}

fn read(file: &Path) -> Result<Vec<u8>, String> {
    small_file::bytes(file, |words| tracing::warn!("{words}")).map_err(|fault| fault.to_string())
}

fn words(fault: pem::Error, missing: &str) -> String {
    match fault {
        pem::Error::NoItemsFound => format!("there is {missing} in it"),
        fault => fault.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kozmic_testkit::authority::Authority;

    #[test]
    fn what_is_wrong_with_a_directory_of_certificates_is_said_with_the_file() {
        let (authority, dir) = (Authority::new("Ours").unwrap(), tempfile::tempdir().unwrap());
        let ours = authority.certify("kozmic").unwrap();
        ours.lay_out_for_docker(&authority.certificate(), dir.path()).unwrap();
        let laid_out = Certificates::of(dir.path());
        assert!(laid_out.config().is_ok());
        let told = |file: &Path, words: &str| {
            let why = laid_out.config().unwrap_err();
            assert!(why.starts_with(&format!("its certificates: {}: {words}", file.display())), "{why}");
        };
        std::fs::copy(authority.certify("another").unwrap().key, &laid_out.key).unwrap();
        told(&laid_out.key, "not the key of ");
        std::fs::write(&laid_out.key, "nothing of the kind").unwrap();
        told(&laid_out.key, "there is no key without a password in it");
        std::fs::write(&laid_out.certificate, "").unwrap();
        told(&laid_out.certificate, "there is no certificate in it");
        std::fs::remove_file(&laid_out.authority).unwrap();
        std::os::unix::fs::symlink("/dev/zero", &laid_out.authority).unwrap();
        told(&laid_out.authority, "it has more than 1 MiB");
        std::fs::remove_file(&laid_out.authority).unwrap();
        told(&laid_out.authority, "No such file");
    }
}
