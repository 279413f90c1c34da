//! Finds old artifacts in a directory. An artifact has its checksums beside it; anything else belongs to somebody else.

use super::names::sums_of;
use std::{fs, io, path::Path, time::SystemTime};

/// The names and sizes of the artifacts that were stored before a moment, in the order of names.
pub(super) fn list(directory: &Path, moment: SystemTime) -> io::Result<Vec<(String, u64)>> {
    let entries = match fs::read_dir(directory) {
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let sums = fs::symlink_metadata(directory.join(sums_of(&name)));
        let is_old = sums.is_ok_and(|sums| sums.is_file() && sums.modified().is_ok_and(|at| at < moment));
        if is_old && !name.starts_with('.') && !entry.file_type()?.is_symlink() {
            let size = size(&entry.path())?;
            found.push((name, size));
        }
    }
    found.sort();
    Ok(found)
}

/// The names of the links that lead to this name.
pub(super) fn links_to(directory: &Path, name: &str) -> io::Result<Vec<String>> {
    let mut links = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_type()?.is_symlink() && fs::read_link(entry.path())? == Path::new(name) {
            links.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    Ok(links)
}

/// The size of a file, or of all files of a tree.
fn size(path: &Path) -> io::Result<u64> {
    let about = fs::symlink_metadata(path)?;
    if !about.is_dir() {
        return Ok(about.len());
    }
    fs::read_dir(path)?.map(|entry| size(&entry?.path())).sum()
}
