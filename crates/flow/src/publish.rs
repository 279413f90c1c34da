//! Publishes the artifact that a job's program left: on the hub or in a directory, behind a link that always leads to
//! the newest. Each step can be repeated after a crash.

mod again;
mod places;
mod upload;
pub(crate) mod removal;

use crate::Flow;
use anyhow::{Context, Error, Result};
use kozmic_edges::publisher::{Expected, UnpackError, unpack};
use kozmic_model::{
    artifact::{Format, Product},
    build::Build,
    job::Job,
    project::Project,
    spec::JobSpec,
};
use kozmic_runner::coordinator::{Archive, Published};
use places::{Leaving, Place};
use std::{
    path::PathBuf,
    sync::atomic::{AtomicU64, Ordering},
};
use tokio::sync::mpsc;

/// The job that made an artifact, with its build and project.
pub(crate) struct Maker {
    pub(crate) job: Job,
    pub(crate) build: Build,
    pub(crate) project: Project,
}

/// An artifact that is being published.
struct Publishing {
    flow: Flow,
    maker: Maker,
    product: Product,
    /// Lines for the job's log.
    words: mpsc::Sender<String>,
}

/// The reason why an artifact is not published.
enum Unpublished {
    /// The artifact is not accepted, for a reason in a sentence.
    Refused(String),
    /// A step failed.
    Fault(Error),
}

impl<E: Into<Error>> From<E> for Unpublished {
    fn from(fault: E) -> Self {
        Self::Fault(fault.into())
    }
}

/// The reason why an artifact of such a job cannot be published at all, in a sentence.
pub(crate) fn hindrance(flow: &Flow, spec: &JobSpec) -> Option<String> {
    let format = spec.task.product().map(|product| product.format);
    let is_homeless = format == Some(Format::Flist) && flow.edges.publishers.hub.is_none();
    is_homeless.then(|| {
        "The artifact is an flist, and no hub is set that takes it: KOZMIC_AUTOBUILD_HUB_URL names one."
            .to_owned()
    })
}

/// Publishes what a job's program left. It comes as a tar archive.
pub(crate) async fn artifact(
    flow: &Flow,
    maker: Maker,
    archive: Archive,
    words: mpsc::Sender<String>,
) -> Result<Published> {
    let product = maker.job.spec.task.product().cloned().context("the job makes no artifact")?;
    let publishing = Publishing { flow: flow.clone(), maker, product, words };
    match publishing.everywhere(archive).await {
        Ok(name) => Ok(Published::As(name)),
        Err(Unpublished::Refused(why)) => Ok(Published::Refused(why)),
        Err(Unpublished::Fault(fault)) => Err(fault),
    }
}

impl Publishing {
    /// Publishes the artifact at each of its places; gives its name at the last one.
    async fn everywhere(&self, archive: Archive) -> Result<String, Unpublished> {
        let leaving = self.collect(archive).await?;
        let mut called = self.product.name.versioned.clone();
        for place in places::of(&self.flow, &self.product) {
            called = self.at(&place, &leaving).await?;
        }
        Ok(called)
    }

    /// Publishes the artifact at one place; gives its name there.
    async fn at(&self, place: &Place, leaving: &Leaving) -> Result<String, Unpublished> {
        let name = place.name(self).await?;
        let versioned = name.versioned.clone();
        let stored = self.patiently(|| place.publish(leaving, &name)).await?;
        place.link(self, name, stored).await?;
        Ok(versioned)
    }

    /// Unpacks the artifact to this machine's disk.
    async fn collect(&self, archive: Archive) -> Result<Leaving, Unpublished> {
        let leaving = Leaving::new(self.place_to_work(), self).await?;
        let expected = match self.product.format {
            Format::Directory => Expected::Directory,
            Format::Flist | Format::Binary | Format::Kernel => Expected::File,
        };
        let path = self.maker.job.spec.task.artifact_path();
        match unpack(archive, &leaving.file(), &self.flow.edges.room, expected).await {
            Ok(()) => Ok(leaving),
            Err(UnpackError::Stream(fault)) => {
                Err(Unpublished::Refused(format!("The artifact could not be fetched: {fault}.")))
            }
            Err(fault @ UnpackError::Io { .. }) => {
                Err(Error::from(fault).context("fetch the artifact").into())
            }
            Err(fault) => Err(Unpublished::Refused(format!("The artifact {path} cannot be taken: {fault}."))),
        }
    }

    /// A directory on this machine for this try alone: the files of an earlier try are being removed while this one
    /// works. It lies among the checkouts, which are removed at the next start.
    fn place_to_work(&self) -> PathBuf {
        static TRIES: AtomicU64 = AtomicU64::new(0);
        let (attempt, count) = (self.maker.job.attempt(), TRIES.fetch_add(1, Ordering::Relaxed));
        let name = format!("artifact-{}-{}-{count}", attempt.job, attempt.number);
        self.flow.settings.work_dir.join(name)
    }

    /// Writes a line to the job's log, unless the task that writes the log has ended.
    async fn say(&self, line: String) {
        let _ = self.words.send(line).await;
    }
}

/// Removes what a crash left unfinished in the directories of artifacts, before the first job of this process.
pub(crate) async fn clear(flow: &Flow) {
    let publishers = &flow.edges.publishers;
    for directory in [&publishers.binaries, &publishers.kernels] {
        if let Err(fault) = directory.sweep().await {
            tracing::warn!(directory = %directory.path().display(), %fault, "unfinished artifacts stay");
        }
    }
}
