//! Makes directories that only Kozmic's own user can read, for files of private repositories and for logs.

use std::{fs::DirBuilder, io, os::unix::fs::DirBuilderExt, path::Path};

/// Makes a directory and missing directories above it. An existing one keeps its mode.
///
/// # Errors
/// The disk refuses, or something else has its name.
pub fn make(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}
