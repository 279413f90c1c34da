//! Uploads files into containers and downloads files from them, as tar archives.

use super::{ContainerId, DockerEngine, EngineError};
use bollard::{
    container::PathStatResponse,
    errors::Error,
    query_parameters::{
        ContainerArchiveInfoOptionsBuilder, DownloadFromContainerOptionsBuilder,
        UploadToContainerOptionsBuilder,
    },
};
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream, stream::BoxStream};
use tokio::sync::mpsc;

/// Bits of a mode, in Go's form, that only directories, links, pipes, sockets and devices have.
const NO_PLAIN_FILE: u32 = 0x8f28_0000;

/// The length of an entry's header in an archive.
const HEAD: usize = 512;

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
        self.facts_of(container, path).await.map(|found| found.is_some())
    }

    async fn facts_of(
        &self,
        container: &ContainerId,
        path: &str,
    ) -> Result<Option<PathStatResponse>, EngineError> {
        let options = ContainerArchiveInfoOptionsBuilder::default().path(path).build();
        match self.docker()?.get_container_archive_info(&container.0, Some(options)).await {
            Ok(found) => Ok(Some(found)),
            Err(Error::DockerResponseServerError { status_code: 404, .. }) => Ok(None),
            Err(fault) => Err(self.fault(fault)),
        }
    }

    /// The path of the plain file at a path, after its links; none if there is nothing.
    ///
    /// # Errors
    /// Something else is there, or the file is larger than `most` bytes: it could not be read to its end.
    pub(super) async fn plain_file(
        &self,
        container: &ContainerId,
        path: &str,
        most: u64,
    ) -> Result<Option<String>, EngineError> {
        let Some(found) = self.facts_of(container, path).await? else { return Ok(None) };
        let (target, found) = match found.link_target.as_str() {
            "" => (path.to_owned(), Some(found)),
            target => (target.to_owned(), self.facts_of(container, target).await?),
        };
        let Some(found) = found else { return Ok(None) };
        let is_long = u64::try_from(found.size).is_ok_and(|size| size > most);
        let why = match (found.file_mode & NO_PLAIN_FILE, is_long) {
            (0, false) => return Ok(Some(target)),
            (0, true) => format!("is longer than {} MiB", most >> 20),
            (_, _) => "is no plain file".to_owned(),
        };
        Err(EngineError::Unreadable { cause: format!("{path} {why}") })
    }

    pub(super) async fn small_file(
        &self,
        container: &ContainerId,
        path: &str,
        limit: usize,
    ) -> Result<Option<Vec<u8>>, EngineError> {
        let mut archive = match self.download_archive(container, path).await {
            Err(fault) if fault.is_missing() => return Ok(None),
            archive => archive?,
        };
        let mut bytes = Vec::new();
        while let Some(piece) = archive.try_next().await? {
            bytes.extend_from_slice(&piece);
            if bytes.len() >= HEAD + limit {
                break;
            }
        }
        Ok(first_file(&bytes, limit).map(<[u8]>::to_vec))
    }

    /// Downloads an archive. The client library reports a refusal only in the stream, so the beginning of the answer is
    /// awaited. The client's time limit is only for that beginning.
    pub(super) async fn download_archive(
        &self,
        container: &ContainerId,
        path: &str,
    ) -> Result<BoxStream<'static, Result<Bytes, EngineError>>, EngineError> {
        self.refuse_endless(container).await?;
        let options = DownloadFromContainerOptionsBuilder::default().path(path).build();
        let archive = self.patient()?.download_from_container(&container.0, Some(options));
        let engine = self.clone();
        let mut archive = archive.map_err(move |fault| engine.fault(fault)).boxed();
        let first = archive.try_next().await?;
        Ok(stream::iter(first.map(Ok)).chain(archive).boxed())
    }
}

/// The content of an archive's first entry, if it is a plain file of up to `limit` bytes.
fn first_file(archive: &[u8], limit: usize) -> Option<&[u8]> {
    let (head, content) = archive.split_at_checked(HEAD)?;
    let size = std::str::from_utf8(&head[124..136]).ok()?.trim_matches(['\0', ' ']);
    let size = usize::from_str_radix(size, 8).ok().filter(|size| *size <= limit)?;
    let is_file = matches!(head[156], b'0' | 0);
    content.get(..size).filter(|_| is_file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive(kind: u8, size: &str, content: &[u8]) -> Vec<u8> {
        let mut head = [0; HEAD];
        head[124..124 + size.len()].copy_from_slice(size.as_bytes());
        head[156] = kind;
        [&head, content].concat()
    }

    #[test]
    fn a_small_file_is_read_and_all_else_is_none() {
        assert_eq!(first_file(&archive(b'0', "00000000003\0", b"0\n.\0"), 64), Some(b"0\n.".as_slice()));
        assert_eq!(first_file(&archive(b'0', "00000000101\0", &[b'x'; 65]), 64), None, "too long");
        assert_eq!(first_file(&archive(b'0', "00000000003\0", b"0\n"), 64), None, "cut short");
        assert_eq!(first_file(&archive(b'2', "00000000000\0", b""), 64), None, "a link");
        assert_eq!(first_file(&archive(b'0', "x", b""), 64), None);
        assert_eq!(first_file(b"short", 64), None);
    }
}
