//! Places that artifacts go to: a hub or a directory. A job's last step, after its script ended well and its artifact
//! was fetched out of its container.

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

/// Places that artifacts go to. Cheap to clone.
#[derive(Clone)]
pub struct Publishers {
    /// Takes file lists, and kernels as such; none if no hub is set.
    pub hub: Option<Hub>,
    /// Takes files and directories.
    pub binaries: Directory,
    /// Takes kernels.
    pub kernels: Directory,
}

/// The reason why something was not published. No token stands in it.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// There is no answer.
    #[error("{place} does not answer: {cause}")]
    Unreachable {
        /// Host and port.
        place: String,
        /// The fault.
        cause: String,
    },
    /// It answers that it cannot at present (5xx, 429).
    #[error("{place} is not well ({status}): {words}")]
    Broken {
        /// Host and port.
        place: String,
        /// The answer's status.
        status: u16,
        /// Its words: one line of at most 500 characters.
        words: String,
    },
    /// It does not take this, and will not if it is asked again.
    #[error("{place} refused: {words}")]
    Refused {
        /// Host and port.
        place: String,
        /// Its words: one line of at most 500 characters.
        words: String,
    },
    /// The disk, or what is on it.
    #[error("{what}: {cause}")]
    Io {
        /// The step, as "write result.bin".
        what: String,
        /// The system's error.
        #[source]
        cause: io::Error,
    },
}

impl PublishError {
    /// Whether the same may go well a little later.
    pub fn is_worth_another_try(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Broken { .. } => true,
            Self::Refused { .. } | Self::Io { .. } => false,
        }
    }

    /// For `map_err`: the step that the system let fail.
    pub fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        move |cause| Self::Io { what: what.into(), cause }
    }
}
