//! The order for a container: everything that the engine needs to create it.

use super::Stage;
use kozmic_model::job::Attempt;

/// A container to create.
#[derive(Clone, Debug)]
pub struct NewContainer {
    /// The installation of the container.
    pub instance: String,
    /// The attempt of the container.
    pub attempt: Attempt,
    /// The attempt's script that the container runs.
    pub stage: Stage,
    /// The id of the image.
    pub image: String,
    /// The program and its arguments.
    pub command: Vec<String>,
    /// The name or number of the user.
    pub user: String,
    /// The directory in which the program starts.
    pub working_dir: String,
    /// The variables, as names and values.
    pub environment: Vec<(String, String)>,
    /// Paths that are volumes of the container, and are removed with it.
    pub volumes: Vec<Volume>,
    /// True if its standard input stays open until [`Attached::input`](super::Attached::input) is closed.
    pub takes_input: bool,
    /// True if it prints to a terminal.
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
    /// True if it is empty at the start. Otherwise it begins with the image's content at the path.
    pub is_empty: bool,
}

/// Limits and rights of a container. Each value that is set replaces the engine's own setting.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Memory in bytes.
    pub memory: Option<i64>,
    /// `name:address` pairs for `/etc/hosts`.
    pub extra_hosts: Option<Vec<String>>,
    /// Capabilities beyond those of each container.
    pub capabilities: Option<Vec<String>>,
    /// True if no process in it can gain more rights than it started with, by `sudo` for instance.
    pub no_new_privileges: bool,
}
