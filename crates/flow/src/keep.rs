//! What a kernel build leaves is kept as an image of its branch, for the builds that start from there.

use crate::{Flow, work::Work};
use anyhow::{Context, Result};
use kozmic_edges::engine::{ContainerId, Nameless};
use kozmic_model::{artifact::ArtifactPlace, phase::PhaseKind};

/// Keeps a job's container as an image, if that is what the job is for. An image that had the name before loses it.
pub(crate) async fn image(work: &mut Work, container: &ContainerId) -> Result<()> {
    let product = work.claimed.job.spec.product.clone();
    let Some((name, stable)) = product.and_then(|product| Some((product.keep?, product.name.stable))) else {
        return Ok(());
    };
    let store = &work.flow.edges.store;
    if !store.is_newest(&work.claimed.job, &ArtifactPlace::Kernels, &stable).await? {
        return work.say(&format!("{name} stays as it is: it is of a newer push.")).await;
    }
    work.begin(PhaseKind::Commit, &format!("the container becomes the image {name}")).await?;
    let Flow { edges, settings, .. } = work.flow.clone();
    let id = edges.engine.commit(container, &name).await.context("keep the container as an image")?;
    edges.store.note_kernel_image(&settings.instance, &name, &id).await?;
    work.end(&name.to_string()).await
}

/// Removes the images that kernel builds of this installation left and that lost their names, and no others.
pub(crate) async fn remove_nameless(flow: &Flow) -> Result<()> {
    let Flow { edges, settings, .. } = flow;
    for id in edges.store.nameless_kernel_images(&settings.instance).await? {
        match edges.engine.remove_nameless(&id).await.context("remove an image without a name")? {
            Nameless::Gone | Nameless::Named => {
                edges.store.forget_kernel_image(&settings.instance, &id).await?
            }
            Nameless::InUse => {}
        }
    }
    Ok(())
}
