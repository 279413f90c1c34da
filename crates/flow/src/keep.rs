//! What a kernel build leaves is kept as an image of its branch, for the builds that start from there.

use crate::{Flow, work::Work};
use anyhow::{Context, Result};
use kozmic_edges::engine::{ContainerId, Nameless};
use kozmic_model::{
    artifact::ArtifactPlace, job::Job, kernel::KernelKind, phase::PhaseKind, spec::Origin, status::Status,
};

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
    let attempt = work.attempt();
    // It is there if the process ended between this step and the next.
    let there =
        edges.engine.image_of(&name, &settings.instance, attempt).await.context("look for the image")?;
    let id = match there {
        Some(id) => id,
        None => edges.engine.commit(container, &name).await.context("keep the container as an image")?,
    };
    edges.store.note_kernel_image(&settings.instance, &name, &id).await?;
    work.end(&name.to_string()).await
}

/// Removes the images that kernel builds of this installation left and that lost their names, and no others. Not while
/// a build runs that may have chosen one of them to start from.
pub(crate) async fn remove_nameless(flow: &Flow) -> Result<()> {
    let Flow { edges, settings, .. } = flow;
    let may_start =
        |job: &Job| job.status == Status::Pending && job.spec.origin == Origin::Kernel(KernelKind::Dependent);
    if edges.store.monitored().await?.iter().any(|monitored| may_start(&monitored.job)) {
        return Ok(());
    }
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
