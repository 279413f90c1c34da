//! The variants of Kozmic that are compared: binaries, each with its jobs on the server or on runners.

use std::path::PathBuf;

use super::Options;

/// A Kozmic to measure.
#[derive(Debug, Clone)]
pub(super) struct Variant {
    /// The name in tables.
    pub(super) name: String,
    pub(super) binary: PathBuf,
    /// Number of runners that take all jobs; none: the server runs them itself.
    pub(super) runners: usize,
}

impl Variant {
    /// The variants that the options ask for.
    pub(super) fn all(options: &Options, binaries: &[PathBuf]) -> Vec<Self> {
        let mut all = Vec::new();
        for binary in binaries {
            let file = binary.parent().and_then(|dir| dir.file_name()).unwrap_or_default().to_string_lossy();
            let name = if binaries.len() > 1 { format!("Kozmic {file}") } else { "Kozmic".to_owned() };
            all.push(Self { name: name.clone(), binary: binary.clone(), runners: 0 });
            for runners in &options.runners {
                let words = if *runners == 1 { "a runner".to_owned() } else { format!("{runners} runners") };
                let name = format!("{name}, {words}");
                all.push(Self { name, binary: binary.clone(), runners: *runners });
            }
        }
        all
    }
}
