//! Faults of notifiers, and the meaning of each for another try.

use std::time::Duration;

/// The reason why a message was not sent. It contains no secret and no address of a recipient.
#[derive(Debug, thiserror::Error)]
pub enum NotifyError {
    /// There is no connection that is ready for messages.
    #[error("{server} takes no messages: {cause}")]
    Unreachable {
        /// The other side.
        server: String,
        /// The fault.
        cause: String,
    },
    /// The other side asks to try this message later.
    #[error("{server} put a message off: {answer}")]
    PutOff {
        /// The other side.
        server: String,
        /// The answer of the other side.
        answer: String,
        /// The time to wait that the other side asks for; zero if it asks for none.
        wait: Duration,
    },
    /// The other side does not take this message, or the recipient's address is not valid.
    #[error("{server} refused a message: {answer}")]
    Refused {
        /// The other side.
        server: String,
        /// The answer of the other side.
        answer: String,
    },
}

impl NotifyError {
    /// The shortest wait before another try; none if another try will hardly help.
    pub fn try_again(&self) -> Option<Duration> {
        match self {
            Self::Unreachable { .. } => Some(Duration::ZERO),
            Self::PutOff { wait, .. } => Some(*wait),
            Self::Refused { .. } => None,
        }
    }
}
