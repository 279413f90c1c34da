//! An upload: one form field with a file, read piece by piece.

use std::io;

use axum::body::Body;
use axum::extract::multipart::{Field, MultipartError, MultipartRejection};
use axum::extract::{Multipart, State};
use axum::http::StatusCode;
use axum::response::Response;
use bytes::{Bytes, BytesMut};

use super::Upload;
use super::reply::{Refusal, Shared, success};

/// An upload in progress. If it is dropped before its end, the connection was cut, and it counts as broken.
struct Receiving {
    double: Shared,
    name: String,
    is_done: bool,
}

impl Receiving {
    fn begin(double: &Shared, name: &str) -> Self {
        double.change(|world| world.begun.push(name.to_owned()));
        Self { double: double.clone(), name: name.to_owned(), is_done: false }
    }

    /// Ends a call that turned out to be no upload.
    fn refuse(mut self) {
        self.is_done = true;
    }

    /// Ends a complete upload.
    fn end(mut self, bytes: BytesMut) {
        self.is_done = true;
        let upload = Upload { name: self.name.clone(), bytes: bytes.freeze() };
        self.double.change(|world| world.uploads.push(upload));
    }
}

impl Drop for Receiving {
    fn drop(&mut self) {
        self.double.change(|world| {
            if let Some(place) = world.begun.iter().position(|name| *name == self.name) {
                world.begun.remove(place);
            }
            if !self.is_done {
                world.broken.push(self.name.clone());
            }
        });
    }
}

/// The handler of uploads.
pub(super) async fn receive(
    State(double): State<Shared>,
    form: Result<Multipart, MultipartRejection>,
) -> Result<Response, Refusal> {
    let mut form = form.map_err(|fault| bad(fault.body_text()))?;
    let field = form.next_field().await.map_err(|fault| bad(fault.body_text()))?;
    let mut field = field.ok_or_else(|| bad("the form is empty"))?;
    if field.name() != Some("file") {
        return Err(bad(format!("the form has a field {:?} instead of file", field.name())));
    }
    let name = field.file_name().unwrap_or_default().to_owned();
    if !name.ends_with(".tar.gz") || name.contains('/') {
        return Err(bad(format!("{name:?} is no name of an archive")));
    }
    let (receiving, bytes) = read(&double, &name, &mut field).await?;
    drop(field);
    // The form's end has to come, too: until then the connection may still break.
    match form.next_field().await {
        Ok(None) if double.change(|world| std::mem::take(&mut world.loses_answer)) => {
            receiving.end(bytes);
            let broken = futures_util::stream::once(async { Err::<Bytes, _>(io::Error::other("lost")) });
            return Ok(Response::new(Body::from_stream(broken)));
        }
        Ok(None) => receiving.end(bytes),
        Ok(Some(_)) => {
            receiving.refuse();
            return Err(bad("the form has more than one field"));
        }
        Err(fault) => return Err(cut(fault)),
    }
    Ok(success())
}

/// The file's bytes. If there is a gate, waits at it after the first of them.
async fn read(double: &Shared, name: &str, field: &mut Field<'_>) -> Result<(Receiving, BytesMut), Refusal> {
    let mut bytes = BytesMut::new();
    bytes.extend(field.chunk().await.map_err(cut)?);
    let receiving = Receiving::begin(double, name);
    if let Some(opened) = double.read(|world| world.gate.clone()) {
        opened.cancelled().await;
    }
    while let Some(piece) = field.chunk().await.map_err(cut)? {
        bytes.extend_from_slice(&piece);
    }
    Ok((receiving, bytes))
}

/// The answer to a broken connection, which nobody receives.
fn cut(fault: MultipartError) -> Refusal {
    Refusal::fair(fault.status(), fault.body_text())
}

fn bad(message: impl Into<String>) -> Refusal {
    Refusal::wrong(StatusCode::BAD_REQUEST, message)
}
