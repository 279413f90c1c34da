//! A certificate authority like those of companies. It certifies mail servers and engines that use TLS.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

const SETTINGS: &str = "\
[ca]
default_ca = authority
[authority]
database = list
new_certs_dir = .
rand_serial = yes
default_md = sha256
policy = policy
unique_subject = no
copy_extensions = copy
[policy]
commonName = supplied
";
/// Times in OpenSSL's format.
const PAST: [&str; 2] = ["20200101000000Z", "20200201000000Z"];
const PRESENT: [&str; 2] = ["20200101000000Z", "20991231000000Z"];
/// Arguments for a kind of key that is made quickly.
const KEY: [&str; 5] = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];

/// An authority with a directory of its own, which is removed when this is dropped.
pub struct Authority {
    dir: TempDir,
}

/// A certificate and its key, as PEM files of their authority.
#[derive(Debug, Clone)]
pub struct Certificate {
    /// The certificate.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
}

impl Authority {
    /// A new authority of this name, which no program trusts yet.
    pub fn new(name: &str) -> Result<Self> {
        let dir = TempDir::with_prefix("kozmic-authority-").context("make an authority's directory")?;
        std::fs::write(dir.path().join("settings"), SETTINGS).context("write its settings")?;
        std::fs::write(dir.path().join("list"), "").context("begin its list")?;
        let authority = Self { dir };
        let subject = ["-subj", &format!("/CN={name}"), "-keyout", "ca.key", "-out", "ca.pem"];
        authority.openssl(&[&["req", "-x509", "-days", "9999"], &KEY[..], &subject].concat())?;
        Ok(authority)
    }

    /// The authority's own certificate, for programs that should trust it.
    pub fn certificate(&self) -> PathBuf {
        self.dir.path().join("ca.pem")
    }

    /// A certificate for a server or client of this name; also for 127.0.0.1 if the name is `localhost`.
    pub fn certify(&self, name: &str) -> Result<Certificate> {
        self.certify_for(name, PRESENT)
    }

    /// A certificate that has expired.
    pub fn certify_in_the_past(&self, name: &str) -> Result<Certificate> {
        self.certify_for(name, PAST)
    }

    fn certify_for(&self, name: &str, [from, to]: [&str; 2]) -> Result<Certificate> {
        let [file, key, request] = [".pem", ".key", ".csr"].map(|end| format!("{name}-{to}{end}"));
        let address = if name == "localhost" { ",IP:127.0.0.1" } else { "" };
        let names = format!("subjectAltName=DNS:{name}{address}");
        let subject = format!("/CN={name}");
        let more = ["-addext", &names, "-addext", "extendedKeyUsage=serverAuth,clientAuth"];
        let ask = ["-subj", &subject, "-keyout", &key, "-out", &request];
        self.openssl(&[&["req", "-new"], &KEY[..], &ask, &more].concat())?;
        let by = ["-config", "settings", "-cert", "ca.pem", "-keyfile", "ca.key"];
        let times = ["-startdate", from, "-enddate", to, "-in", &request, "-out", &file];
        self.openssl(&[&["ca", "-batch", "-notext"], &by[..], &times].concat())?;
        Ok(Certificate { certificate: self.dir.path().join(file), key: self.dir.path().join(key) })
    }

    fn openssl(&self, arguments: &[&str]) -> Result<()> {
        let output = Command::new("openssl").args(arguments).current_dir(&self.dir).output();
        let output = output.context("run openssl: is the package of that name installed?")?;
        ensure!(
            output.status.success(),
            "openssl {arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(())
    }
}

impl Certificate {
    /// Copies the certificate, its key and the trusted authority into a directory, under the names that Docker's tools
    /// expect.
    pub fn lay_out_for_docker(&self, authority: &Path, dir: &Path) -> Result<()> {
        let files = [(authority, "ca.pem"), (&self.certificate, "cert.pem"), (&self.key, "key.pem")];
        for (file, name) in files {
            std::fs::copy(file, dir.join(name)).with_context(|| format!("lay out {name}"))?;
        }
        Ok(())
    }
}
