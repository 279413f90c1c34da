//! A gate before which uploads wait, so that a story can do something in their middle.

use tokio_util::sync::CancellationToken;

/// Holds uploads until it is opened or dropped.
#[must_use = "a gate is opened when it is dropped"]
#[derive(Default)]
pub struct Gate(CancellationToken);

impl Gate {
    /// Lets the uploads that wait go on; those to come do not wait.
    pub fn open(&self) {
        self.0.cancel();
    }

    /// Token that an upload waits for.
    pub(super) fn opened(&self) -> CancellationToken {
        self.0.clone()
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.open();
    }
}
