//! One attempt at a job, over the steps that it takes: image, scripts, and what becomes of what they made.

use crate::{
    Flow, bare,
    cache::{self, Look, Making},
    ending::Absence,
    follow::{self, Before, Found},
    halt::Halt,
    keep,
    prepare::{self, Wanted as Script},
    publish,
    work::Work,
};
use anyhow::{Context, Result};
use kozmic_edges::{
    engine::{ContainerId, Image, Stage},
    store::ClaimedJob,
};
use kozmic_model::{
    install::Install,
    job::Outcome,
    spec::{HookTask, Program, Task},
};
use std::ops::ControlFlow::{self, Break, Continue};

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
    flow: &Flow,
    claimed: &ClaimedJob,
    halt: &mut Halt,
    course: &mut Course,
) -> Result<Outcome> {
    let mut work = match course.is_taken_up {
        true => Work::take_up(flow, claimed).await?,
        false => Work::begin_attempt(flow, claimed).await?,
    };
    if course.is_taken_up
        && let Some(outcome) = go_on(&mut work, halt, course).await?
    {
        return Ok(outcome);
    }
    if !course.is_taken_up && claimed.job.interruptions > 0 {
        let number = claimed.job.attempt;
        work.say(&format!("Attempt {number}: the one before was interrupted.")).await?;
    }
    match &claimed.job.spec.task {
        Task::Hook(task) => Box::pin(hooked(&mut work, halt, course, task)).await,
        Task::Program(program) => open(&mut work, halt, program).await,
        Task::Configuration => anyhow::bail!("the configuration is not read by a runner"),
    }
}

/// A hook's job: its install script, if it has one, and its script.
async fn hooked(work: &mut Work, halt: &mut Halt, course: &mut Course, task: &HookTask) -> Result<Outcome> {
    let base = match unless_halted(halt, prepare::base(work, &task.image, task.pull)).await? {
        Continue(image) => image,
        Break(outcome) => return Ok(outcome),
    };
    let name = task.image.to_string();
    let image = match task.install.as_ref() {
        Some(install) => match installed(work, (halt, course), (&base, &name), install).await? {
            Continue(image) => image,
            Break(outcome) => return Ok(outcome),
        },
        None => base,
    };
    let script = Script { image: &image, image_name: &name, script: &task.script, stage: Stage::Build };
    match unless_halted(halt, prepare::container(work, script)).await? {
        Continue(started) => follow::started(&work.flow.clone(), started, &mut work.log, halt).await,
        Break(outcome) => Ok(outcome),
    }
}

/// A job of a recipe or kernel rule: its program, and what comes of that.
async fn open(work: &mut Work, halt: &mut Halt, program: &Program) -> Result<Outcome> {
    if let Err(why) = publish::is_possible(work) {
        return Ok(Outcome::Broken(why));
    }
    let image = match unless_halted(halt, bare::base(work, program)).await? {
        Continue(image) => image,
        Break(outcome) => return Ok(outcome),
    };
    let started = match unless_halted(halt, bare::container(work, program, &image)).await? {
        Continue(started) => started,
        Break(outcome) => return Ok(outcome),
    };
    let container = started.container.clone();
    let outcome = follow::started(&work.flow.clone(), started, &mut work.log, halt).await?;
    bring_in(work, halt, (&container, outcome)).await
}

/// Brings in the results of a script that ended well: its container is kept as an image, its artifact is published. All
/// of it may be done once more after a crash.
async fn bring_in(
    work: &mut Work,
    halt: &mut Halt,
    (container, outcome): (&ContainerId, Outcome),
) -> Result<Outcome> {
    if outcome != Outcome::Returned(0) || work.claimed.job.spec.task.product().is_none() {
        return Ok(outcome);
    }
    if !publish::is_there(work, container).await? {
        return Ok(Outcome::Broken(publish::nothing_there(work)));
    }
    if let Break(outcome) = unless_halted(halt, keep::image(work, container)).await? {
        return Ok(outcome);
    }
    match unless_halted(halt, publish::artifact(work, container)).await? {
        Continue(Ok(())) => Ok(Outcome::Returned(0)),
        Continue(Err(why)) => Ok(Outcome::Broken(why)),
        Break(outcome) => Ok(outcome),
    }
}

