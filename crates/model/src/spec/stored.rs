//! The form of a spec in the database, which every release reads and writes. It is flat, with a place for everything
//! that some task has. A spec that fits no task is refused.

#[cfg(test)]
mod tests;

use super::{Base, HookTask, JobSpec, Origin, Program, Task};
use crate::{
    artifact::Product,
    image::ImageName,
    install::{Install, PullPolicy},
    interruption::IfInterrupted,
    label::Labels,
};
use serde::{Deserialize, Serialize};

/// The image of a task without an image. Docker reserves this name, so no image has it.
const NO_IMAGE: &str = "scratch";

/// All fields that a release has ever written for a spec.
#[derive(Serialize, Deserialize)]
pub(super) struct Stored {
    title: String,
    image: ImageName,
    script: String,
    #[serde(default)]
    install: Option<Install>,
    #[serde(default)]
    pull: PullPolicy,
    #[serde(default)]
    if_interrupted: IfInterrupted,
    #[serde(default)]
    manner: Manner,
    #[serde(default)]
    product: Option<Product>,
    origin: Origin,
    #[serde(default, skip_serializing_if = "Labels::is_empty")]
    labels: Labels,
}

/// The task's kind, and the fields that only programs have.
#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Manner {
    #[default]
    Hooked,
    Bare(Bare),
    Check,
}

#[derive(Serialize, Deserialize)]
struct Bare {
    source: String,
    before: String,
    program: String,
    arguments: Vec<String>,
    output: String,
    base: Base,
}

/// The stored spec fits no task.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotASpec {
    #[error("{task} with {part}")]
    Excess { task: &'static str, part: &'static str },
    #[error("a program without an artifact")]
    NoProduct,
    #[error("{task} whose origin is a {origin}")]
    Origin { task: &'static str, origin: &'static str },
}

impl TryFrom<Stored> for JobSpec {
    type Error = NotASpec;

    fn try_from(stored: Stored) -> Result<Self, NotASpec> {
        let task = stored.manner.word();
        if let Some(part) = stored.excess() {
            return Err(NotASpec::Excess { task, part });
        }
        if !stored.fits_its_origin() {
            return Err(NotASpec::Origin { task, origin: stored.origin.word() });
        }
        let Stored { title, image, script, install, pull, if_interrupted, manner, product, origin, labels } =
            stored;
        let task = match manner {
            Manner::Hooked => Task::Hook(HookTask { image, script, install, pull }),
            Manner::Bare(bare) => Task::Program(bare.program(image, product.ok_or(NotASpec::NoProduct)?)),
            Manner::Check => Task::Configuration,
        };
        Ok(Self { title, if_interrupted, origin, labels, task })
    }
}

impl Stored {
    /// A field that its task cannot have.
    fn excess(&self) -> Option<&'static str> {
        let (is_hook, is_program) =
            (matches!(self.manner, Manner::Hooked), matches!(self.manner, Manner::Bare(_)));
        let parts = [
            ("a script", !self.script.is_empty() && !is_hook),
            ("an install script", self.install.is_some() && !is_hook),
            ("a look for newer images", self.pull != PullPolicy::IfAbsent && !is_hook),
            ("an artifact", self.product.is_some() && !is_program),
        ];
        parts.into_iter().find_map(|(part, is_there)| is_there.then_some(part))
    }

    fn fits_its_origin(&self) -> bool {
        match self.manner {
            Manner::Hooked => matches!(self.origin, Origin::Hook(_)),
            Manner::Bare(_) => matches!(self.origin, Origin::Recipe { .. } | Origin::Kernel(_)),
            Manner::Check => self.origin == Origin::Configuration,
        }
    }
}

impl Manner {
    fn word(&self) -> &'static str {
        match self {
            Self::Hooked => "a hook's script",
            Self::Bare(_) => "a program",
            Self::Check => "a reading of the configuration",
        }
    }
}

impl Bare {
    fn program(self, image: ImageName, product: Product) -> Program {
        let Self { source, before, program: path, arguments, output, base } = self;
        Program { image, base, source, before, path, arguments, output, product }
    }
}

impl From<JobSpec> for Stored {
    fn from(spec: JobSpec) -> Self {
        let JobSpec { title, if_interrupted, origin, labels, task } = spec;
        let stored = |image, manner, product| Self {
            title,
            image,
            script: String::new(),
            install: None,
            pull: PullPolicy::default(),
            if_interrupted,
            manner,
            product,
            origin,
            labels,
        };
        match task {
            Task::Hook(HookTask { image, script, install, pull }) => {
                Self { script, install, pull, ..stored(image, Manner::Hooked, None) }
            }
            Task::Program(program) => {
                let Program { image, base, source, before, path, arguments, output, product } = program;
                let bare = Bare { source, before, program: path, arguments, output, base };
                stored(image, Manner::Bare(bare), Some(product))
            }
            Task::Configuration => {
                stored(NO_IMAGE.parse().expect("it is a name of an image"), Manner::Check, None)
            }
        }
    }
}
