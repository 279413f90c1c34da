//! Faults of notifiers, and the meaning of each for another try.

use std::time::Duration;

/// The reason why a message was not sent. It has no secret and no address of a recipient in it.
#[derive(Debug, thiserror::Error)]
pub enum NotifyError {
    /// There is no connection on which messages are taken.
    #[error("{server} takes no messages: {cause}")]
    Unreachable {
        /// The other side.
        server: String,
        /// The fault.
        cause: String,
    },
    /// The other side put this message off.
    #[error("{server} put a message off: {answer}")]
    PutOff {
        /// The other side.
        server: String,
        /// Its words.
        answer: String,
        /// The time to wait that it asks for; zero if it asks for none.
        wait: Duration,
    },
    /// The other side does not take this message, or nobody could: the address is none.
    #[error("{server} refused a message: {answer}")]
    Refused {
        /// The other side.
        server: String,
        /// Its words.
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
