//! The names that an artifact may have in a directory: flat names that do not conflict with checksum files.

use super::PublishError;
use std::io;

/// The end of the names of checksum files.
const SUMS: &str = ".sha256";

/// Refuses names that lead elsewhere, are hidden, or are those of another artifact's checksums.
pub(super) fn check(name: &str) -> Result<(), PublishError> {
    let fault = if name.is_empty() {
        "it is empty"
    } else if name.starts_with('.') {
        "it begins with a dot"
    } else if name.contains('/') {
        "it has a slash"
    } else if name.ends_with(SUMS) {
        "it ends as files with checksums do"
    } else {
        return Ok(());
    };
    let cause = io::Error::new(io::ErrorKind::InvalidInput, fault);
    Err(PublishError::Io { what: format!("\"{}\" is no artifact's name", name.escape_debug()), cause })
}

/// The name of the file with an artifact's checksums.
pub(super) fn sums_of(name: &str) -> String {
    format!("{name}{SUMS}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_flat_names_that_are_seen_are_artifacts() {
        for name in ["", ".", "..", ".x", "a/b", "/a", "a/", "a.sha256"] {
            let fault = check(name).unwrap_err();
            assert!(matches!(&fault, PublishError::Io { .. }) && fault.to_string().contains(name), "{fault}");
        }
        for name in ["a", "a..b", "zos-main-0123456789.tar.gz", "-", "sha256"] {
            assert!(check(name).is_ok(), "{name}");
        }
    }
}
