//! Keeps the result of an install script as an image, until one of its inputs changes. If two jobs need the same image,
//! it is made once.

use crate::{
    Runner, checkout,
    coordinator::ImageChange,
    shelf::{REMOVAL, turn_name},
    stop::{Step, Stop},
    turns::Turn,
    work::Work,
};
use anyhow::{Context, Result};
use kozmic_edges::engine::{ContainerId, Image, Stage};
use kozmic_model::{
    cache::{CacheInputs, cached_image_name, usable_keys},
    ids::ProjectId,
    image::ImageName,
    install::Install,
    job::{Failure, Outcome},
};

/// The result of the search for a job's image.
pub(crate) enum Look {
    /// The image exists.
    Kept(Image),
    /// The image must be made, and no other job makes it in the meantime.
    Missing(Making),
}

/// The right to make an image.
pub(crate) struct Making {
    pub(crate) key: String,
    _turn: Turn,
}

/// Looks for the image that a job's install script makes from its base image. If another job is making it now, waits
/// for the end of that.
pub(crate) async fn look(work: &mut Work, base: &Image, install: &Install) -> Result<Look> {
    let wanted = checkout::fetched(work).await?;
    let objects = work.runner.tools.mirrors.objects(&wanted, &install.tracked).await;
    let inputs = CacheInputs::new(&base.id, install, objects.context("look at the tracked files")?);
    let order = work.order.clone();
    let keys = usable_keys(&order.git_ref, inputs.key(&order.installation, &work.runner.settings.name));
    let coordinator = work.runner.coordinator.clone();
    if let Some(image) = any_kept(work, &keys).await? {
        coordinator.compare_inputs(&order, &inputs).await?;
        work.say("Skipping install script as tracked files did not change...").await?;
        return Ok(Look::Kept(image));
    }
    let key = &keys[0];
    let making = match Making::try_take(&work.runner, order.project, key) {
        Some(making) => making,
        None => {
            work.say("Waiting: another job runs this install script for the same files...").await?;
            Making::take(&work.runner, order.project, key).await
        }
    };
    if let Some(image) = any_kept(work, &keys).await? {
        work.say("Skipping install script as another job has just run it for the same files...").await?;
        return Ok(Look::Kept(image));
    }
    let why = why_missing(coordinator.compare_inputs(&order, &inputs).await?, &inputs);
    work.say(&format!("Running the install script: {why}.")).await?;
    Ok(Look::Missing(making))
}

/// Continues if an install script ended well. Otherwise the job ends with its outcome.
pub(crate) fn ended_well(outcome: Outcome) -> Step<()> {
    match outcome {
        Outcome::Returned(0) => Ok(()),
        Outcome::Returned(code) => Err(Stop::End(Outcome::NotInstalled(code))),
        Outcome::Explained(failure) => {
            Err(Stop::End(Outcome::Explained(Failure { of_install: true, ..failure })))
        }
        outcome => Err(Stop::End(outcome)),
    }
}

/// The first image with one of those keys.
async fn any_kept(work: &Work, keys: &[String]) -> Result<Option<Image>> {
    for key in keys {
        if let Some(image) = kept(work, key).await? {
            return Ok(Some(image));
        }
    }
    Ok(None)
}

/// The image with that key, if it is known and on the engine.
pub(crate) async fn kept(work: &Work, key: &str) -> Result<Option<Image>> {
    let (coordinator, order) = (&work.runner.coordinator, &work.order);
    let Some(known) = coordinator.use_image(order, key).await? else { return Ok(None) };
    let name = name(order.project, key)?;
    let image = work.runner.tools.engine.image(&name).await.context("look for the cached image")?;
    if image.is_none() {
        coordinator.note_image(order, ImageChange::Gone(&known)).await?;
    }
    Ok(image)
}

/// Keeps the result of an install script that ended well.
pub(crate) async fn keep(work: &mut Work, making: &Making, container: &ContainerId) -> Result<()> {
    let (key, order) = (making.key.as_str(), work.order.clone());
    let Runner { coordinator, tools, .. } = work.runner.clone();
    let size = match kept(work, key).await? {
        Some(image) => image.size,
        None => make(work, key, container).await?,
    };
    work.end(&format!("kept as image {}, {} MB", short(key), size / 1_000_000)).await?;
    // The order matters: a container that is stored but does not exist means that somebody else removed it.
    coordinator.forget_container(order.attempt).await?;
    match tools.engine.remove(container).await {
        Err(fault) if !fault.is_unreachable() => {
            tracing::warn!(container.id = container.0, %fault, "a container could not be removed yet");
            Ok(())
        }
        removed => removed.context("remove the install script's container"),
    }
}

/// Makes the image of an install script, and gives its size. An image with the same name that the coordinator does not
/// know was dropped, and is replaced.
async fn make(work: &Work, key: &str, container: &ContainerId) -> Result<i64> {
    let (Runner { coordinator, tools, settings, .. }, order) = (&work.runner, &work.order);
    let (engine, name, stage) = (&tools.engine, name(order.project, key)?, Stage::Install(key.to_owned()));
    // An image that the coordinator does not know yet would be removed as surplus.
    let _turn = tools.turns.take(REMOVAL).await;
    // The image exists if the process ended between this step and the next.
    let there = engine.image_of(&name, &settings.name, order.attempt, &stage).await;
    if there.context("look for the cached image")?.is_none() {
        // If a container still uses the dropped image, the image only loses its name.
        engine.remove_image(&name).await.context("remove an image that was dropped")?;
        engine.commit(container, &name).await.context("keep what the install script made")?;
    }
    let image = engine.image(&name).await.context("look for the cached image")?;
    let size = image.context("the image that was kept is not there")?.size;
    coordinator.note_image(order, ImageChange::Made { key, size }).await?;
    Ok(size)
}

/// The beginning of a key, long enough to tell keys apart.
fn short(key: &str) -> &str {
    key.get(..12).unwrap_or(key)
}

fn why_missing(before: Option<CacheInputs>, inputs: &CacheInputs) -> String {
    let Some(before) = before else { return "this hook has no image yet".to_owned() };
    let changes = inputs.changes_since(&before);
    match changes.is_empty() {
        true => "nothing changed, but no image is kept".to_owned(),
        false => changes.join(", "),
    }
}

fn name(project: ProjectId, key: &str) -> Result<ImageName> {
    cached_image_name(project, key).parse().context("name a cached image")
}

impl Making {
    /// Takes the right to make an image of a project. Waits while another job has it.
    pub(crate) async fn take(runner: &Runner, project: ProjectId, key: &str) -> Self {
        let turn = runner.tools.turns.take(&turn_name(cached_image_name(project, key))).await;
        Self { key: key.to_owned(), _turn: turn }
    }

    /// Takes the right to make an image of a project, if no other job has it.
    pub(crate) fn try_take(runner: &Runner, project: ProjectId, key: &str) -> Option<Self> {
        let turn = runner.tools.turns.try_take(&turn_name(cached_image_name(project, key)))?;
        Some(Self { key: key.to_owned(), _turn: turn })
    }
}
