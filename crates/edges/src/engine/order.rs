//! The order for a container: all that an engine is told of one that it creates.

use super::Stage;
use kozmic_model::job::Attempt;

/// A container to create.
#[derive(Clone, Debug)]
pub struct NewContainer {
    /// The installation that it belongs to.
    pub instance: String,
    /// The attempt that it runs.
    pub attempt: Attempt,
    /// The attempt's script that it runs.
    pub stage: Stage,
    /// The id of the image.
    pub image: String,
    /// The program and its arguments.
    pub command: Vec<String>,
    /// Name or number of the user.
    pub user: String,
    /// The directory to start in.
    pub working_dir: String,
    /// Names and values.
    pub environment: Vec<(String, String)>,
    /// Paths that are volumes of their own, and go with the container.
    pub volumes: Vec<Volume>,
    /// Whether its standard input stays open until [`Attached::input`](super::Attached::input) is closed.
    pub takes_input: bool,
    /// Whether it prints to a terminal.
    pub has_terminal: bool,
    /// Limits and rights of its own.
    pub limits: Limits,
}

/// The size of a terminal, in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TerminalSize {
    /// Lines.
    pub rows: u16,
    /// Characters of a line.
    pub columns: u16,
}

/// A path in a container that is a volume of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Volume {
    /// The path, absolute.
    pub path: String,
    /// Whether it is empty at the start; else it begins with what the image has there.
    pub is_empty: bool,
}

/// Limits and rights of a container. Each that is given takes the place of the engine's own settings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Memory in bytes.
    pub memory: Option<i64>,
    /// `name:address` pairs for `/etc/hosts`.
    pub extra_hosts: Option<Vec<String>>,
    /// Capabilities beyond those that each container has.
    pub capabilities: Option<Vec<String>>,
    /// Whether no process in it gains rights that it did not start with, by `sudo` for instance.
    pub no_new_privileges: bool,
}
