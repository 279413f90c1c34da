//! Keeps the container of a kernel build as an image of its branch, for the builds that start from there.

use crate::{Flow, turns::Turn, work::Work};
use anyhow::{Context, Result};
use kozmic_edges::{
    engine::{ContainerId, Nameless},
    store::{ClaimedJob, IMAGES},
};
use kozmic_model::{
    ids::BuildId,
    image::ImageName,
    job::{Attempt, Job},
    kernel::{KernelKind, image_wish},
    phase::PhaseKind,
    spec::Origin,
    status::Status,
};

/// Container that is kept as an image, and the image's name.
struct Keeping {
    container: ContainerId,
    attempt: Attempt,
    build: BuildId,
    name: ImageName,
    _turn: Turn,
}

/// Keeps a job's container as an image, if that is what the job is for. An image that had the name before loses it,
/// unless it is of a newer push.
pub(crate) async fn image(work: &mut Work, container: &ContainerId) -> Result<()> {
    let product = work.claimed.job.spec.task.product();
    let Some(plain) = product.and_then(|product| product.keep.clone()) else { return Ok(()) };
    let name = name_of(work, &plain).await?;
    let turn = work.flow.turns.take(&format!("image {name}")).await;
    let build = work.claimed.build.id;
    if has_newer(&work.flow, &name, build).await? {
        return work.say(&format!("{name} stays as it is: it is of a newer push.")).await;
    }
    work.begin(PhaseKind::Commit, &format!("the container becomes the image {name}")).await?;
    let (container, attempt) = (container.clone(), work.attempt());
    let keeping = Keeping { container, attempt, build, name: name.clone(), _turn: turn };
    // The engine goes on with it, whoever stops waiting: an image that nobody noted would never be removed.
    let kept = work.flow.tasks.spawn(keep(work.flow.clone(), keeping)).await;
    kept.context("keep the container as an image")??;
    work.end(&name.to_string()).await
}

/// Name of an image: the plain one, unless that is another branch's.
async fn name_of(work: &Work, plain: &ImageName) -> Result<ImageName> {
    let ClaimedJob { build, project, .. } = &work.claimed;
    let wish = image_wish(&project.repository.full_name(), &build.git_ref, plain);
    let name = work.flow.edges.store.give_name(IMAGES, &wish).await?;
    let name = name.with_context(|| format!("the name {} is another branch's", wish.suffixed))?;
    name.parse().with_context(|| format!("name an image {name}"))
}

async fn keep(flow: Flow, keeping: Keeping) -> Result<()> {
    let Flow { edges, settings, .. } = flow;
    let Keeping { container, attempt, build, name, _turn } = keeping;
    // It is there if the process ended between this step and the next.
    let there =
        edges.engine.image_of(&name, &settings.instance, attempt).await.context("look for the image")?;
    let id = match there {
        Some(id) => id,
        None => edges.engine.commit(&container, &name).await.context("keep the container as an image")?,
    };
    edges.store.note_kernel_image(&settings.instance, (&name, &id), build).await
}

/// Whether the image of that name is of a later push, as far as it is still there.
async fn has_newer(flow: &Flow, name: &ImageName, build: BuildId) -> Result<bool> {
    let Flow { edges, settings, .. } = flow;
    let is_there = edges.engine.image(name).await.context("look for the image that is kept")?.is_some();
    Ok(is_there && edges.store.has_newer_image(&settings.instance, name, build).await?)
}

/// Takes the name from an image whose branch is gone; the image goes when nothing needs it. Not while a build runs that
/// may have chosen it or may give it anew, and not from an image that somebody else gave the name to.
pub(crate) async fn drop_image(flow: &Flow, name: &ImageName) -> Result<()> {
    let Flow { edges, settings, .. } = flow;
    if in_use(flow, |_| true).await? {
        return Ok(());
    }
    let _turn = flow.turns.take(&format!("image {name}")).await;
    if let Some(image) = edges.engine.image(name).await.context("look for an image")? {
        if !edges.store.is_kernel_image(&settings.instance, (name, &image.id)).await? {
            return Ok(());
        }
        if !edges.engine.remove_image(name).await.with_context(|| format!("remove the image {name}"))? {
            return Ok(());
        }
    }
    tracing::info!(image = %name, "an image was removed, since its branch is gone");
    edges.store.drop_kernel_image(&settings.instance, name).await
}

/// Whether a kernel of such a kind is being built: a dependent one may have chosen an image to start from, a generic one
/// may be about to keep one.
async fn in_use(flow: &Flow, is_meant: impl Fn(KernelKind) -> bool) -> Result<bool> {
    let is_kernel = |job: &Job| matches!(job.spec.origin, Origin::Kernel(kind) if is_meant(kind));
    let monitored = flow.edges.store.monitored().await?;
    Ok(monitored.iter().any(|it| it.job.status == Status::Pending && is_kernel(&it.job)))
}

/// Removes the images that kernel builds of this installation left and that lost their names, and no others. Not while
/// a build runs that may have chosen one of them to start from.
pub(crate) async fn remove_nameless(flow: &Flow) -> Result<()> {
    let Flow { edges, settings, .. } = flow;
    if in_use(flow, |kind| kind == KernelKind::Dependent).await? {
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
