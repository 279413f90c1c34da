//! One attempt at a job, over the steps that it takes: image, scripts, and what becomes of what they made.

use crate::{
    Runner, artifact, bare,
    cache::{self, Look, Making},
    ending::Absence,
    follow::{self, Before, Found},
    halt::Halt,
    keep,
    order::Order,
    prepare::{self, Wanted as Script},
    stop::{Step, Stop},
    work::Work,
};
use anyhow::Context;
use kozmic_edges::engine::{ContainerId, Image, Stage};
use kozmic_model::{
    install::Install,
    job::Outcome,
    spec::{HookTask, Program, Task},
};
use std::sync::Arc;

/// State that one go at an attempt leaves to the next: the connection to the engine may be lost between them.
#[derive(Default)]
pub(crate) struct Course {
    /// Whether there was a go before, of this process or of an earlier one.
    pub(crate) is_taken_up: bool,
    /// The right to make the image that the install script makes, while it runs.
    pub(crate) making: Option<Making>,
    /// The engine was away since the last go.
    pub(crate) absence: Option<Absence>,
}

/// One go at an attempt: from the start, or from where its container stands.
pub(crate) async fn go(
    runner: &Runner,
    order: &Arc<Order>,
    halt: &mut Halt,
    course: &mut Course,
) -> Step<Outcome> {
    let mut work = match course.is_taken_up {
        true => Work::take_up(runner, order).await?,
        false => Work::begin_attempt(runner, order).await?,
    };
    if course.is_taken_up {
        go_on(&mut work, halt, course).await?;
    } else if order.interruptions > 0 {
        let number = order.attempt.number;
        work.say(&format!("Attempt {number}: the one before was interrupted.")).await?;
    }
    match &order.spec.task {
        Task::Hook(task) => Box::pin(hooked(&mut work, (halt, course), task)).await,
        Task::Program(program) => open(&mut work, halt, program).await,
        Task::Configuration => Err(Stop::broken("The configuration is not read by a runner.")),
    }
}

/// A hook's job: its install script, if it has one, and its script.
async fn hooked(work: &mut Work, (halt, course): (&mut Halt, &mut Course), task: &HookTask) -> Step<Outcome> {
    let base = halt.unless_halted(prepare::base(work, &task.image, task.pull)).await?;
    let name = task.image.to_string();
    let image = match task.install.as_ref() {
        Some(install) => installed(work, (halt, course), (&base, &name), install).await?,
        None => base,
    };
    let script = Script { image: &image, image_name: &name, script: &task.script, stage: Stage::Build };
    let started = halt.unless_halted(prepare::container(work, script)).await?;
    Ok(follow::started(&work.runner, started, &mut work.log, halt).await?)
}

/// A job of a recipe or kernel rule: its program, and what comes of that.
async fn open(work: &mut Work, halt: &mut Halt, program: &Program) -> Step<Outcome> {
    // Nobody wants to learn that after the build.
    if let Some(why) = &work.order.hindrance {
        return Err(Stop::broken(why));
    }
    let image = halt.unless_halted(bare::base(work, program)).await?;
    let started = halt.unless_halted(bare::container(work, program, &image)).await?;
    let container = started.container.clone();
    let outcome = follow::started(&work.runner, started, &mut work.log, halt).await?;
    bring_in(work, halt, (&container, outcome)).await
}

/// Brings in the results of a script that ended well: its container is kept as an image, its artifact is published. All
/// of it may be done once more after a crash.
async fn bring_in(
    work: &mut Work,
    halt: &mut Halt,
    (container, outcome): (&ContainerId, Outcome),
) -> Step<Outcome> {
    if outcome != Outcome::Returned(0) || work.order.spec.task.product().is_none() {
        return Ok(outcome);
    }
    artifact::is_there(work, container).await?;
    halt.unless_halted(keep::image(work, container)).await?;
    halt.unless_halted(artifact::publish(work, container)).await?;
    Ok(outcome)
}

/// Goes on with what an earlier process started, as far as that leads; what is left is to be done from the start.
async fn go_on(work: &mut Work, halt: &mut Halt, course: &mut Course) -> Step<()> {
    match follow::find(&work.runner, work.order.attempt).await? {
        Found::Started(container, Stage::Build) => {
            let before = Before { absence: course.absence, was_read: work.is_past_its_script() };
            let outcome = follow::again(&work.runner, &container, (&mut work.log, before), halt).await?;
            Err(Stop::End(bring_in(work, halt, (&container, outcome)).await?))
        }
        Found::Started(container, Stage::Install(key)) => {
            go_on_installing(work, (halt, course), (&container, &key)).await
        }
        Found::Gone(outcome) => Err(Stop::End(outcome)),
        Found::NotStarted => {
            course.making = None;
            let who = if course.absence.is_some() {
                "The Docker engine went away"
            } else {
                "Kozmic was interrupted"
            };
            Ok(work.say(&format!("{who} before the script started; it starts now.")).await?)
        }
    }
}

/// Goes on with an install script that an earlier process started. Another job may have begun to make the same image
/// before this installation noted who makes which: that holds up neither this one's output nor who wants to stop it.
async fn go_on_installing(
    work: &mut Work,
    (halt, course): (&mut Halt, &mut Course),
    (container, key): (&ContainerId, &str),
) -> Step<()> {
    let project = work.order.project;
    if course.making.as_ref().is_none_or(|making| making.key != key) {
        course.making = Making::try_take(&work.runner, project, key);
    }
    let before = Before { absence: course.absence, was_read: false };
    let outcome = follow::again(&work.runner, container, (&mut work.log, before), halt).await?;
    cache::ended_well(outcome)?;
    let making = match course.making.take() {
        Some(making) => making,
        None => {
            halt.unless_halted(async { Step::Ok(Making::take(&work.runner, project, key).await) }).await?
        }
    };
    let making = course.making.insert(making);
    halt.unless_halted(cache::keep(work, making, container)).await?;
    course.making = None;
    Ok(())
}

/// The image that the install script makes: kept from before, or made now.
async fn installed(
    work: &mut Work,
    (halt, course): (&mut Halt, &mut Course),
    (base, name): (&Image, &str),
    install: &Install,
) -> Step<Image> {
    let making = match halt.unless_halted(cache::look(work, base, install)).await? {
        Look::Kept(image) => return Ok(image),
        Look::Missing(making) => course.making.insert(making),
    };
    let stage = Stage::Install(making.key.clone());
    let script = Script { image: base, image_name: name, script: &install.script, stage };
    let started = halt.unless_halted(prepare::container(work, script)).await?;
    let container = started.container.clone();
    let outcome = follow::started(&work.runner, started, &mut work.log, halt).await?;
    cache::ended_well(outcome)?;
    halt.unless_halted(cache::keep(work, making, &container)).await?;
    let image = cache::kept(work, &making.key).await?;
    course.making = None;
    Ok(image.context("the image that the install script made is gone already")?)
}
