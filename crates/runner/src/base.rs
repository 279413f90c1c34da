//! Base images: finds them on the engine or pulls them, and gives them only to jobs that may use them.
//!
//! The engine gives an image to everybody who knows its name. Kozmic is stricter. An image that Kozmic made cannot be
//! requested as a base. An image that one project pulled with its login is for another project only after the registry
//! has given it to that project too.

use crate::{
    coordinator::{ImageChange, Leave},
    shelf::turn_name,
    work::Work,
};
use anyhow::{Context, Error, Result, bail};
use kozmic_edges::engine::{EngineError, Image, RegistryLogin};
use kozmic_model::{image::ImageName, install::PullPolicy, kernel_image::base_tag, phase::PhaseKind};
use tokio::sync::mpsc;

/// A job's base image, pulled if it is not on the engine or if the hook wants a newer one.
pub(crate) async fn image(work: &mut Work, name: &ImageName, policy: PullPolicy) -> Result<Image> {
    name.clone().unless_reserved().map_err(Error::msg)?;
    let Some(there) = find(work, name).await? else {
        return absent(work, name).await;
    };
    match work.runner.coordinator.leave(&work.order, name, &there.id).await? {
        Leave::Kept => {
            bail!("{name} is what a kernel build left: only kernel builds that depend on it start from there")
        }
        Leave::AtRegistry if there.is_pulled => ask_registry(work, name).await?,
        // The image came from no registry, so no login was needed for it.
        Leave::AtRegistry | Leave::Given => {}
    }
    match policy {
        PullPolicy::IfAbsent => Ok(there),
        PullPolicy::Newer if name.is_of_kozmic() => Ok(there),
        // At Docker Hub, the name may belong to a stranger.
        PullPolicy::Newer if !there.is_pulled && name.is_users() => {
            let why = "it was not pulled from Docker Hub, so that no newer one is looked for there";
            work.say(&format!("{name} is used as it is: {why}.")).await?;
            Ok(there)
        }
        PullPolicy::Newer => newer(work, name, there).await,
    }
}

/// The image that a kernel build kept for the longest branch that is a prefix of the pushed branch's name. `wanted`
/// names its repository.
pub(crate) async fn kept(work: &mut Work, wanted: &ImageName) -> Result<Image> {
    let runner = work.runner.clone();
    let repository = wanted.repository();
    let tags = runner.tools.engine.tags(repository).await.context("look for base images")?;
    let pushed = work.order.git_ref.clone();
    let found = base_tag(&tags, &work.order.bases, repository, &pushed);
    let branch = pushed.label();
    let tag = found.with_context(|| format!("No base image found for branch: {branch}"))?;
    let name = format!("{repository}:{tag}").parse::<ImageName>().context("name the base image")?;
    work.say(&format!("The base image for {branch} is {name}.")).await?;
    // A build that gives the name to a new image stores this before it releases the turn.
    let _turn = runner.tools.turns.take(&turn_name(&name)).await;
    let image = find(work, &name).await?;
    let image = image.with_context(|| format!("the base image {name} was removed just now"))?;
    match runner.coordinator.kept_image(&name).await? {
        Some(id) if id != image.id => {
            bail!(
                "{name} is not the image that a build of its branch left: push to that branch, so that it is made anew"
            )
        }
        None if image.is_pulled => {
            bail!(
                "{name} was pulled from a registry, and no build left it: push to its branch, so that it is made"
            )
        }
        _ => Ok(image),
    }
}

async fn find(work: &Work, name: &ImageName) -> Result<Option<Image>> {
    work.runner.tools.engine.image(name).await.context("look for the image")
}

/// Pulls an image that the engine does not have.
async fn absent(work: &mut Work, name: &ImageName) -> Result<Image> {
    if name.is_of_kozmic() {
        bail!(
            "{name} is not on the engine, and is pulled from nowhere: docker/base of Kozmic's source makes such an image"
        );
    }
    work.begin(PhaseKind::Pull, &format!("{name} is not on the engine")).await?;
    pull(work, name).await.with_context(|| format!("pull the image {name}"))?;
    work.end(&name.to_string()).await?;
    find(work, name).await?.with_context(|| format!("the image {name} is not there after it was pulled"))
}

/// The newest image with that name. If the registry gives none, the image on the engine is used, and the log says so.
async fn newer(work: &mut Work, name: &ImageName, there: Image) -> Result<Image> {
    work.begin(PhaseKind::Pull, &format!("looking for a newer {name}")).await?;
    if let Err(fault) = pull(work, name).await {
        // If the registry denies access, do not fall back to the local image, even if this project or another one
        // pulled it before.
        if fault.downcast_ref().is_some_and(|fault: &EngineError| fault.is_unreachable() || fault.is_denied())
        {
            return Err(fault.context(format!("pull the image {name}")));
        }
        work.say(&format!("{fault:#}. The image that is on the engine is used as it is.")).await?;
        work.end(&format!("{name}, as it was")).await?;
        // The name may belong to another image by now, which somebody else pulled.
        return Ok(there);
    }
    let image = find(work, name).await?.unwrap_or_else(|| there.clone());
    let word = if image.id == there.id { "as it was" } else { "newer" };
    work.end(&format!("{name}, {word}")).await?;
    Ok(image)
}

/// Asks the registry for access to the image for this project.
async fn ask_registry(work: &mut Work, name: &ImageName) -> Result<()> {
    let why = format!("a login brought {name}: its registry is asked whether this project may have it, too");
    work.begin(PhaseKind::Pull, &why).await?;
    let (runner, order) = (work.runner.clone(), work.order.clone());
    let login = login(work, name).await?;
    let asked = runner.tools.engine.ask_registry(name, login.as_ref()).await;
    asked.with_context(|| format!("ask for the image {name}"))?;
    let pulled = ImageChange::Pulled { name, has_login: counts(login.as_ref(), name) };
    runner.coordinator.note_image(&order, pulled).await?;
    work.end(&name.to_string()).await
}

/// Pulls an image. A pull with a login is stored before it begins: from then on the image may exist, and it is not for
/// everybody.
async fn pull(work: &mut Work, name: &ImageName) -> Result<()> {
    let (runner, order) = (work.runner.clone(), work.order.clone());
    let login = login(work, name).await?;
    let has_login = counts(login.as_ref(), name);
    if has_login {
        runner.coordinator.note_image(&order, ImageChange::Pulling(name)).await?;
    }
    let (progress, lines) = mpsc::channel::<String>(16);
    let pull = runner.tools.engine.pull(name, login.as_ref(), progress);
    let (pulled, told) = tokio::join!(pull, work.tell(lines));
    match &pulled {
        Ok(()) => runner.coordinator.note_image(&order, ImageChange::Pulled { name, has_login }).await?,
        Err(EngineError::Refused { .. }) => {
            runner.coordinator.note_image(&order, ImageChange::NotPulled(name)).await?;
        }
        // The pull may have succeeded despite the error.
        Err(_) => {}
    }
    pulled?;
    told
}

/// The project's login for the registry of an image, if it has one. Fails if the engine must not connect to the
/// registry.
async fn login(work: &Work, name: &ImageName) -> Result<Option<RegistryLogin>> {
    work.runner.settings.private_registries.admit(name.registry()).await?;
    work.order.login.clone().map_err(Error::msg)
}

/// True if the pull with this login brings an image that only this project may use. Official images are for everybody.
fn counts(login: Option<&RegistryLogin>, name: &ImageName) -> bool {
    login.is_some() && !name.is_official()
}
