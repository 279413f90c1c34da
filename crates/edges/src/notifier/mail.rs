//! Mail over SMTP: a connection for each mail, since there are few.

use super::{
    NotifyError,
    smtp_url::{Encryption, SmtpUrl},
};
use anyhow::Context;
use kozmic_model::mail::Mail;
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

/// How long a mail may take, from the connection to the server's last word.
const LIMIT: Duration = Duration::from_secs(30);

/// How long to wait for a polite end; the mail is the server's by then.
const GOODBYE: Duration = Duration::from_secs(2);

/// Who mails are from: `Kozmic <kozmic@example.org>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sender(Mailbox);

impl FromStr for Sender {
    type Err = lettre::address::AddressError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

/// Hands mails to a mail server; cheap to clone.
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
    /// TLS cannot be set up: the machine has no certificates of authorities, say.
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

    /// Connects, and proves who we are if the address has a password.
    ///
    /// # Errors
    /// [`NotifyError::Unreachable`] with what went wrong.
    pub async fn check(&self) -> Result<(), NotifyError> {
        let mut connection = self.in_time(self.connect()).await?.map_err(|fault| self.unreachable(&fault))?;
        goodbye(&mut connection).await;
        Ok(())
    }

    /// Sends a mail to one address. If that fails half-way, the server may have it all the same: it is known by its
    /// message id.
    ///
    /// # Errors
    /// [`NotifyError::is_refusal`] if trying again will hardly help.
    pub async fn send(&self, to: &str, mail: &Mail) -> Result<(), NotifyError> {
        let refused = |answer: String| NotifyError::Refused { server: self.server(), answer };
        let recipient = to.parse().map_err(|_| refused("the address of the recipient is none".to_owned()))?;
        let message = self.message(recipient, mail).map_err(|fault| refused(fault.to_string()))?;
        let send = async {
            let mut connection = self.connect().await.map_err(|fault| self.unreachable(&fault))?;
            let sent = connection.send(message.envelope(), &message.formatted()).await;
            sent.map_err(|fault| self.not_sent(&fault, to))?;
            Ok(connection)
        };
        let mut connection = self.in_time(send).await??;
        goodbye(&mut connection).await;
        Ok(())
    }

    async fn connect(&self) -> Result<AsyncSmtpConnection, Error> {
        let SmtpUrl { host, port, login, encryption } = &self.url;
        let hello = ClientId::Domain(self.sender.email.domain().to_owned());
        let from_start = self.tls.clone().filter(|_| *encryption == Encryption::FromStart);
        let server = (host.as_str(), *port);
        let mut connection =
            AsyncSmtpConnection::connect_tokio1(server, Some(LIMIT), &hello, from_start, None).await?;
        let is_wanted = match encryption {
            Encryption::Required => true,
            Encryption::IfOffered => connection.can_starttls(),
            Encryption::FromStart | Encryption::Off => false,
        };
        if let Some(tls) = self.tls.clone().filter(|_| is_wanted) {
            connection.starttls(tls, &hello).await?;
        }
        if let Some((user, password)) = login {
            let credentials = Credentials::new(user.clone(), password.expose_secret().to_owned());
            connection.auth(&[Mechanism::Plain, Mechanism::Login], &credentials).await?;
        }
        Ok(connection)
    }

    fn message(&self, to: lettre::Address, mail: &Mail) -> Result<Message, lettre::error::Error> {
        let body = MultiPart::alternative_plain_html(mail.text.clone(), mail.html.clone());
        let mut message = Message::builder()
            .from(self.sender.clone())
            .to(Mailbox::new(None, to))
            .subject(mail.subject.clone())
            .message_id(Some(mail.message_id.clone()))
            .in_reply_to(mail.thread_id.clone())
            .references(mail.thread_id.clone())
            .multipart(body)?;
        let headers = [
            (HeaderName::new_from_ascii_str("Auto-Submitted"), "auto-generated".to_owned()),
            (HeaderName::new_from_ascii_str("List-Id"), mail.list_id.clone()),
            (HeaderName::new_from_ascii_str("List-Unsubscribe"), format!("<{}>", mail.settings_url)),
        ];
        for (name, value) in headers {
            message.headers_mut().insert_raw(HeaderValue::new(name, value));
        }
        Ok(message)
    }

    async fn in_time<T>(&self, work: impl Future<Output = T>) -> Result<T, NotifyError> {
        let late = |_| NotifyError::Unreachable {
            server: self.server(),
            cause: format!("no answer within {} s", LIMIT.as_secs()),
        };
        tokio::time::timeout(LIMIT, work).await.map_err(late)
    }

    /// Whatever happens before the mail is a matter of the connection: a wrong password may be put right.
    fn unreachable(&self, fault: &Error) -> NotifyError {
        NotifyError::Unreachable { server: self.server(), cause: fault.to_string() }
    }

    fn not_sent(&self, fault: &Error, to: &str) -> NotifyError {
        let (server, answer) = (self.server(), fault.to_string().replace(to, "…"));
        match () {
            () if fault.is_permanent() || fault.is_client() => NotifyError::Refused { server, answer },
            () if fault.is_transient() => NotifyError::PutOff { server, answer },
            () => NotifyError::Unreachable { server, cause: answer },
        }
    }
}

async fn goodbye(connection: &mut AsyncSmtpConnection) {
    let _ = tokio::time::timeout(GOODBYE, connection.quit()).await;
}
