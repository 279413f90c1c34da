//! Cached images that install scripts made, and the button that removes one.

use super::super::button::Sent;
use super::path;
use crate::{address::At, app::Shared, auth::Nothing, error::WebError};
use axum::{extract::State, response::Response};
use kozmic_flow::images;
use kozmic_model::{
    cache::CachedImage,
    ids::{CachedImageId, ProjectId},
    project::Role,
};

/// `POST /projects/<id>/cache/<image>/drop/`
pub(crate) async fn drop_image(
    State(app): State<Shared>,
    At((id, image)): At<(ProjectId, CachedImageId)>,
    Sent(Nothing {}, visit): Sent<Nothing>,
) -> Result<Response, WebError> {
    let project = visit.project(&app, id, Role::Manager).await?;
    let known = app.edges.store.images().cached_images(project.id).await?;
    let known = known.into_iter().find(|one| one.id == image).ok_or(WebError::NotFound)?;
    let said = match images::drop_everywhere(&visit.edges(&app), &app.shelf, &known).await {
        Ok(true) => Ok("The image is dropped: the next job that needs it makes it anew.".to_owned()),
        Ok(false) => Err("A job may be using this image now. Try again when no job runs.".to_owned()),
        Err(fault) => {
            tracing::warn!(image.id = image.0, "cannot drop the image: {fault:#}");
            Err(format!("The image stays: {}", fault.root_cause()))
        }
    };
    visit.lead(&app, &path(id), said).await
}

/// A short part of an image's key that distinguishes it from others.
pub(super) fn short_key(image: &CachedImage) -> &str {
    image.key.get(..12).unwrap_or(&image.key)
}

/// A size for people, in units of 1000 as in the engine's own tools.
pub(super) fn size(image: &CachedImage) -> String {
    let megabytes = image.size.max(0) / 1_000_000;
    match megabytes {
        0 => "under 1 MB".to_owned(),
        1..1_000 => format!("{megabytes} MB"),
        _ => format!("{}.{} GB", megabytes / 1_000, megabytes % 1_000 / 100),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kozmic_model::time::Timestamp;

    #[test]
    fn sizes_are_said_as_people_say_them() {
        let said = |bytes| {
            size(&CachedImage {
                id: CachedImageId(1),
                project: ProjectId(1),
                runner: "here".into(),
                key: "abc".into(),
                base: "debian".into(),
                size: bytes,
                created_at: Timestamp(0),
                used_at: Timestamp(0),
            })
        };
        assert_eq!(
            [-1, 999_999, 1_000_000, 999_999_999].map(said),
            ["under 1 MB", "under 1 MB", "1 MB", "999 MB"]
        );
        assert_eq!(said(1_290_000_000), "1.2 GB");
    }
}
