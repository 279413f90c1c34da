//! Mail over SMTP. Each mail has its own connection, because there are few mails.

use super::{
    LIMIT, NotifyError,
    smtp_url::{Encryption, SmtpUrl},
};
use crate::tls_fault::TlsFault;
use anyhow::Context;
use kozmic_model::mail::{Mail, MailList};
use lettre::{
    Message,
    message::{
        Mailbox, MultiPart,
        header::{HeaderName, HeaderValue},
    },
    transport::smtp::{
        Error,
        authentication::{Credentials, Mechanism},
        client::{AsyncSmtpConnection, TlsParameters},
        extension::ClientId,
    },
};
use secrecy::ExposeSecret;
use std::{str::FromStr, time::Duration};

/// The longest subject, in bytes: a line of a mail has at most 998, and words are not split.
const LONGEST_SUBJECT: usize = 900;

/// Longest time to wait for the end of a connection. The server has taken the mail by then.
const GOODBYE: Duration = Duration::from_secs(2);

const NO_STARTTLS: &str = "it offers no STARTTLS, and nothing is sent without; smtps:// speaks TLS from the start, and \
                           ?tls=off trusts the network";
const STARTTLS: &str = "if it has STARTTLS, its address begins with smtp://";

/// Sender of mails: `Kozmic <kozmic@example.org>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sender(Mailbox);

impl FromStr for Sender {
    type Err = lettre::address::AddressError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

/// Sends mails to a mail server; cheap to clone.
#[derive(Clone)]
pub struct MailSender {
    url: SmtpUrl,
    tls: Option<TlsParameters>,
    sender: Mailbox,
}

impl MailSender {
    /// A client; makes no connection yet.
    ///
    /// # Errors
    /// TLS cannot be set up, for example because the machine has no certificates of authorities.
    pub fn new(url: SmtpUrl, Sender(sender): Sender) -> anyhow::Result<Self> {
        let tls = match url.encryption {
            Encryption::Off => None,
            _ => Some(TlsParameters::new(url.host.clone()).context("set up TLS for the mail server")?),
        };
        Ok(Self { url, tls, sender })
    }

    /// Host and port of the mail server.
    pub fn server(&self) -> String {
        self.url.server()
    }

    /// The mail server, as texts of faults name it.
    fn named(&self) -> String {
        format!("the mail server {}", self.server())
    }

    /// Connects, and logs in if the address has a password.
    ///
    /// # Errors
    /// [`NotifyError::Unreachable`] with the cause.
    pub async fn check(&self) -> Result<(), NotifyError> {
        let mut connection = self.in_time(self.connect()).await?.map_err(|cause| self.unreachable(cause))?;
        goodbye(&mut connection).await;
        Ok(())
    }

    /// Sends a mail to one address. If sending fails half-way, the server may have taken the mail nevertheless. The
    /// message id identifies it.
    ///
    /// # Errors
    /// The mail was not taken, or it is not known if it was.
    pub async fn send(&self, to: &str, mail: &Mail) -> Result<(), NotifyError> {
        let refused = |answer: String| NotifyError::Refused { server: self.named(), answer };
        let recipient =
            to.parse().map_err(|_| refused("the recipient's address is not a mail address".to_owned()))?;
        let message = self.message(recipient, mail).map_err(|fault| refused(fault.to_string()))?;
        let send = async {
            let mut connection = self.connect().await.map_err(|cause| self.unreachable(cause))?;
            let sent = connection.send(message.envelope(), &message.formatted()).await;
            sent.map_err(|fault| self.not_sent(&fault, to))?;
            Ok(connection)
        };
        let mut connection = self.in_time(send).await??;
        goodbye(&mut connection).await;
        Ok(())
    }

    /// A connection that is ready for mails, or the reason why there is none.
    async fn connect(&self) -> Result<AsyncSmtpConnection, String> {
        let SmtpUrl { host, port, encryption, .. } = &self.url;
        let hello = ClientId::Domain(self.sender.email.domain().to_owned());
        let from_start = self.tls.clone().filter(|_| *encryption == Encryption::FromStart);
        let server = (host.as_str(), *port);
        let mut connection =
            AsyncSmtpConnection::connect_tokio1(server, Some(LIMIT), &hello, from_start, None)
                .await
                .map_err(|fault| in_words(&fault))?;
        self.encrypt(&mut connection, &hello).await?;
        self.log_in(&mut connection).await?;
        Ok(connection)
    }

