//! Uploads a file to a hub only once: the hub's own list tells if an upload succeeded, even if its answer was lost.

use kozmic_edges::{
    publisher::{Hub, Look, PublishError},
    store::Store,
};
use kozmic_model::job::Attempt;
use std::{io, path::Path};

/// A file on its way to a hub.
pub(super) struct Upload<'a> {
    pub(super) hub: &'a Hub,
    /// The archive's name.
    pub(super) name: &'a str,
    /// The name of the list that the hub makes of it.
    pub(super) flist: &'a str,
    /// The archive's SHA-256 in 64 hexadecimal digits.
    pub(super) sha256: &'a str,
}

impl Upload<'_> {
    /// Uploads the file, unless this attempt did so before. It did if the hub has the list now, and had none or another
    /// one when the upload began.
    pub(super) async fn unless_there(
        &self,
        store: &Store,
        attempt: Attempt,
        file: &Path,
    ) -> Result<(), PublishError> {
        let noted = |fault: anyhow::Error| {
            PublishError::io("note the upload")(io::Error::other(format!("{fault:#}")))
        };
        let begun = store.artifacts().upload(attempt, self.name, self.sha256).await.map_err(noted)?;
        let now = self.hub.look(self.flist).await?;
        let is_there = match (&begun, &now) {
            (Some(begun), Look::There(at)) => begun.is_done || begun.before != Some(*at),
            _ => false,
        };
        if !is_there {
            let before = match now {
                Look::There(at) => Some(at),
                Look::Missing => None,
                // A later try could not tell by the list if this upload succeeded, so it is not noted.
                Look::Silent => return self.hub.upload(file, self.name).await,
            };
            store.artifacts().begin_upload(attempt, self.name, self.sha256, before).await.map_err(noted)?;
            self.hub.upload(file, self.name).await?;
        }
        store.artifacts().end_upload(attempt, self.name).await.map_err(noted)
    }
}
