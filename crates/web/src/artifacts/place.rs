//! Finds the file or directory that a name in an address means. Nothing outside of its directory is found, and nothing
//! hidden.

use crate::error::WebError;
use anyhow::Context;
use std::{
    io::{self, ErrorKind},
    path::{Component, Path, PathBuf},
};

/// Linux's error number for links that lead in a circle. The standard library has no stable name for it yet.
const TOO_MANY_LINKS: i32 = 40;

/// The file or directory that a name leads to. The path has no links in it.
#[derive(Debug)]
pub(super) enum Place {
    File(PathBuf),
    Directory(PathBuf),
}

/// The file or directory that a name below a directory leads to. Parts that begin with a dot are not found: `..`, and
/// artifacts that are not complete yet. Links are followed as long as they stay in the directory.
pub(super) async fn find(root: &Path, name: &str) -> Result<Place, WebError> {
    let below = below(name).ok_or(WebError::NotFound)?;
    let root = root.to_owned();
    let found = tokio::task::spawn_blocking(move || look(&root, &root.join(below))).await;
    match found.context("look for an artifact")? {
        Ok(Some(place)) => Ok(place),
        Ok(None) => Err(WebError::NotFound),
        Err(fault) if is_missing(&fault) => Err(WebError::NotFound),
        Err(fault) => Err(anyhow::Error::new(fault).context("look for an artifact").into()),
    }
}

/// The relative path of a name. A slash at the name's end is ignored.
fn below(name: &str) -> Option<PathBuf> {
    let parts = name.strip_suffix('/').unwrap_or(name).split('/');
    parts.map(|part| is_seen(part).then_some(part)).collect()
}

/// The file or directory that a path leads to, if it is inside the directory after all links were followed.
pub(super) fn look(root: &Path, path: &Path) -> io::Result<Option<Place>> {
    let (root, path) = (root.canonicalize()?, path.canonicalize()?);
    let Ok(below) = path.strip_prefix(&root) else { return Ok(None) };
    let is_seen = |part: Component<'_>| part.as_os_str().to_str().is_none_or(is_seen);
    if below.as_os_str().is_empty() || !below.components().all(is_seen) {
        return Ok(None);
    }
    let metadata = path.metadata()?;
    Ok(match (metadata.is_file(), metadata.is_dir()) {
        (true, _) => Some(Place::File(path)),
        (_, true) => Some(Place::Directory(path)),
        // Reading a pipe or a device might never end.
        (false, false) => None,
    })
}

/// True if a name without slashes can be one of an artifact.
pub(super) fn is_seen(name: &str) -> bool {
    !name.is_empty() && !name.starts_with('.') && !name.contains('\0')
}

/// True if the fault says that the name leads nowhere.
pub(super) fn is_missing(fault: &io::Error) -> bool {
    let is_name =
        matches!(fault.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::InvalidFilename);
    is_name || fault.raw_os_error() == Some(TOO_MANY_LINKS)
}
