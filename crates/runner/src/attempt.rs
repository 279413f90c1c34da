//! One attempt at a job, over its steps: image, scripts, and the use of their results.

use crate::{
    Runner, artifact, base,
    cache::{self, Look, Making},
    ending::Absence,
    follow::{self, Before, Found},
    gate::Started,
    halt::Halt,
    keep,
    order::Order,
    prepare::{self, Wanted as Script},
    program,
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

/// State that one pass over an attempt leaves for the next. The connection to the engine may be lost between them.
#[derive(Default)]
pub(crate) struct Course {
    /// True if there was an earlier pass, of this process or of another one.
    pub(crate) is_taken_up: bool,
    /// The right to make the install script's image, while the script runs.
    pub(crate) making: Option<Making>,
    /// Set if the engine was away since the last pass.
    pub(crate) absence: Option<Absence>,
    /// The outcome by which this process stopped the attempt's script before it knew the attempt.
    pub(crate) stopped: Option<Outcome>,
}

/// Makes one pass over an attempt: from the start, or from the state of its container.
pub(crate) async fn go(
    runner: &Runner,
    order: &Arc<Order>,
    halt: &mut Halt,
    course: &mut Course,
) -> Step<Outcome> {
    let work = match course.is_taken_up {
        true => Work::take_up(runner, order).await?,
        false => Work::begin_attempt(runner, order).await?,
    };
    Go { work, halt, course }.finish(order).await
}

/// A pass over an attempt.
struct Go<'a> {
    work: Work,
    halt: &'a mut Halt,
    course: &'a mut Course,
}

impl Go<'_> {
    async fn finish(&mut self, order: &Order) -> Step<Outcome> {
        if self.course.is_taken_up {
            self.go_on().await?;
        } else if order.interruptions > 0 {
            let number = order.attempt.number;
            self.work.say(&format!("Attempt {number}: the one before was interrupted.")).await?;
        }
        // A hindrance is reported before the build, not after it.
        if let Some(why) = &order.hindrance {
            return Err(Stop::broken(why));
        }
        match &order.spec.task {
            Task::Hook(task) => Box::pin(self.run_hook(task)).await,
            Task::Program(program) => self.run_program(program).await,
            Task::Configuration => Err(Stop::broken("The configuration is not read by a runner.")),
        }
    }

    /// Runs a hook's job: its install script, if it has one, and its script.
    async fn run_hook(&mut self, task: &HookTask) -> Step<Outcome> {
        let base = base::image(&mut self.work, &task.image, task.pull);
        let base = self.halt.unless_halted(base).await?;
        let name = task.image.to_string();
        let image = match task.install.as_ref() {
            Some(install) => self.installed(&base, &name, install).await?,
            None => base,
        };
        let script = Script { image: &image, image_name: &name, script: &task.script, stage: Stage::Build };
        let (_, outcome) = self.run(script).await?;
        Ok(outcome)
    }

    /// Runs a job of a recipe or kernel rule: its program, then the steps for its results.
    async fn run_program(&mut self, program: &Program) -> Step<Outcome> {
        let image = self.halt.unless_halted(program::base(&mut self.work, program)).await?;
        let started = self.halt.unless_halted(program::container(&mut self.work, program, &image)).await?;
        let (container, outcome) = self.follow(started).await?;
        self.bring_in(&container, outcome).await
    }

    /// Runs a script of a hook in a container of its own. Returns the container and the script's outcome.
    async fn run(&mut self, script: Script<'_>) -> Step<(ContainerId, Outcome)> {
        let started = self.halt.unless_halted(prepare::container(&mut self.work, script)).await?;
        self.follow(started).await
    }

    async fn follow(&mut self, started: Started) -> Step<(ContainerId, Outcome)> {
        let container = started.container.clone();
        let Work { runner, log, .. } = &mut self.work;
        let outcome = follow::started(runner, started, log, self.halt).await?;
        Ok((container, outcome))
    }

    /// Follows a container that an earlier pass started.
    async fn follow_again(&mut self, container: &ContainerId, was_read: bool) -> Step<Outcome> {
        let stopped = self.course.stopped.clone();
        let before = Before { absence: self.course.absence, was_read, stopped };
        let Work { runner, log, .. } = &mut self.work;
        Ok(follow::again(runner, container, log, before, self.halt).await?)
    }

    /// Brings in the results of a script that ended well: keeps its container as an image, and publishes its artifact.
    /// After a crash, all of it may be done once more.
    async fn bring_in(&mut self, container: &ContainerId, outcome: Outcome) -> Step<Outcome> {
        if outcome != Outcome::Returned(0) || self.work.order.spec.task.product().is_none() {
            return Ok(outcome);
        }
        artifact::is_there(&self.work, container).await?;
        self.halt.unless_halted(keep::image(&mut self.work, container)).await?;
        self.halt.unless_halted(artifact::publish(&mut self.work, container)).await?;
        Ok(outcome)
    }

    /// Continues the work that an earlier process started, as far as possible. If this returns without an end, the rest
    /// begins from the start.
    async fn go_on(&mut self) -> Step<()> {
        match follow::find(&self.work.runner, self.work.order.attempt).await? {
            Found::Started(container, Stage::Build) => {
                let outcome = self.follow_again(&container, self.work.is_past_its_script()).await?;
                Err(Stop::End(self.bring_in(&container, outcome).await?))
            }
            Found::Started(container, Stage::Install(key)) => self.go_on_installing(&container, &key).await,
            Found::Gone(outcome) => Err(Stop::End(outcome)),
            Found::NotStarted => {
                self.course.making = None;
                let who = match self.course.absence {
                    Some(_) => "The Docker engine went away",
                    None => "Kozmic was interrupted",
                };
                Ok(self.work.say(&format!("{who} before the script started; it starts now.")).await?)
            }
        }
    }

    /// Continues with an install script that an earlier process started. Another job may have begun to make the same
    /// image if Kozmic had not yet stored the key of this attempt. This must delay neither the attempt's output nor a
    /// cancellation.
    async fn go_on_installing(&mut self, container: &ContainerId, key: &str) -> Step<()> {
        let (runner, project) = (self.work.runner.clone(), self.work.order.project);
        if self.course.making.as_ref().is_none_or(|making| making.key != key) {
            self.course.making = Making::try_take(&runner, project, key);
        }
        cache::ended_well(self.follow_again(container, false).await?)?;
        let making = match self.course.making.take() {
            Some(making) => making,
            None => {
                self.halt.unless_halted(async { Step::Ok(Making::take(&runner, project, key).await) }).await?
            }
        };
        let making = self.course.making.insert(making);
        self.halt.unless_halted(cache::keep(&mut self.work, making, container)).await?;
        self.course.making = None;
        Ok(())
    }

    /// The image of the install script: kept from before, or made now.
    async fn installed(&mut self, base: &Image, name: &str, install: &Install) -> Step<Image> {
        let key = match self.halt.unless_halted(cache::look(&mut self.work, base, install)).await? {
            Look::Kept(image) => return Ok(image),
            Look::Missing(making) => self.course.making.insert(making).key.clone(),
        };
        let stage = Stage::Install(key.clone());
        let script = Script { image: base, image_name: name, script: &install.script, stage };
        let (container, outcome) = self.run(script).await?;
        cache::ended_well(outcome)?;
        let making = self.course.making.as_ref().context("nobody may make the image")?;
        self.halt.unless_halted(cache::keep(&mut self.work, making, &container)).await?;
        let image = cache::kept(&self.work, &key).await?;
        self.course.making = None;
        Ok(image.context("the image that the install script made is gone already")?)
    }
}
