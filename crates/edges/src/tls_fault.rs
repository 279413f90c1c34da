//! Faults of TLS in words for whoever runs the server, whichever library tells them and however deep.

use rustls::{CertificateError, Error, InvalidMessage};
use std::{error, io};

/// The reason why no connection on TLS came about; the subject of each sentence is the other end.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum TlsFault {
    /// Made by nobody who is trusted.
    #[error("shows a certificate of an authority that is not trusted here")]
    UnknownAuthority,
    /// An authority's own.
    #[error(
        "shows the certificate of an authority itself (self-signed): it needs one that an authority signed"
    )]
    OfAnAuthority,
    /// Its time is over.
    #[error("shows a certificate that has expired")]
    Expired,
    /// Its time has not begun, or a clock is wrong.
    #[error("shows a certificate that is not valid yet; are the clocks right?")]
    NotValidYet,
    /// It is somebody else's.
    #[error("shows a certificate for another name")]
    OtherName,
    /// Anything else is wrong with it.
    #[error("shows a certificate that is not accepted: {0}")]
    NotAccepted(String),
    /// The other end does not take the certificate that was shown to it, or misses one.
    #[error("does not accept our certificate, or misses one: {0}")]
    Refused(String),
    /// The other end speaks something else.
    #[error("does not speak TLS there")]
    NoTls,
    /// The two ends do not agree.
    #[error("does not agree on TLS: {0}")]
    Other(String),
}

impl TlsFault {
    /// The fault of TLS that stands in a chain of causes, if there is one.
    pub fn within(fault: &(dyn error::Error + 'static)) -> Option<Self> {
        let mut fault = Some(fault);
        while let Some(here) = fault {
            if let Some(fault) = here.downcast_ref::<Error>() {
                return Some(Self::from(fault));
            }
            // An I/O error does not count what it wraps among its causes, only what is behind that.
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
                // Another authority of the same name.
                Bad::UnknownIssuer | Bad::BadSignature => Self::UnknownAuthority,
                Bad::Expired | Bad::ExpiredContext { .. } => Self::Expired,
                Bad::NotValidYet | Bad::NotValidYetContext { .. } => Self::NotValidYet,
                Bad::NotValidForName | Bad::NotValidForNameContext { .. } => Self::OtherName,
                // The library has no name of its own for that.
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
