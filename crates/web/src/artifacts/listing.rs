//! Serves an artifact that is a directory as a page: its files and their sizes.

use super::{
    place::{self, Place},
    segment, spoken_size,
};
use crate::error::WebError;
use anyhow::Context;
use askama::Template;
use axum::response::{Html, IntoResponse, Response};
use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// The most entries that are listed. Others can still be fetched.
const MOST: usize = 5000;

#[derive(Template)]
#[template(path = "artifacts.html")]
struct Listing<'a> {
    name: &'a str,
    entries: Vec<Entry>,
    is_cut: bool,
}

/// A line of the list. Directories come before files.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    is_file: bool,
    name: String,
    /// The entry's address, relative to the list's.
    link: String,
    /// The entry's size; none for directories.
    size: Option<String>,
}

/// The page for a directory below `root`. Addresses call it `name`.
pub(super) async fn page(root: &Path, path: PathBuf, name: &str) -> Result<Response, WebError> {
    let root = root.to_owned();
    let listed = tokio::task::spawn_blocking(move || list(&root, &path)).await.context("list an artifact")?;
    let (entries, is_cut) = match listed {
        Ok(listed) => listed,
        // The directory was removed after it was found.
        Err(fault) if place::is_missing(&fault) => return Err(WebError::NotFound),
        Err(fault) => return Err(anyhow::Error::new(fault).context("list an artifact").into()),
    };
    let name = name.trim_end_matches('/');
    Ok(Html(Listing { name, entries, is_cut }.render()?).into_response())
}

fn list(root: &Path, path: &Path) -> io::Result<(Vec<Entry>, bool)> {
    let (mut entries, mut is_cut) = (Vec::new(), false);
    for found in fs::read_dir(path)? {
        if entries.len() == MOST {
            is_cut = true;
            break;
        }
        // A name that is no valid text has no address.
        let Ok(name) = found?.file_name().into_string() else { continue };
        entries.extend(entry(root, path, name));
    }
    entries.sort();
    Ok((entries, is_cut))
}

/// A line for an entry; none if it cannot be fetched.
fn entry(root: &Path, path: &Path, name: String) -> Option<Entry> {
    if !place::is_seen(&name) {
        return None;
    }
    let link = format!("./{}", segment(&name));
    match place::look(root, &path.join(&name)).ok()?? {
        Place::File(file) => {
            Some(Entry { is_file: true, name, link, size: Some(spoken_size(file.metadata().ok()?.len())) })
        }
        Place::Directory(_) => Some(Entry { is_file: false, name, link: format!("{link}/"), size: None }),
    }
}
