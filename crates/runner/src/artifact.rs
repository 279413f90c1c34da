//! Publishes the artifact of a job's program: reads it from the container and sends it to the coordinator.

use crate::{
    coordinator::{AnswerLost, Archive, Published},
    stop::{Step, Stop},
    words::sentence,
    work::Work,
};
use anyhow::{Context, Result};
use futures_util::StreamExt;
use kozmic_edges::engine::{ContainerId, EngineError};
use kozmic_model::phase::PhaseKind;
use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::sync::mpsc;

/// The engine's fault, if it broke a stream that the coordinator reads.
type Broken = Arc<Mutex<Option<EngineError>>>;

/// Pause before an artifact is sent again.
const PAUSE: Duration = Duration::from_secs(2);

/// Publishes the program's artifact. If the coordinator's answer was lost, all of it is sent again.
pub(crate) async fn publish(work: &mut Work, container: &ContainerId) -> Step<()> {
    let path = work.order.spec.task.artifact_path();
    work.begin(PhaseKind::Publish, &path).await?;
    let published = loop {
        match Box::pin(once(work, container, &path)).await {
            Err(Stop::Fault(fault)) if fault.is::<AnswerLost>() => {
                work.say(&format!("{} Sending the artifact again.", sentence(&fault))).await?;
                tokio::time::sleep(PAUSE).await;
            }
            published => break published?,
        }
    };
    match published {
        Published::As(name) => Ok(work.end(&name).await?),
        Published::Refused(why) => Err(Stop::broken(why)),
    }
}

async fn once(work: &mut Work, container: &ContainerId, path: &str) -> Step<Published> {
    let archive = work.runner.tools.engine.download(container, path).await.context("fetch the artifact")?;
    let broken = Broken::default();
    let archive = watched(archive, Arc::clone(&broken));
    let (coordinator, order) = (work.runner.coordinator.clone(), work.order.clone());
    let (words, lines) = mpsc::channel(16);
    let (published, told) = tokio::join!(coordinator.publish(&order, archive, words), work.tell(lines));
    // This fault is the engine connection's: the attempt is tried again.
    if let Some(fault) = broken.lock().unwrap_or_else(PoisonError::into_inner).take() {
        return Err(Stop::Fault(anyhow::Error::new(fault).context("fetch the artifact")));
    }
    told?;
    Ok(published?)
}

/// The stream for the coordinator. A fault of the engine is kept in `broken`.
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

/// Checks that the program left its artifact.
pub(crate) async fn is_there(work: &Work, container: &ContainerId) -> Step<()> {
    let path = work.order.spec.task.artifact_path();
    let engine = &work.runner.tools.engine;
    match engine.has_file(container, &path).await.context("look for the artifact")? {
        true => Ok(()),
        false => Err(Stop::broken(format!("The script left no {path}."))),
    }
}
