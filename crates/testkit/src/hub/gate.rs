//! A gate at which uploads wait, so that a story can act in the middle of an upload.

use tokio_util::sync::CancellationToken;

/// Holds uploads until it is opened or dropped.
#[must_use = "a gate is opened when it is dropped"]
#[derive(Default)]
pub struct Gate(CancellationToken);

impl Gate {
    /// Lets the waiting uploads go on. Later uploads do not wait.
    pub fn open(&self) {
        self.0.cancel();
    }

    /// Token that is cancelled when the gate opens.
    pub(super) fn opened(&self) -> CancellationToken {
        self.0.clone()
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.open();
    }
}
