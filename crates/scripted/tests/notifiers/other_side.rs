//! The other side of a notifier under test.

use async_trait::async_trait;
use kozmic_edges::notifier::{Notifier, NotifyError};
use kozmic_scripted::Behaviour;

/// A message that a case sends.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) id: String,
    pub(crate) title: String,
    pub(crate) text: String,
}

impl Message {
    /// News of a build, with an id of its own.
    pub(crate) fn number(number: u32) -> Self {
        Self {
            id: format!("<message-{number}.1@ci.example.org>"),
            title: format!("[failure] anna/hello#{number} (main — 1a2b3c4d)"),
            text: format!("Build #{number} of anna/hello failed: ü."),
        }
    }
}

/// A message that arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Arrived {
    /// The id; none if the protocol has no place for it.
    pub(crate) id: Option<String>,
    pub(crate) title: String,
    pub(crate) text: String,
    /// All else that its texts might have brought about: other recipients, headers that no message has.
    pub(crate) smuggled: Vec<String>,
}

/// A notifier, and the side that its messages go to.
#[async_trait]
pub(crate) trait OtherSide: Send {
    /// The notifier.
    fn notifier(&self) -> Notifier;

    /// Sends a message with the notifier.
    async fn send(&self, message: &Message) -> Result<(), NotifyError>;

    /// Changes the behaviour of the other side.
    async fn behave(&mut self, behaviour: Behaviour);

    /// Waits until a call gets no answer, because the other side hangs.
    async fn hangs(&self);

    /// The messages that arrived, in their order.
    fn arrived(&self) -> Vec<Arrived>;

    /// Texts that must not stand in a fault: secrets of the settings, addresses of recipients.
    fn secrets(&self) -> Vec<String>;
}
