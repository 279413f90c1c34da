//! The reasons why an engine refuses or fails a call.

/// The reason why a call to the engine failed.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The engine does not answer.
    #[error("the Docker engine at {engine} does not answer: {cause}")]
    Unreachable {
        /// Its address.
        engine: String,
        /// The cause in the network's words.
        cause: String,
    },
    /// The connection to a container was lost.
    #[error("the connection to the container was lost: {cause}")]
    Cut {
        /// The fault that was noticed.
        cause: String,
    },
    /// The engine refused the call.
    #[error("the Docker engine says: {message}")]
    Refused {
        /// The HTTP status; 0 if the refusal came later, in a stream.
        status: u16,
        /// The engine's own words.
        message: String,
    },
    /// The engine lacks something that jobs need.
    #[error("the Docker engine {why}")]
    Unfit {
        /// The rest of the sentence, with advice.
        why: String,
    },
    /// The image or a script left something in the container that would block the engine.
    #[error("{cause}")]
    Unreadable {
        /// The path in the container, and the fault there.
        cause: String,
    },
    /// The engine's answer is not understood.
    #[error("the Docker engine answered something unexpected: {cause}")]
    Unexpected {
        /// The fault in it.
        cause: String,
    },
}

impl EngineError {
    /// True if a registry asks for a login, or for a better one. Only its words tell this.
    pub fn is_denied(&self) -> bool {
        let Self::Refused { message, .. } = self else { return false };
        let message = message.to_lowercase();
        ["unauthorized", "denied", "no basic auth credentials"].iter().any(|word| message.contains(word))
    }

    /// True if the requested thing does not exist.
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Refused { status: 404, .. })
    }

    /// True if the connection failed, not the request.
    pub fn is_unreachable(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Cut { .. })
    }
}
