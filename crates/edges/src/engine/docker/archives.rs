//! Files on their way into containers and out of them, as tar archives.

use super::{ContainerId, DockerEngine, EngineError};
use bollard::{
    errors::Error,
    query_parameters::{
        ContainerArchiveInfoOptionsBuilder, DownloadFromContainerOptionsBuilder,
        UploadToContainerOptionsBuilder,
    },
};
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream, stream::BoxStream};
use tokio::sync::mpsc;

impl DockerEngine {
    pub(super) async fn upload_archive(
        &self,
        container: &ContainerId,
        path: &str,
        archive: mpsc::Receiver<std::io::Result<Bytes>>,
    ) -> Result<(), EngineError> {
        let options = UploadToContainerOptionsBuilder::default().path(path).build();
        let pieces = stream::unfold(archive, |mut archive| async {
            archive.recv().await.map(|piece| (piece, archive))
        });
        let body = bollard::body_try_stream(pieces);
        let upload = self.patient()?;
        let upload = upload.upload_to_container(&container.0, Some(options), body);
        upload.await.map_err(|fault| self.fault(fault))
    }

    pub(super) async fn stat(&self, container: &ContainerId, path: &str) -> Result<bool, EngineError> {
        let options = ContainerArchiveInfoOptionsBuilder::default().path(path).build();
        match self.docker()?.get_container_archive_info(&container.0, Some(options)).await {
            Ok(_) => Ok(true),
            Err(Error::DockerResponseServerError { status_code: 404, .. }) => Ok(false),
            Err(fault) => Err(self.fault(fault)),
        }
    }

    /// The client library tells of a refusal only in the stream: the answer's beginning is waited for. Its limit of time
    /// is one for that alone.
    pub(super) async fn download_archive(
        &self,
        container: &ContainerId,
        path: &str,
    ) -> Result<BoxStream<'static, Result<Bytes, EngineError>>, EngineError> {
        let options = DownloadFromContainerOptionsBuilder::default().path(path).build();
        let archive = self.patient()?.download_from_container(&container.0, Some(options));
        let engine = self.clone();
        let mut archive = archive.map_err(move |fault| engine.fault(fault)).boxed();
        let first = archive.try_next().await?;
        Ok(stream::iter(first.map(Ok)).chain(archive).boxed())
    }
}
