//! Serves artifacts of jobs at `/artifacts/binary/…` and `/artifacts/kernel/…` to everybody who knows a name. The flow
//! puts artifacts into their directories, and people and machines fetch them here.
//!
//! A stranger's script may have written an artifact, but its address is on the host where people are signed in. So
//! browsers are told to save it instead of showing it. If they show it all the same, it may run nothing.

mod file;
mod listing;
mod place;
#[cfg(test)]
mod tests;

use crate::{
    address::{At, of_web},
    app::{ArtifactDirs, Face, Shared},
    error::WebError,
};
use axum::{
    extract::State,
    http::{HeaderMap, Method, StatusCode, Uri, header::LOCATION},
    response::{IntoResponse, Response},
};
use kozmic_model::artifact::{Artifact, ArtifactPlace, Format};
use place::Place;
use std::path::Path;

/// `GET /artifacts/<binary|kernel>/<name>`: a file, or the list of a directory's files.
pub(crate) async fn fetch(
    State(app): State<Shared>,
    At((directory, name)): At<(String, String)>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, WebError> {
    let dirs = app.face.auto_builder.as_ref().and_then(|builder| builder.artifacts.as_ref());
    let root = dirs.and_then(|dirs| dirs.named(&directory)).ok_or(WebError::NotFound)?;
    match place::find(root, &name).await? {
        Place::File(path) if !name.ends_with('/') => file::send(&path, &method, &headers).await,
        Place::File(_) => Err(WebError::NotFound),
        Place::Directory(_) if !name.ends_with('/') => Ok(with_slash(&uri)),
        Place::Directory(path) => listing::page(root, path, &name).await,
    }
}

/// Redirects to the address with a slash at its end: links in a list are relative.
fn with_slash(uri: &Uri) -> Response {
    // This cannot be `//host/`: the path begins with `/artifacts/`.
    (StatusCode::TEMPORARY_REDIRECT, [(LOCATION, format!("{}/", uri.path()))]).into_response()
}

impl ArtifactDirs {
    /// The directory for this word of an address.
    fn named(&self, word: &str) -> Option<&Path> {
        match word {
            "binary" => Some(&self.binary),
            "kernel" => Some(&self.kernel),
            _ => None,
        }
    }
}

/// The addresses of an artifact, at the hub or here. None if it was removed, or is in a directory that is not served.
pub(crate) struct Links {
    /// The address of this very artifact.
    pub(crate) versioned: Option<String>,
    /// The address of the newest artifact of its name.
    pub(crate) stable: Option<String>,
}

impl Links {
    /// The links of an artifact.
    pub(crate) fn of(artifact: &Artifact, face: &Face) -> Self {
        let (versioned, stable) = match &artifact.place {
            ArtifactPlace::Hub { url, stable_url } => (of_web(url), of_web(stable_url)),
            ArtifactPlace::Binaries | ArtifactPlace::Kernels => {
                (ours(artifact, &artifact.name.versioned, face), ours(artifact, &artifact.name.stable, face))
            }
        };
        match artifact.removed_at {
            Some(_) => Self { versioned: None, stable },
            None => Self { versioned, stable },
        }
    }
}

/// The full address of an artifact in a directory here, if it is served.
fn ours(artifact: &Artifact, name: &str, face: &Face) -> Option<String> {
    face.auto_builder.as_ref()?.artifacts.as_ref()?;
    let end = if artifact.format == Format::Directory { "/" } else { "" };
    let directory = artifact.place.directory()?;
    Some(face.join(&format!("artifacts/{directory}/{}{end}", segment(name))).into())
}

/// A name, escaped as one segment of an address.
fn segment(name: &str) -> String {
    let mut escaped = String::new();
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => escaped.push(byte.into()),
            _ => escaped.push_str(&format!("%{byte:02X}")),
        }
    }
    escaped
}

/// A size for people, such as `1.5 MiB`.
pub(crate) fn spoken_size(bytes: u64) -> String {
    let [mut whole, mut rest] = [bytes, 0];
    let mut unit = "B";
    for larger in ["KiB", "MiB", "GiB", "TiB"] {
        if whole < 1024 {
            break;
        }
        (whole, rest, unit) = (whole / 1024, whole % 1024, larger);
    }
    match unit {
        "B" => format!("{whole} B"),
        _ => format!("{whole}.{} {unit}", rest * 10 / 1024),
    }
}
