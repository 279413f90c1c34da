//! Keeps the result of an install script as an image, until something changes that it was made of. Two jobs that need
//! the same image make it once.

use crate::{Flow, checkout, turns::Turn, work::Work};
use anyhow::{Context, Result};
use kozmic_edges::{
    Edges, clock,
    engine::{ContainerId, Engine, Image},
    store::Store,
};
use kozmic_model::{
    cache::{CacheInputs, CachedImage, cached_image_name, usable_keys},
    git::GitRef,
    ids::ProjectId,
    image::ImageName,
    install::Install,
    job::Outcome,
    spec::Origin,
};

/// Whether a job's image is there.
pub(crate) enum Look {
    /// It is.
    Kept(Image),
    /// It has to be made; nobody else makes it meanwhile.
    Missing(Making),
}

/// The right to make an image.
pub(crate) struct Making {
    pub(crate) key: String,
    _turn: Turn,
}

/// Looks for the image that a job's install script makes out of its base image. If another job makes it right now,
/// waits for that.
pub(crate) async fn look(work: &mut Work, base: &Image, install: &Install) -> Result<Look> {
    let wanted = checkout::fetched(work).await?;
    let mirrors = work.flow.edges.mirrors.clone();
    let objects = mirrors.objects(&wanted, &install.tracked).await.context("look at the tracked files")?;
    let inputs = CacheInputs::new(&base.id, install, objects);
    let shared = inputs.key(&work.flow.settings.instance);
    let keys = usable_keys(&work.claimed.build.git_ref, shared);
    if let Some(image) = any_kept(work, &keys).await? {
        note(work, &inputs).await?;
        work.say("Skipping install script as tracked files did not change...").await?;
        return Ok(Look::Kept(image));
    }
    let key = &keys[0];
    let making = match Making::try_begin(work, key) {
        Some(making) => making,
        None => {
            work.say("Waiting: another job runs this install script for the same files...").await?;
            Making::begin(work, key).await
        }
    };
    if let Some(image) = any_kept(work, &keys).await? {
        work.say("Skipping install script as another job has just run it for the same files...").await?;
        return Ok(Look::Kept(image));
    }
    let why = why_missing(note(work, &inputs).await?, &inputs);
    work.say(&format!("Running the install script: {why}.")).await?;
    Ok(Look::Missing(making))
}

