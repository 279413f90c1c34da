//! A container's standard input.

/// The bytes that were written to a container's standard input.
#[derive(Default)]
pub(crate) struct Input {
    bytes: Vec<u8>,
    /// Whether somebody is at its other end, or was.
    pub(crate) is_connected: bool,
    /// Whether no more comes.
    pub(crate) is_closed: bool,
}

impl Input {
    /// Takes bytes.
    pub(crate) fn write(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The other end is gone, if there was one.
    pub(crate) fn hang_up(&mut self) {
        self.is_closed |= self.is_connected;
    }

    /// Whether a whole line is there.
    pub(crate) fn has_line(&self) -> bool {
        self.bytes.contains(&b'\n')
    }
}
