//! The variants of Kozmic that are compared: binaries, each with its jobs on the server or on runners.

use std::path::{Path, PathBuf};

use super::Options;

/// A Kozmic to measure.
#[derive(Debug, Clone)]
pub(super) struct Variant {
    /// The name in tables.
    pub(super) name: String,
    pub(super) binary: PathBuf,
    /// Number of runners that take all jobs; none: the server runs them itself.
    pub(super) runners: usize,
    /// True if the runners call the server over a cable that can be cut.
    pub(super) is_cabled: bool,
    /// The engines of the runners, in turn; none: all use the one of the options.
    pub(super) engines: Vec<String>,
}

impl Variant {
    /// A binary with this number of runners.
    pub(super) fn of(name: &str, binary: &Path, runners: usize) -> Self {
        let name = match runners {
            0 => name.to_owned(),
            1 => format!("{name}, a runner"),
            _ => format!("{name}, {runners} runners"),
        };
        Self { name, binary: binary.to_owned(), runners, is_cabled: false, engines: Vec::new() }
    }

    /// The variants that the options ask for.
    pub(super) fn all(options: &Options, binaries: &[(String, &Path)]) -> Vec<Self> {
        let counts = || std::iter::once(0).chain(options.runners.iter().copied());
        binaries
            .iter()
            .flat_map(|(name, binary)| counts().map(|count| Self::of(name, binary, count)))
            .collect()
    }
}

/// The binaries with their names in tables.
pub(super) fn named(binaries: &[PathBuf]) -> Vec<(String, &Path)> {
    let is_one = binaries.len() == 1;
    let name = |binary: &Path| {
        let file = binary.parent().and_then(|dir| dir.file_name()).unwrap_or_default().to_string_lossy();
        if is_one { "Kozmic".to_owned() } else { format!("Kozmic {file}") }
    };
    binaries.iter().map(|binary| (name(binary), binary.as_path())).collect()
}
