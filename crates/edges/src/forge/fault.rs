//! Faults of calls to a forge. Each says if another try can help.

use std::time::Duration;

/// The reason why a call to the forge failed.
#[derive(Debug, thiserror::Error)]
pub enum ForgeError {
    /// The forge did not answer in time. Another try can help.
    #[error("{forge} did not answer: {cause}")]
    Unreachable {
        /// Its address.
        forge: String,
        /// The network's words.
        cause: String,
    },
    /// The forge asks to wait. An earlier try makes it worse.
    #[error("{forge} asks to wait for {} s: {message}", wait.as_secs())]
    RateLimited {
        /// Its address.
        forge: String,
        /// The time to wait.
        wait: Duration,
        /// Its words.
        message: String,
    },
    /// The forge has a fault of its own. Another try can help.
    #[error("{forge} has a fault ({status}): {message}")]
    Broken {
        /// Its address.
        forge: String,
        /// The HTTP status.
        status: u16,
        /// Its words.
        message: String,
    },
    /// The forge refused. Another try does not help until somebody changes something.
    #[error("{forge} refused ({status}): {message}")]
    Refused {
        /// Its address.
        forge: String,
        /// The HTTP status.
        status: u16,
        /// Its words.
        message: String,
    },
    /// The forge does not take a deploy key of this kind. It may take another kind.
    #[error("{forge} does not take this deploy key: {message}")]
    KeyRefused {
        /// Its address.
        forge: String,
        /// Its words.
        message: String,
    },
    /// Kozmic does not understand the answer.
    #[error("{forge} answered something unexpected: {cause}")]
    Unexpected {
        /// Its address.
        forge: String,
        /// The fault in it.
        cause: String,
    },
}

impl ForgeError {
    /// A refusal because something is not there, in words of Kozmic's own.
    pub fn missing(message: &str) -> Self {
        Self::Refused { forge: "the forge".to_owned(), status: 404, message: message.to_owned() }
    }

    /// The least time to wait before another try. None if another try cannot help.
    pub fn try_again(&self) -> Option<Duration> {
        match self {
            Self::Unreachable { .. } | Self::Broken { .. } | Self::Unexpected { .. } => Some(Duration::ZERO),
            Self::RateLimited { wait, .. } => Some(*wait),
            Self::Refused { .. } | Self::KeyRefused { .. } => None,
        }
    }

    /// True if the forge no longer accepts the token. Its person has to sign in again.
    pub fn is_unauthorized(&self) -> bool {
        matches!(self, Self::Refused { status: 401, .. })
    }

    /// True if the token's person may see the thing but not do this.
    pub fn is_forbidden(&self) -> bool {
        matches!(self, Self::Refused { status: 403, .. })
    }

    /// True if the thing is gone, or if the token's person may not see it.
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Refused { status: 404 | 410, .. })
    }

    /// True if the repository has another name or owner by now. Ask for it by its id, then try again.
    pub fn is_moved(&self) -> bool {
        matches!(self, Self::Refused { status: 301 | 302 | 307 | 308, .. })
    }

    /// True if the forge takes no deploy key of this kind. A key of another kind is worth a try.
    pub fn is_key_refused(&self) -> bool {
        matches!(self, Self::KeyRefused { .. })
    }
}
