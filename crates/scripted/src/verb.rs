//! The names of an engine's calls.

use std::fmt;

/// A call of [`Engine`](kozmic_edges::engine::Engine), with the name of the method.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each is said by the trait's method of that name")]
pub enum Verb {
    Ping,
    Prepare,
    Version,
    Image,
    Pull,
    AskRegistry,
    Memory,
    Commit,
    ImageOf,
    RemoveImage,
    Tags,
    RemoveNameless,
    OwnImages,
    Account,
    Create,
    CreateBeside,
    Upload,
    Download,
    HasFile,
    ReadFile,
    Remembers,
    Attach,
    Output,
    OutputUntil,
    Start,
    SizeTerminal,
    Wait,
    State,
    HasProcesses,
    LackedMemory,
    Stop,
    Remove,
    Containers,
    Networks,
    RemoveNetwork,
}

impl Verb {
    /// True if the call returns a stream, which may break off.
    pub(crate) fn is_of_stream(self) -> bool {
        matches!(self, Self::Download | Self::Attach | Self::Output | Self::OutputUntil)
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}
