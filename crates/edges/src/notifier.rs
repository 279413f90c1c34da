//! Ways to tell people what became of a build: by mail, or not at all. The last thing of a push's way.

mod mail;
mod smtp_url;
#[cfg(test)]
mod tests;

pub use mail::{MailSender, Sender};
pub use smtp_url::{NotASmtpUrl, SmtpUrl};

/// The ways to tell people.
#[derive(Clone)]
pub enum Notifier {
    /// Nobody is told.
    None,
    /// A mail server takes the mails.
    Mail(MailSender),
}

/// The reason why a mail was not sent. No address of a recipient stands in it.
#[derive(Debug, thiserror::Error)]
pub enum NotifyError {
    /// There is no connection on which mails are taken.
    #[error("the mail server {server} does not take mails: {cause}")]
    Unreachable {
        /// Host and port.
        server: String,
        /// The fault.
        cause: String,
    },
    /// The server put this mail off (4xx).
    #[error("the mail server {server} put a mail off: {answer}")]
    PutOff {
        /// Host and port.
        server: String,
        /// Its words.
        answer: String,
    },
    /// The server does not take this mail (5xx), or nobody could: the address is none.
    #[error("the mail server {server} refused a mail: {answer}")]
    Refused {
        /// Host and port.
        server: String,
        /// Its words.
        answer: String,
    },
}

impl NotifyError {
    /// Whether sending the same mail once more will hardly help.
    pub fn is_refusal(&self) -> bool {
        matches!(self, Self::Refused { .. })
    }
}
