//! The address of the mail server that takes mails, as people write it: `smtp://user:password@host:587` or `smtps://…`.

use percent_encoding::percent_decode_str;
use secrecy::SecretString;
use std::{net::IpAddr, str::FromStr};
use url::Url;

/// A mail server's address, with the login.
#[derive(Clone)]
pub struct SmtpUrl {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) login: Option<(String, SecretString)>,
    pub(super) encryption: Encryption,
}

/// Encryption of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encryption {
    /// TLS from the first byte.
    FromStart,
    /// STARTTLS is required: without it, no mail is sent.
    Required,
    /// STARTTLS if the server offers it.
    IfOffered,
    /// No encryption.
    Off,
}

/// The text is no mail server's address. The error does not contain the text, because there may be a password in it.
#[derive(Debug, thiserror::Error)]
#[error("not a mail server's address: it needs to be smtp://user:password@host:587 or smtps://…")]
pub struct NotASmtpUrl;

impl SmtpUrl {
    /// Host and port.
    pub fn server(&self) -> String {
        match self.host.contains(':') {
            true => format!("[{}]:{}", self.host, self.port),
            false => format!("{}:{}", self.host, self.port),
        }
    }
}

impl FromStr for SmtpUrl {
    type Err = NotASmtpUrl;
    fn from_str(text: &str) -> Result<Self, NotASmtpUrl> {
        let url = Url::parse(text).map_err(|_| NotASmtpUrl)?;
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        let is_bare = matches!(url.path(), "" | "/") && url.fragment().is_none();
        if host.is_empty() || !is_bare {
            return Err(NotASmtpUrl);
        }
        let login = login(&url)?;
        let encryption = encryption(&url, &host, login.is_some())?;
        let usual = if encryption == Encryption::FromStart { 465 } else { 587 };
        Ok(Self { host, port: url.port().unwrap_or(usual), login, encryption })
    }
}

/// User and password, or neither.
fn login(url: &Url) -> Result<Option<(String, SecretString)>, NotASmtpUrl> {
    let decoded = |text| percent_decode_str(text).decode_utf8().map_err(|_| NotASmtpUrl);
    match (url.username(), url.password()) {
        ("", None) => Ok(None),
        ("", Some(_)) | (_, None) => Err(NotASmtpUrl),
        (user, Some(password)) => {
            Ok(Some((decoded(user)?.into_owned(), decoded(password)?.into_owned().into())))
        }
    }
}

/// The encryption for an address. A password is sent without encryption only to this machine, unless `?tls=off` says
/// that the network is trusted.
fn encryption(url: &Url, host: &str, has_login: bool) -> Result<Encryption, NotASmtpUrl> {
    let is_local = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    match (url.scheme(), url.query()) {
        ("smtps", None) => Ok(Encryption::FromStart),
        ("smtp", Some("tls=required")) => Ok(Encryption::Required),
        ("smtp", Some("tls=off")) => Ok(Encryption::Off),
        ("smtp", None) if is_local => Ok(Encryption::Off),
        ("smtp", None) if has_login => Ok(Encryption::Required),
        ("smtp", None) => Ok(Encryption::IfOffered),
        _ => Err(NotASmtpUrl),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;

    #[test]
    fn an_address_says_where_and_how() {
        use Encryption::{FromStart, IfOffered, Off, Required};
        for (text, server, encryption) in [
            ("smtp://ci:x@mail.example.org:2587", "mail.example.org:2587", Required),
            ("smtp://ci:x@mail.example.org", "mail.example.org:587", Required),
            ("smtp://ci:x@mail:25?tls=off", "mail:25", Off),
            ("smtp://mail:25", "mail:25", IfOffered),
            ("smtp://mail:25/?tls=required", "mail:25", Required),
            ("smtps://mail", "mail:465", FromStart),
            ("smtp://127.0.0.1:2525", "127.0.0.1:2525", Off),
            ("smtp://[::1]:25", "[::1]:25", Off),
        ] {
            let url = text.parse::<SmtpUrl>().unwrap_or_else(|_| panic!("{text}"));
            assert_eq!((url.server().as_str(), url.encryption), (server, encryption), "{text}");
        }
    }

    #[test]
    fn user_and_password_may_have_any_signs() {
        let url = "smtp://ci%40example.org:a%2Fb%3A+@mail".parse::<SmtpUrl>().ok().unwrap();
        let (user, password) = url.login.unwrap();
        assert_eq!((user.as_str(), password.expose_secret()), ("ci@example.org", "a/b:+"));
    }

    #[test]
    fn what_is_no_mail_servers_address_is_refused() {
        for text in [
            "mail.example.org",
            "http://mail",
            "smtp://",
            "smtp://mail/path",
            "smtp://ci@mail",
            "smtp://:x@mail",
            "smtp://mail?tls=perhaps",
            "smtps://mail?tls=off",
            "smtp://mail:99999",
        ] {
            assert!(text.parse::<SmtpUrl>().is_err(), "{text}");
        }
    }
}
