//! A container's standard input.

/// The bytes that were written to a container's standard input.
#[derive(Default)]
pub(crate) struct Input {
    bytes: Vec<u8>,
    /// True if a connection to it exists or existed.
    pub(crate) is_connected: bool,
    /// True if no more bytes will come.
    pub(crate) is_closed: bool,
}

impl Input {
    /// Takes bytes.
    pub(crate) fn write(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Closes the input, if it was connected.
    pub(crate) fn hang_up(&mut self) {
        self.is_closed |= self.is_connected;
    }

    /// True if a whole line has arrived.
    pub(crate) fn has_line(&self) -> bool {
        self.bytes.contains(&b'\n')
    }
}
