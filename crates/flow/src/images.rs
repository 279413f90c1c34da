//! Removes images that a runner made and that nobody needs any more. The database decides which ones, and the runner's
//! shelf has the images.

use crate::Flow;
use anyhow::{Context, Result};
use kozmic_edges::{Edges, broker::Topic, store::Store};
use kozmic_model::{
    cache::{CachedImage, cached_image_name},
    ids::ProjectId,
    image::{ImageName, RESERVED},
    job::Job,
    spec::{KernelKind, Origin},
    status::Status,
};

use kozmic_runner::coordinator::Surplus;
pub use kozmic_runner::{shelf::Shelf, turns::Turns};

/// Removes surplus images from the engine, the least recently used first; gives their number. An image that a job uses,
/// or may be about to use, stays.
///
/// # Errors
/// The engine or the database does not answer.
pub async fn trim(store: &Store, shelf: &Shelf, limit: usize) -> Result<usize> {
    let mut count = 0;
    for image in store.images().surplus_images(shelf.runner(), limit).await? {
        if drop_image(store, shelf, &image).await? {
            tracing::info!(image = image.name(), "a cached image was removed");
            count += 1;
        }
    }
    Ok(count)
}

/// Removes images from the engine that this runner made and the database does not know any more; gives their number.
/// Images of a project with a running job stay: the job may have made them just now.
///
/// # Errors
/// The engine or the database does not answer.
pub async fn remove_strays(store: &Store, shelf: &Shelf) -> Result<usize> {
    // The order matters: a job that made an image and ended before busy projects are read has noted the image before
    // that.
    let there = shelf.names().await?;
    let mut count = 0;
    for (name, project) in strays(store, shelf.runner(), &there).await? {
        if shelf.remove(name).await? {
            tracing::info!(image = %name, %project, "a stray image was removed");
            count += 1;
        }
    }
    Ok(count)
}

/// The images among those that a runner made which the database does not know any more, with their projects. Images of a
/// project with a running job are left out.
async fn strays<'a>(
    store: &Store,
    runner: &str,
    there: &'a [ImageName],
) -> Result<Vec<(&'a ImageName, ProjectId)>> {
    let busy = store.images().busy_projects().await?;
    let known = store.images().cached_image_names(runner).await?;
    let of_idle = there.iter().filter_map(|name| Some((name, project_of(name)?)));
    let of_idle = of_idle.filter(|(_, project)| !busy.contains(project));
    Ok(of_idle.filter(|(name, _)| !known.contains(&name.to_string())).collect())
}

/// Drops an image, and all like it on other runners' engines: the next job that needs it makes it anew, on each runner.
/// False if a job may be using one of them; that one stays.
///
/// # Errors
/// The engine or the database does not answer.
pub async fn drop_everywhere(edges: &Edges, shelf: &Shelf, image: &CachedImage) -> Result<bool> {
    let known = edges.store.images().cached_images(image.project).await?;
    let mut dropped = Ok(true);
    for like in known.iter().filter(|known| known.is_like(image)) {
        let done = drop_image(&edges.store, shelf, like).await;
        dropped = dropped.and_then(|before| Ok(before & done?));
    }
    edges.broker.ring(Topic::Images);
    dropped
}

/// Drops an image of one runner; false if a job uses it. If a job begins meanwhile, either it was faster and the image
/// stays, or it does not find the image and makes another.
///
/// The image of a runner on another machine is only forgotten here, so that it is dropped even if the runner is cut off:
/// a runner uses no image that the database does not know, and removes it as a stray.
///
/// # Errors
/// The engine or the database does not answer.
async fn drop_image(store: &Store, shelf: &Shelf, image: &CachedImage) -> Result<bool> {
    let Some(leaving) = store.images().begin_removal(image).await? else { return Ok(false) };
    if image.runner != shelf.runner() {
        store.images().forget_cached_image(&leaving).await?;
        return Ok(true);
    }
    let name = cached_image_name(image.project, &image.key).parse().context("name a cached image")?;
    let removed = shelf.remove(&name).await;
    match &removed {
        Ok(true) => store.images().forget_cached_image(&leaving).await?,
        // The container of a job that just ended is still there, or the engine does not answer.
        Ok(false) | Err(_) => store.images().give_up_removal(&leaving, image).await?,
    }
    removed
}

