//! The artifact that a job's program left goes where people find it: to the hub, or into a directory, behind a link
//! that always leads to the newest. Each part can be done once more after a crash.

mod again;
mod places;
mod upload;
pub(crate) mod removal;

use crate::{Flow, work::Work};
use again::patiently;
use anyhow::{Context, Result};
use kozmic_edges::{
    engine::{ContainerId, EngineError},
    publisher::{Expected, UnpackError, unpack},
};
use kozmic_model::{
    artifact::{Format, Product},
    phase::PhaseKind,
    spec::Task,
};
use places::{Leaving, Place};
use std::{
    path::PathBuf,
    sync::atomic::{AtomicU64, Ordering},
};

/// Reason that something was not published, in a sentence.
type Refusal = String;

/// Whether what a job makes can be published at all: nobody wants to learn that after the build.
pub(crate) fn is_possible(work: &Work) -> Result<(), Refusal> {
    let format = work.claimed.job.spec.task.product().map(|product| product.format);
    match (format, &work.flow.edges.publishers.hub) {
        (Some(Format::Flist), None) => Err("The artifact is an flist, and no hub is set that takes it: \
             KOZMIC_AUTOBUILD_HUB_URL names one."
            .to_owned()),
        _ => Ok(()),
    }
}

/// Whether the program left what it is to make.
pub(crate) async fn is_there(work: &Work, container: &ContainerId) -> Result<bool> {
    let engine = &work.flow.edges.engine;
    engine.has_file(container, &path_of(work)).await.context("look for the artifact")
}

/// Reason of a job whose program left nothing.
pub(crate) fn nothing_there(work: &Work) -> String {
    format!("The script left no {}.", path_of(work))
}

/// Path at which the program leaves its artifact.
fn path_of(work: &Work) -> String {
    let Task::Program(program) = &work.claimed.job.spec.task else { return String::new() };
    match program.product.path.as_str() {
        "." | "" => program.output.clone(),
        path => format!("{}/{path}", program.output.trim_end_matches('/')),
    }
}

/// Publishes what the program left.
pub(crate) async fn artifact(work: &mut Work, container: &ContainerId) -> Result<Result<(), Refusal>> {
    let Some(product) = work.claimed.job.spec.task.product().cloned() else { return Ok(Ok(())) };
    work.begin(PhaseKind::Publish, &path_of(work)).await?;
    let leaving = match collect(work, container, &product).await? {
        Ok(leaving) => leaving,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let mut called = product.name.versioned.clone();
    for place in places::of(&work.flow, &product) {
        match at(work, &place, &leaving).await? {
            Ok(name) => called = name,
            Err(refusal) => return Ok(Err(refusal)),
        }
    }
    work.end(&called).await?;
    Ok(Ok(()))
}

/// Publishes an artifact at one place; gives what it is called there.
async fn at(work: &mut Work, place: &Place, leaving: &Leaving) -> Result<Result<String, Refusal>> {
    let name = match place.name(work, leaving).await? {
        Ok(name) => name,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let versioned = name.versioned.clone();
    match patiently(work, || place.publish(leaving, &name)).await? {
        Ok(stored) => Ok(place.link(work, name, stored).await?.map(|()| versioned)),
        Err(refusal) => Ok(Err(refusal)),
    }
}

/// Fetches the artifact out of the container.
async fn collect(
    work: &Work,
    container: &ContainerId,
    product: &Product,
) -> Result<Result<Leaving, Refusal>> {
    let leaving = Leaving::new(place_to_work(work), (work, product)).await?;
    let path = path_of(work);
    let archive = work.flow.edges.engine.download(container, &path).await.context("fetch the artifact")?;
    let expected = match product.format {
        Format::Directory => Expected::Directory,
        Format::Flist | Format::Binary | Format::Kernel => Expected::File,
    };
    match unpack(archive, (&leaving.file(), &work.flow.edges.room), expected).await {
        Ok(()) => Ok(Ok(leaving)),
        // The connection to the engine: that is tried again.
        Err(UnpackError::Stream(fault)) => match fault.downcast::<EngineError>() {
            Ok(fault) => Err(*fault).context("fetch the artifact"),
            Err(fault) => Ok(Err(format!("The artifact could not be fetched: {fault}."))),
        },
        Err(fault @ UnpackError::Io { .. }) => Err(fault).context("fetch the artifact"),
        Err(fault) => Ok(Err(format!("The artifact {path} cannot be taken: {fault}."))),
    }
}

/// A place on this machine that is this try's own: what an earlier one left goes while this one works. It lies among the
/// checkouts, which go at the next start.
fn place_to_work(work: &Work) -> PathBuf {
    static TRIES: AtomicU64 = AtomicU64::new(0);
    let (attempt, count) = (work.attempt(), TRIES.fetch_add(1, Ordering::Relaxed));
    work.flow.settings.work_dir.join(format!("artifact-{}-{}-{count}", attempt.job, attempt.number))
}

/// Removes what a crash left half done in the directories of artifacts, before the first job of this process.
pub(crate) async fn clear(flow: &Flow) {
    let publishers = &flow.edges.publishers;
    for directory in [&publishers.binaries, &publishers.kernels] {
        if let Err(fault) = directory.sweep().await {
            tracing::warn!(directory = %directory.path().display(), %fault, "unfinished artifacts stay");
        }
    }
}
