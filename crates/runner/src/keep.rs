//! Keeps the container of a kernel build as an image of its branch, from which later builds start.

use crate::{
    Runner,
    coordinator::{GivenName, ImageChange},
    order::Order,
    shelf::turn_name,
    turns::Turn,
    work::Work,
};
use anyhow::{Context, Result};
use kozmic_edges::engine::{ContainerId, Stage};
use kozmic_model::{image::ImageName, phase::PhaseKind};
use std::sync::Arc;

/// The container that is kept as an image, with the image's name.
struct Keeping {
    container: ContainerId,
    order: Arc<Order>,
    name: ImageName,
    _turn: Turn,
}

/// Keeps a job's container as an image, if its spec says so. Another image with that name loses it, unless it is of a
/// newer push.
pub(crate) async fn image(work: &mut Work, container: &ContainerId) -> Result<()> {
    let order = Arc::clone(&work.order);
    let Some(plain) = order.spec.task.product().and_then(|product| product.keep.as_ref()) else {
        return Ok(());
    };
    let runner = work.runner.clone();
    let name = runner.coordinator.image_name(&order, plain).await?.name;
    let turn = runner.tools.turns.take(&turn_name(&name)).await;
    if has_newer(&runner, &order, plain, &name).await? {
        return work.say(&format!("{name} stays as it is: it is of a newer push.")).await;
    }
    work.begin(PhaseKind::Commit, &format!("the container becomes the image {name}")).await?;
    let keeping = Keeping { container: container.clone(), order, name: name.clone(), _turn: turn };
    // The task goes on even if the caller stops waiting: an image that was not stored would never be removed.
    let kept = runner.tasks.spawn(keep(runner.clone(), keeping)).await;
    kept.context("keep the container as an image")??;
    work.end(&name.to_string()).await
}

async fn keep(runner: Runner, keeping: Keeping) -> Result<()> {
    let Keeping { container, order, name, _turn } = keeping;
    let engine = &runner.tools.engine;
    // The image exists if the process ended between this step and the next.
    let there = engine.image_of(&name, &runner.settings.name, order.attempt, &Stage::Build).await;
    let id = match there.context("look for the image")? {
        Some(id) => id,
        None => engine.commit(&container, &name).await.context("keep the container as an image")?,
    };
    runner.coordinator.note_image(&order, ImageChange::Kept { name: &name, id: &id }).await
}

/// True if the image with that name is of a later push and still exists.
async fn has_newer(runner: &Runner, order: &Order, plain: &ImageName, name: &ImageName) -> Result<bool> {
    let there = runner.tools.engine.image(name).await.context("look for the image that is kept")?;
    if there.is_none() {
        return Ok(false);
    }
    let GivenName { has_newer, .. } = runner.coordinator.image_name(order, plain).await?;
    Ok(has_newer)
}
