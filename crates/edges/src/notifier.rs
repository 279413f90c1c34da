//! Notifiers: the ways to tell people news. An installation has a list of them, and each has a lane of its own in the
//! outbox. Telling people is the last step of a push.
//!
//! # Contract
//! `crates/scripted/tests/notifiers` asks each notifier for this.
//!
//! - A message has an id. A message that is sent again after a crash or a fault has the same id, and the notifier
//!   passes it on if its protocol has a place for it. So a message arrives at least once, and a reader's program can
//!   tell that it came twice.
//! - `Ok` means that the other side has taken the message. A fault says by [`NotifyError::try_again`] if another try
//!   may help, and when.
//! - Each call ends by itself, within [`LIMIT`] and a few seconds for a polite end.
//! - Texts come from strangers. A line break, a control character or the length of a text changes nothing but this
//!   text: it adds no header, no recipient and no second message.
//! - A fault names the other side. It has no secret of the settings in it, and no address of a recipient.

mod fault;
mod mail;
mod smtp_url;
#[cfg(test)]
mod tests;

pub use fault::NotifyError;
pub use mail::{MailSender, Sender};
pub use smtp_url::{NotASmtpUrl, SmtpUrl};

use async_trait::async_trait;
use kozmic_model::{news::NotifierName, notice::Notice};
use std::{sync::Arc, time::Duration};

/// Longest time for one message, from the connection to the other side's last word.
pub const LIMIT: Duration = Duration::from_secs(30);

/// A way to tell people, by the readers that it reaches.
#[derive(Clone)]
pub enum Notifier {
    /// A mail server takes a mail for each member who wants one.
    Mail(MailSender),
    /// A channel gets one notice of each news.
    Channel(Arc<dyn Channel>),
}

/// A place that many people read. The module's contract holds for it.
#[async_trait]
pub trait Channel: Send + Sync {
    /// The name of this notifier.
    fn name(&self) -> NotifierName;

    /// The other side in a few words, such as its host and port. It has no secret in it.
    fn server(&self) -> String;

    /// Finds out if notices are taken, and sends none.
    ///
    /// # Errors
    /// Notices are not taken; the error has the reason.
    async fn check(&self) -> Result<(), NotifyError>;

    /// Sends a notice.
    ///
    /// # Errors
    /// The notice was not taken, or it is not known if it was.
    async fn send(&self, notice: &Notice) -> Result<(), NotifyError>;
}

/// The notifiers of an installation, each with a unique name.
#[derive(Clone, Default)]
pub struct Notifiers(Arc<[Notifier]>);

impl Notifier {
    /// The name, which is the key of its lane.
    pub fn name(&self) -> NotifierName {
        match self {
            Self::Mail(_) => NotifierName::MAIL,
            Self::Channel(channel) => channel.name(),
        }
    }

    /// The other side in a few words.
    pub fn server(&self) -> String {
        match self {
            Self::Mail(sender) => sender.server(),
            Self::Channel(channel) => channel.server(),
        }
    }

    /// Finds out if messages are taken, and sends none.
    ///
    /// # Errors
    /// Messages are not taken; the error has the reason.
    pub async fn check(&self) -> Result<(), NotifyError> {
        match self {
            Self::Mail(sender) => sender.check().await,
            Self::Channel(channel) => channel.check().await,
        }
    }
}

impl Notifiers {
    /// A list of notifiers. If it is empty, nobody gets messages.
    ///
    /// # Errors
    /// Two of them have the same name, so they would share a lane.
    pub fn new(list: Vec<Notifier>) -> anyhow::Result<Self> {
        for (place, notifier) in list.iter().enumerate() {
            let name = notifier.name();
            let is_taken = list[..place].iter().any(|other| other.name() == name);
            anyhow::ensure!(!is_taken, "there are two notifiers with the name \"{name}\"");
        }
        Ok(Self(list.into()))
    }

    /// All notifiers, in the order of the list.
    pub fn iter(&self) -> impl Iterator<Item = &Notifier> {
        self.0.iter()
    }

    /// The names of the notifiers, in the order of the list.
    pub fn names(&self) -> Vec<NotifierName> {
        self.iter().map(Notifier::name).collect()
    }

    /// The notifier of mails, if mails are sent.
    pub fn mail(&self) -> Option<&MailSender> {
        self.iter().find_map(|notifier| match notifier {
            Notifier::Mail(sender) => Some(sender),
            Notifier::Channel(_) => None,
        })
    }

    /// The channel with this name.
    pub fn channel(&self, name: NotifierName) -> Option<&dyn Channel> {
        self.iter().find_map(|notifier| match notifier {
            Notifier::Channel(channel) if channel.name() == name => Some(channel.as_ref()),
            Notifier::Channel(_) | Notifier::Mail(_) => None,
        })
    }
}
