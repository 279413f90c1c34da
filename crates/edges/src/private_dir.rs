//! Directories that only Kozmic's own user may look into: private repositories' files and logs lie there.

use std::{fs::DirBuilder, io, os::unix::fs::DirBuilderExt, path::Path};

/// Makes a directory and those above it where they are missing; one that exists keeps its mode.
///
/// # Errors
/// The disk does not take it, or something else has its name.
pub fn make(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}