    /// Starts TLS by STARTTLS, if it is required or offered. Required encryption is never left out.
    async fn encrypt(&self, connection: &mut AsyncSmtpConnection, hello: &ClientId) -> Result<(), String> {
        let is_offered = connection.can_starttls();
        match (self.url.encryption, self.tls.clone()) {
            (Encryption::Required, _) if !is_offered => Err(NO_STARTTLS.to_owned()),
            (Encryption::Required | Encryption::IfOffered, Some(tls)) if is_offered => {
                connection.starttls(tls, hello).await.map_err(|fault| in_words(&fault))
            }
            _ => Ok(()),
        }
    }

    async fn log_in(&self, connection: &mut AsyncSmtpConnection) -> Result<(), String> {
        let Some((user, password)) = &self.url.login else { return Ok(()) };
        let credentials = Credentials::new(user.clone(), password.expose_secret().to_owned());
        match connection.auth(&[Mechanism::Plain, Mechanism::Login], &credentials).await {
            Ok(_) => Ok(()),
            Err(fault) if fault.is_permanent() => Err(format!("it refuses user and password: {fault}")),
            Err(fault) if fault.is_client() => {
                Err(format!("it asks for no password that can be sent: {fault}"))
            }
            Err(fault) => Err(in_words(&fault)),
        }
    }

    fn message(&self, to: lettre::Address, mail: &Mail) -> Result<Message, lettre::error::Error> {
        let body = MultiPart::alternative_plain_html(mail.text.clone(), mail.html.clone());
        let mut message = Message::builder()
            .from(self.sender.clone())
            .to(Mailbox::new(None, to))
            .subject(&mail.subject[..mail.subject.floor_char_boundary(LONGEST_SUBJECT)])
            .message_id(Some(mail.message_id.clone()));
        let mut headers = vec![("Auto-Submitted", "auto-generated".to_owned())];
        if let Some(list) = &mail.list {
            message = message.in_reply_to(list.thread_id.clone()).references(list.thread_id.clone());
            headers.extend(list_headers(list));
        }
        let mut message = message.multipart(body)?;
        for (name, value) in headers {
            message.headers_mut().insert_raw(HeaderValue::new(HeaderName::new_from_ascii_str(name), value));
        }
        Ok(message)
    }

    async fn in_time<T>(&self, work: impl Future<Output = T>) -> Result<T, NotifyError> {
        let hint = match self.url.encryption {
            Encryption::FromStart => "",
            _ => "; a port that waits for TLS from the start needs smtps://",
        };
        let late = |_| self.unreachable(format!("no answer within {} s{hint}", LIMIT.as_secs()));
        tokio::time::timeout(LIMIT, work).await.map_err(late)
    }

    /// A fault before the mail counts as a fault of the connection: somebody may correct a wrong password.
    fn unreachable(&self, cause: String) -> NotifyError {
        NotifyError::Unreachable { server: self.named(), cause }
    }

    fn not_sent(&self, fault: &Error, to: &str) -> NotifyError {
        let (server, answer) = (self.named(), without(&fault.to_string(), to));
        if fault.is_permanent() || fault.is_client() {
            NotifyError::Refused { server, answer }
        } else if fault.is_transient() {
            NotifyError::PutOff { server, answer, wait: Duration::ZERO }
        } else {
            NotifyError::Unreachable { server, cause: answer }
        }
    }
}

/// Headers of mailing lists. `List-Id` is for filters; the others are for unsubscribing (RFC 2369), with one click if
/// the address is https (RFC 8058).
fn list_headers(list: &MailList) -> Vec<(&'static str, String)> {
    let url = &list.unsubscribe_url;
    let mut headers = vec![("List-Id", list.id.clone()), ("List-Unsubscribe", format!("<{url}>"))];
    if url.starts_with("https://") {
        headers.push(("List-Unsubscribe-Post", "List-Unsubscribe=One-Click".to_owned()));
    }
    headers
}

/// The text for a fault of a connection.
fn in_words(fault: &Error) -> String {
    match TlsFault::within(fault) {
        Some(TlsFault::UnknownAuthority) => format!("it {}; {}", TlsFault::UnknownAuthority, TlsFault::TRUST),
        Some(TlsFault::NoTls) => format!("it {}; {STARTTLS}", TlsFault::NoTls),
        Some(fault) => format!("it {fault}"),
        None => fault.to_string(),
    }
}

/// A server's answer without an address, because logs must not contain addresses. The server may repeat the address in
/// another case of letters.
fn without(words: &str, address: &str) -> String {
    let (lower, address) = (words.to_ascii_lowercase(), address.to_ascii_lowercase());
    let mut kept = String::with_capacity(words.len());
    let mut from = 0;
    for (at, found) in lower.match_indices(&address) {
        kept.push_str(&words[from..at]);
        kept.push('…');
        from = at + found.len();
    }
    kept + &words[from..]
}

async fn goodbye(connection: &mut AsyncSmtpConnection) {
    let _ = tokio::time::timeout(GOODBYE, connection.quit()).await;
}
