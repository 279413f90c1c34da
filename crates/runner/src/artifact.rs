//! The artifact that a job's program left: out of its container, and to the coordinator, who publishes it.

use crate::{
    coordinator::{Archive, Published},
    stop::{Step, Stop},
    work::Work,
};
use anyhow::{Context, Result};
use futures_util::StreamExt;
use kozmic_edges::engine::{ContainerId, EngineError};
use kozmic_model::phase::PhaseKind;
use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::sync::mpsc;

/// The engine's fault, once it broke a stream that somebody else reads.
type Broken = Arc<Mutex<Option<EngineError>>>;

/// Publishes what the program left, if the job is to leave something.
pub(crate) async fn publish(work: &mut Work, container: &ContainerId) -> Step<()> {
    let path = work.order.spec.task.artifact_path();
    work.begin(PhaseKind::Publish, &path).await?;
    let archive = work.runner.tools.engine.download(container, &path).await.context("fetch the artifact")?;
    let broken = Broken::default();
    let archive = watched(archive, Arc::clone(&broken));
    let (coordinator, order) = (work.runner.coordinator.clone(), work.order.clone());
    let (words, lines) = mpsc::channel(16);
    let (published, told) = tokio::join!(coordinator.publish(&order, archive, words), work.tell(lines));
    // The connection to the engine: that is tried again.
    if let Some(fault) = broken.lock().unwrap_or_else(PoisonError::into_inner).take() {
        return Err(Stop::Fault(anyhow::Error::new(fault).context("fetch the artifact")));
    }
    told?;
    match published? {
        Published::As(name) => Ok(work.end(&name).await?),
        Published::Refused(why) => Err(Stop::broken(why)),
    }
}

/// The stream as others read it; the engine's own fault stays here.
fn watched(
    archive: impl futures_util::Stream<Item = Result<bytes::Bytes, EngineError>> + Send + 'static,
    broken: Broken,
) -> Archive {
    let archive = archive.map(move |piece| {
        piece.map_err(|fault| {
            let words = io::Error::other(fault.to_string());
            *broken.lock().unwrap_or_else(PoisonError::into_inner) = Some(fault);
            words
        })
    });
    archive.boxed()
}

/// Looks whether the program left what it is to make.
pub(crate) async fn is_there(work: &Work, container: &ContainerId) -> Step<()> {
    let path = work.order.spec.task.artifact_path();
    let engine = &work.runner.tools.engine;
    match engine.has_file(container, &path).await.context("look for the artifact")? {
        true => Ok(()),
        false => Err(Stop::broken(format!("The script left no {path}."))),
    }
}