/// Goes on with what an earlier process started, as far as that leads. None: what is left is to be done from the start.
async fn go_on(work: &mut Work, halt: &mut Halt, course: &mut Course) -> Result<Option<Outcome>> {
    let flow = work.flow.clone();
    match follow::find(&flow, work.attempt()).await? {
        Found::Started(container, Stage::Build) => {
            let before = Before { absence: course.absence, was_read: work.is_past_its_script() };
            let outcome = follow::again(&flow, &container, (&mut work.log, before), halt).await?;
            bring_in(work, halt, (&container, outcome)).await.map(Some)
        }
        Found::Started(container, Stage::Install(key)) => {
            go_on_installing(work, (halt, course), (&container, &key)).await
        }
        Found::Gone(outcome) => Ok(Some(outcome)),
        Found::NotStarted => {
            course.making = None;
            let who = if course.absence.is_some() {
                "The Docker engine went away"
            } else {
                "Kozmic was interrupted"
            };
            work.say(&format!("{who} before the script started; it starts now.")).await?;
            Ok(None)
        }
    }
}

/// Goes on with an install script that an earlier process started. Another job may have begun to make the same image
/// before this installation noted who makes which: that holds up neither this one's output nor who wants to stop it.
async fn go_on_installing(
    work: &mut Work,
    (halt, course): (&mut Halt, &mut Course),
    (container, key): (&ContainerId, &str),
) -> Result<Option<Outcome>> {
    if course.making.as_ref().is_none_or(|making| making.key != key) {
        course.making = Making::try_begin(work, key);
    }
    let (flow, log) = (work.flow.clone(), &mut work.log);
    let before = Before { absence: course.absence, was_read: false };
    let outcome = follow::again(&flow, container, (log, before), halt).await?;
    if let Some(outcome) = cache::verdict(outcome) {
        return Ok(Some(outcome));
    }
    let making = match course.making.take() {
        Some(making) => making,
        None => match unless_halted(halt, async { Ok(Making::begin(work, key).await) }).await? {
            Continue(making) => making,
            Break(outcome) => return Ok(Some(outcome)),
        },
    };
    let making = course.making.insert(making);
    match unless_halted(halt, cache::keep(work, making, container)).await? {
        Continue(()) => {
            course.making = None;
            Ok(None)
        }
        Break(outcome) => Ok(Some(outcome)),
    }
}

/// The image that the install script makes: kept from before, or made now.
async fn installed(
    work: &mut Work,
    (halt, course): (&mut Halt, &mut Course),
    (base, name): (&Image, &str),
    install: &Install,
) -> Result<ControlFlow<Outcome, Image>> {
    let making = match unless_halted(halt, cache::look(work, base, install)).await? {
        Continue(Look::Kept(image)) => return Ok(Continue(image)),
        Continue(Look::Missing(making)) => making,
        Break(outcome) => return Ok(Break(outcome)),
    };
    let making = course.making.insert(making);
    let stage = Stage::Install(making.key.clone());
    let script = Script { image: base, image_name: name, script: &install.script, stage };
    let started = match unless_halted(halt, prepare::container(work, script)).await? {
        Continue(started) => started,
        Break(outcome) => return Ok(Break(outcome)),
    };
    let container = started.container.clone();
    let outcome = follow::started(&work.flow.clone(), started, &mut work.log, halt).await?;
    if let Some(outcome) = cache::verdict(outcome) {
        return Ok(Break(outcome));
    }
    if let Break(outcome) = unless_halted(halt, cache::keep(work, making, &container)).await? {
        return Ok(Break(outcome));
    }
    let image = cache::kept(work, &making.key).await?;
    course.making = None;
    image.map(Continue).context("the image that the install script made is gone already")
}

/// Does a step, unless the attempt is to be stopped meanwhile.
async fn unless_halted<T>(
    halt: &mut Halt,
    step: impl Future<Output = Result<T>>,
) -> Result<ControlFlow<Outcome, T>> {
    tokio::select! {
        done = step => done.map(Continue),
        outcome = halt.halted() => Ok(Break(outcome)),
    }
}
