//! TLS faults in words for the operator of the server, from any library and at any depth of causes.

use rustls::{CertificateError, Error, InvalidMessage};
use std::{error, io};

/// The reason why a TLS connection failed; the subject of each sentence is the other end.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum TlsFault {
    /// An authority that is not trusted made the certificate.
    #[error("shows a certificate of an authority that is not trusted here")]
    UnknownAuthority,
    /// It is the certificate of an authority itself.
    #[error(
        "shows the certificate of an authority itself (self-signed): it needs one that an authority signed"
    )]
    OfAnAuthority,
    /// It has expired.
    #[error("shows a certificate that has expired")]
    Expired,
    /// It is not valid yet, or a clock is wrong.
    #[error("shows a certificate that is not valid yet; are the clocks right?")]
    NotValidYet,
    /// It belongs to another name.
    #[error("shows a certificate for another name")]
    OtherName,
    /// It has another fault.
    #[error("shows a certificate that is not accepted: {0}")]
    NotAccepted(String),
    /// The other end refuses our certificate, or misses one.
    #[error("does not accept our certificate, or misses one: {0}")]
    Refused(String),
    /// The other end does not speak TLS.
    #[error("does not speak TLS there")]
    NoTls,
    /// The two ends do not agree.
    #[error("does not agree on TLS: {0}")]
    Other(String),
}

impl TlsFault {
    /// The place for an authority that is not trusted yet.
    pub const TRUST: &str =
        "the machine's list of authorities can have it, or the file that SSL_CERT_FILE names";

    /// The TLS fault in a chain of causes, if there is one.
    pub fn within(fault: &(dyn error::Error + 'static)) -> Option<Self> {
        let mut fault = Some(fault);
        while let Some(here) = fault {
            if let Some(fault) = here.downcast_ref::<Error>() {
                return Some(Self::from(fault));
            }
            // An I/O error does not list its wrapped error as a cause, only the causes of that error.
            let wrapped = here.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
            fault = match wrapped {
                Some(wrapped) => Some(wrapped as &(dyn error::Error + 'static)),
                None => here.source(),
            };
        }
        None
    }
}

impl From<&Error> for TlsFault {
    fn from(fault: &Error) -> Self {
        use CertificateError as Bad;
        match fault {
            Error::InvalidCertificate(bad) => match bad {
                // Another authority with the same name.
                Bad::UnknownIssuer | Bad::BadSignature => Self::UnknownAuthority,
                Bad::Expired | Bad::ExpiredContext { .. } => Self::Expired,
                Bad::NotValidYet | Bad::NotValidYetContext { .. } => Self::NotValidYet,
                Bad::NotValidForName | Bad::NotValidForNameContext { .. } => Self::OtherName,
                // The library has no variant of its own for this.
                Bad::Other(bad) if bad.to_string().contains("CaUsedAsEndEntity") => Self::OfAnAuthority,
                bad => Self::NotAccepted(bad.to_string()),
            },
            Error::AlertReceived(alert) => Self::Refused(format!("{alert:?}")),
            Error::InvalidMessage(InvalidMessage::InvalidContentType) => Self::NoTls,
            fault => Self::Other(fault.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("could not connect")]
    struct Outer(#[source] io::Error);

    #[test]
    fn a_fault_is_found_at_any_depth() {
        let inner = || Error::InvalidCertificate(CertificateError::Expired);
        let io = |fault| io::Error::new(io::ErrorKind::InvalidData, fault);
        assert_eq!(TlsFault::within(&inner()), Some(TlsFault::Expired));
        assert_eq!(TlsFault::within(&io(inner())), Some(TlsFault::Expired));
        assert_eq!(TlsFault::within(&Outer(io(inner()))), Some(TlsFault::Expired));
        let refused = io::Error::from(io::ErrorKind::ConnectionRefused);
        assert_eq!(TlsFault::within(&Outer(refused)), None);
    }
}
