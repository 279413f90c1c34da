//! The size and checksum of a file that is not published into a directory.

use super::{Stored, tree::checksum};
use std::{fs::File, io, path::Path};

/// The length of a file in bytes, and its SHA-256.
///
/// # Errors
/// The file cannot be read.
pub async fn measure(file: &Path) -> io::Result<Stored> {
    let path = file.to_owned();
    let measured = tokio::task::spawn_blocking(move || {
        let (size, sha256) = checksum(&mut File::open(path)?)?;
        Ok(Stored { size, sha256 })
    });
    measured.await.map_err(io::Error::other)?
}
