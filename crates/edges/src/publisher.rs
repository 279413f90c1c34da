//! The destinations of artifacts: a hub or a directory. Publishing is a job's last step, after its script ended well
//! and its artifact was read from its container.

mod hub;
mod directory;
mod names;
mod old;
mod take;
mod tree;
mod replace;
mod unfinished;
mod unpack;
mod kernel_archive;
mod measure;

pub use directory::{Directory, Stored};
pub use hub::{Hub, HubSettings, Look};
pub use kernel_archive::kernel_archive;
pub use measure::measure;
pub use unpack::{Expected, UnpackError, unpack};

use std::io;

/// The destinations of artifacts. Cheap to clone.
#[derive(Clone)]
pub struct Publishers {
    /// Takes file lists, and kernels as file lists; none if no hub is configured.
    pub hub: Option<Hub>,
    /// Takes files and directories.
    pub binaries: Directory,
    /// Takes kernels.
    pub kernels: Directory,
}

/// The reason why an artifact was not published. It never contains a token.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// There is no answer.
    #[error("{place} does not answer: {cause}")]
    Unreachable {
        /// Host and port.
        place: String,
        /// The network's fault.
        cause: String,
    },
    /// The hub answers that it cannot do it at present (5xx, 429).
    #[error("{place} is not well ({status}): {words}")]
    Broken {
        /// Host and port.
        place: String,
        /// The answer's status.
        status: u16,
        /// The words: one line of at most 500 characters.
        words: String,
    },
    /// The hub refuses the artifact, and would refuse it again.
    #[error("{place} refused: {words}")]
    Refused {
        /// Host and port.
        place: String,
        /// The words: one line of at most 500 characters.
        words: String,
    },
    /// The disk failed, or a file on it prevents the step.
    #[error("{what}: {cause}")]
    Io {
        /// The step, such as "write result.bin".
        what: String,
        /// The system's error.
        #[source]
        cause: io::Error,
    },
}

impl PublishError {
    /// True if another try may succeed a little later.
    pub fn is_worth_another_try(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Broken { .. } => true,
            Self::Refused { .. } | Self::Io { .. } => false,
        }
    }

    /// An error for `map_err`, with the step that failed in the system.
    pub fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        move |cause| Self::Io { what: what.into(), cause }
    }
}