/// The images on the engine of a runner on another machine that nobody needs any more; `there` are the names of all that
/// it made. No job finds one of them from now on. The runner removes them, and says so by [`note_removed`].
pub(crate) async fn surplus(flow: &Flow, runner: &str, there: &[ImageName]) -> Result<Vec<Surplus>> {
    let store = &flow.edges.store;
    let mut surplus = Vec::new();
    for image in store.images().surplus_images(runner, flow.settings.cached_images).await? {
        if store.images().begin_removal(&image).await?.is_some() {
            surplus.push(Surplus::Named(image.name().parse().context("name a cached image")?));
        }
    }
    let strays = strays(store, runner, there).await?;
    surplus.extend(strays.into_iter().map(|(name, _)| Surplus::Named(name.clone())));
    if !in_use(flow, |kind| kind == KernelKind::Dependent).await? {
        let nameless = store.images().nameless_kernel_images(runner).await?;
        surplus.extend(nameless.into_iter().map(Surplus::Nameless));
    }
    Ok(surplus)
}

/// Notes that a runner on another machine removed an image.
pub(crate) async fn note_removed(store: &Store, runner: &str, image: &Surplus) -> Result<()> {
    match image {
        Surplus::Named(name) => store.images().forget_removed_image(runner, &name.to_string()).await,
        Surplus::Nameless(id) => store.images().forget_kernel_image(runner, id).await,
    }
}

/// The project of a cached image, by the image's name; none for other images.
fn project_of(name: &ImageName) -> Option<ProjectId> {
    name.repository().strip_prefix(RESERVED)?;
    name.reference().parse().ok()
}

/// Removes the name of a kernel's image whose branch was deleted. The image itself is removed when nothing needs it.
/// The name stays while a build runs that may have chosen the image or may give the name again, and also if somebody
/// else gave the name to the image.
pub(crate) async fn drop_kernel(flow: &Flow, name: &ImageName) -> Result<()> {
    let (store, shelf) = (&flow.edges.store, flow.shelf());
    if in_use(flow, |_| true).await? {
        return Ok(());
    }
    let _turn = shelf.turn(name).await;
    if let Some(id) = shelf.id_of(name).await? {
        if store.images().kernel_image(shelf.runner(), name).await? != Some(id) {
            return Ok(());
        }
        if !shelf.remove(name).await? {
            return Ok(());
        }
    }
    tracing::info!(image = %name, "an image was removed, since its branch is gone");
    store.images().drop_kernel_image(shelf.runner(), name).await
}

/// True if a kernel of such a kind is being built. A dependent one may have chosen an image to start from, and a
/// generic one may be about to keep one.
async fn in_use(flow: &Flow, is_meant: impl Fn(KernelKind) -> bool) -> Result<bool> {
    let is_kernel = |job: &Job| matches!(job.spec.origin, Origin::Kernel(kind) if is_meant(kind));
    let monitored = flow.edges.store.builds().monitored().await?;
    Ok(monitored.iter().any(|it| it.job.status == Status::Pending && is_kernel(&it.job)))
}

/// Removes the images without names that kernel builds of this installation left. They stay while a build runs that may
/// have chosen one of them to start from.
pub(crate) async fn remove_nameless(flow: &Flow) -> Result<()> {
    let (store, shelf) = (&flow.edges.store, flow.shelf());
    if in_use(flow, |kind| kind == KernelKind::Dependent).await? {
        return Ok(());
    }
    for id in store.images().nameless_kernel_images(shelf.runner()).await? {
        if shelf.remove_nameless(&id).await? {
            store.images().forget_kernel_image(shelf.runner(), &id).await?;
        }
    }
    Ok(())
}
