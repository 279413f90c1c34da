//! Removes artifacts of a deleted project, if its owner wanted that: out of their directories, with the links that
//! would lead nowhere. Artifacts on a hub stay there.

use crate::Flow;
use anyhow::{Context, Result};
use kozmic_edges::{clock, publisher::Directory};
use kozmic_model::{
    artifact::{Artifact, ArtifactPlace},
    ids::ProjectId,
};

/// Removes what a project published in directories. It can be repeated after a crash at any point.
pub(crate) async fn of_project(flow: &Flow, project: ProjectId) -> Result<()> {
    for artifact in flow.edges.store.artifacts().artifacts_in_directories(project).await? {
        let Some(directory) = directory(flow, &artifact.place) else { continue };
        let Artifact { name, place, .. } = &artifact;
        let word = place.directory().unwrap_or_default();
        let _turn = flow.turns.take(&format!("link {word} {}", name.stable)).await;
        let others = flow.edges.store.artifacts().artifacts_behind(place, &name.stable).await?;
        let is_shared =
            others.iter().any(|one| one.project != project && one.name.versioned == name.versioned);
        if !is_shared {
            directory.remove(&name.versioned).await.with_context(|| format!("remove {}", name.versioned))?;
        }
        let next = others.iter().find(|one| one.project != project).map(|one| one.name.versioned.as_str());
        let is_last = others.iter().all(|one| one.id == artifact.id);
        if lead_on(directory, &name.stable, next).await? && is_last {
            flow.edges.store.artifacts().let_go_of_name(word, &name.stable).await?;
        }
        flow.edges.store.artifacts().note_artifact_removed(artifact.id, clock::now()).await?;
    }
    Ok(())
}

/// Repairs a link to an artifact that was removed: it now leads to the newest that is left, or is removed. True if it
/// was removed.
async fn lead_on(directory: &Directory, stable: &str, next: Option<&str>) -> Result<bool> {
    if directory.leads_somewhere(stable).await.context("look behind a link")? {
        return Ok(false);
    }
    match next {
        Some(next) => directory.link(next, stable).await.with_context(|| format!("link {stable}"))?,
        None => directory.unlink(stable).await.with_context(|| format!("remove the link {stable}"))?,
    }
    Ok(next.is_none())
}

fn directory<'a>(flow: &'a Flow, place: &ArtifactPlace) -> Option<&'a Directory> {
    let publishers = &flow.edges.publishers;
    match place {
        ArtifactPlace::Hub { .. } => None,
        ArtifactPlace::Binaries => Some(&publishers.binaries),
        ArtifactPlace::Kernels => Some(&publishers.kernels),
    }
}
