//! The reasons why an engine does not do what it is asked for.

/// The reason why the engine did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// It does not answer.
    #[error("the Docker engine at {engine} does not answer: {cause}")]
    Unreachable {
        /// Its address.
        engine: String,
        /// The network's words.
        cause: String,
    },
    /// The connection to a container was lost.
    #[error("the connection to the container was lost: {cause}")]
    Cut {
        /// The fault that was noticed.
        cause: String,
    },
    /// It said no.
    #[error("the Docker engine says: {message}")]
    Refused {
        /// The HTTP status; 0 where the refusal came later, in a stream.
        status: u16,
        /// Its own words.
        message: String,
    },
    /// It lacks something that jobs need.
    #[error("the Docker engine {why}")]
    Unfit {
        /// The rest of the sentence, with what would be right.
        why: String,
    },
    /// The image, or a script, left something in the container that would keep the engine from its work.
    #[error("{cause}")]
    Unreadable {
        /// The path in the container, and what is wrong there.
        cause: String,
    },
    /// It answered something that is not understood.
    #[error("the Docker engine answered something unexpected: {cause}")]
    Unexpected {
        /// The fault in it.
        cause: String,
    },
}

impl EngineError {
    /// Whether a registry asks for a login, or for a better one. Only its words tell.
    pub fn is_denied(&self) -> bool {
        let Self::Refused { message, .. } = self else { return false };
        let message = message.to_lowercase();
        ["unauthorized", "denied", "no basic auth credentials"].iter().any(|word| message.contains(word))
    }

    /// Whether what was asked for is not there.
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Refused { status: 404, .. })
    }

    /// Whether it is the connection that failed, and not what was asked.
    pub fn is_unreachable(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Cut { .. })
    }
}