/// Meaning of an install script's end for its job. None: it ended well, and its result can be kept.
pub(crate) fn verdict(outcome: Outcome) -> Option<Outcome> {
    match outcome {
        Outcome::Returned(0) => None,
        Outcome::Returned(code) => Some(Outcome::NotInstalled(code)),
        outcome => Some(outcome),
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
    let Flow { edges, settings, .. } = &work.flow;
    let project = work.claimed.project.id;
    let known = edges.store.use_cached_image(project, (&settings.instance, key), clock::now()).await?;
    let Some(known) = known else { return Ok(None) };
    let image = edges.engine.image(&name(project, key)?).await.context("look for the cached image")?;
    if image.is_none() {
        edges.store.forget_cached_image(&known).await?;
    }
    Ok(image)
}

/// Keeps what an install script made that ended well.
pub(crate) async fn keep(work: &mut Work, making: &Making, container: &ContainerId) -> Result<()> {
    let key = making.key.as_str();
    let Flow { edges, settings, .. } = work.flow.clone();
    let project = work.claimed.project.id;
    let name = name(project, key)?;
    // It is there if the process ended between this step and the next.
    if edges.engine.image(&name).await.context("look for the cached image")?.is_none() {
        edges.engine.commit(container, &name).await.context("keep what the install script made")?;
    }
    let image = edges.engine.image(&name).await.context("look for the cached image")?;
    let size = image.context("the image that was kept is not there")?.size;
    let base =
        work.claimed.job.spec.task.image().context("a job without an image installs nothing")?.to_string();
    let facts = (key, base.as_str(), size);
    edges.store.add_cached_image((project, &settings.instance), facts, clock::now()).await?;
    work.end(&format!("kept as image {}, {} MB", short(key), size / 1_000_000)).await?;
    // In this order: a container that is noted and not there means that somebody else removed it.
    edges.store.forget_container(work.attempt()).await?;
    match edges.engine.remove(container).await {
        Err(fault) if !fault.is_unreachable() => {
            tracing::warn!(container.id = container.0, %fault, "a container could not be removed yet");
            Ok(())
        }
        removed => removed.context("remove the install script's container"),
    }
}

/// Notes what a hook's image is made of, and gives what it was made of before. Nothing is noted of a fork's pull
/// request.
async fn note(work: &Work, inputs: &CacheInputs) -> Result<Option<CacheInputs>> {
    let Origin::Hook(hook) = work.claimed.job.spec.origin else { return Ok(None) };
    let store = &work.flow.edges.store;
    let before = store.cache_inputs(hook).await?;
    let is_own = matches!(work.claimed.build.git_ref, GitRef::Branch(_));
    if is_own && before.as_ref() != Some(inputs) {
        store.note_cache_inputs(hook, inputs).await?;
    }
    Ok(before)
}

/// Beginning of a key, long enough for people to tell it from others.
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

/// Takes images off the engine that are too many, the least recently used first; gives how many. None that a job
/// uses, or may be about to use.
///
/// # Errors
/// The engine or the database does not answer.
pub async fn trim(store: &Store, engine: &dyn Engine, instance: &str, limit: usize) -> Result<usize> {
    let mut count = 0;
    for image in store.surplus_images(instance, limit).await? {
        if take_off(store, engine, &image).await? {
            tracing::info!(image = image.name(), "a cached image was removed");
            count += 1;
        }
    }
    Ok(count)
}

/// Takes images off the engine that this installation made and nobody knows of any more; gives how many. None of a
/// project of which a job runs: the job may have made it just now.
///
/// # Errors
/// The engine or the database does not answer.
pub async fn remove_strays(store: &Store, engine: &dyn Engine, instance: &str) -> Result<usize> {
    // In this order: a job that made an image and ended before it was asked for noted it before that.
    let there = engine.own_images(instance).await.context("list cached images")?;
    let busy = store.busy_projects().await?;
    let known = store.cached_image_names(instance).await?;
    let mut count = 0;
    for name in there {
        let Some(project) = project_of(&name).filter(|project| !busy.contains(project)) else { continue };
        if !known.contains(&name.to_string()) && engine.remove_image(&name).await? {
            tracing::info!(image = %name, %project, "a stray image was removed");
            count += 1;
        }
    }
    Ok(count)
}

/// Takes an image off the engine that somebody does not want any more. False: a job uses it.
///
/// # Errors
/// The engine or the database does not answer.
pub async fn drop_image(edges: &Edges, image: &CachedImage) -> Result<bool> {
    take_off(&edges.store, edges.engine.as_ref(), image).await
}

/// A job that begins meanwhile either was faster, and then the image stays, or does not find it, and then makes another.
async fn take_off(store: &Store, engine: &dyn Engine, image: &CachedImage) -> Result<bool> {
    let Some(leaving) = store.begin_removal(image).await? else { return Ok(false) };
    let removed = engine.remove_image(&name(image.project, &image.key)?).await;
    match &removed {
        Ok(true) => store.forget_cached_image(&leaving).await?,
        // A container of a job that ended just now is still there, or the engine does not answer.
        Ok(false) | Err(_) => store.give_up_removal(&leaving, image).await?,
    }
    removed.context("remove a cached image")
}

/// The project of a cached image's name; none if it is no cached image's.
fn project_of(name: &ImageName) -> Option<ProjectId> {
    name.repository().strip_prefix("kozmic-cache/")?;
    name.reference().parse().ok()
}

fn name(project: ProjectId, key: &str) -> Result<ImageName> {
    cached_image_name(project, key).parse().context("name a cached image")
}

impl Making {
    /// Takes the right to make an image, when whoever has it is done.
    pub(crate) async fn begin(work: &Work, key: &str) -> Self {
        let turn = work.flow.turns.take(&turn_name(work.claimed.project.id, key)).await;
        Self { key: key.to_owned(), _turn: turn }
    }

    /// Takes the right to make an image, if nobody has it.
    pub(crate) fn try_begin(work: &Work, key: &str) -> Option<Self> {
        Self::try_take(&work.flow, work.claimed.project.id, key)
    }

    /// Takes the right to make an image of a project, if nobody has it.
    pub(crate) fn try_take(flow: &Flow, project: ProjectId, key: &str) -> Option<Self> {
        let turn = flow.turns.try_take(&turn_name(project, key))?;
        Some(Self { key: key.to_owned(), _turn: turn })
    }
}

fn turn_name(project: ProjectId, key: &str) -> String {
    format!("image {}", cached_image_name(project, key))
}
