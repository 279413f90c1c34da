//! The task of a job: the part of its spec that says what a runner does. Each task has what it needs, and nothing else.

use crate::{
    artifact::Product,
    image::ImageName,
    install::{Install, PullPolicy},
};
use serde::{Deserialize, Serialize};

/// The work of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Task {
    /// A hook's script runs.
    Hook(HookTask),
    /// A program of a recipe or kernel rule runs.
    Program(Program),
    /// The configuration repository is read and checked; that takes no container.
    Configuration,
}

/// A hook's script: it lies in `/kozmic/script.sh`, and is started in `/kozmic/src` as user `kozmic`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HookTask {
    /// The image that the script runs in.
    pub image: ImageName,
    /// The script, starting with its shebang.
    pub script: String,
    /// The install script, whose result is kept as an image; none: the script runs in the image itself.
    pub install: Option<Install>,
    /// Whether to look for a newer image first.
    pub pull: PullPolicy,
}

/// A program that lies in the container, the repository beside it at `/<repository name>`. It is started in `/` as root
/// with a terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// The image that it runs in, as `base` says.
    pub image: ImageName,
    /// The engine's image that the image's name stands for.
    pub base: Base,
    /// The repository's directory, such as `/0-core`.
    pub source: String,
    /// Commands that a shell runs first, such as installing packages; none if empty.
    pub before: String,
    /// The program's path, in `source` if it comes with the repository.
    pub path: String,
    /// The arguments that it is called with.
    pub arguments: Vec<String>,
    /// A directory that is empty at the start, where the program leaves what it makes.
    pub output: String,
    /// The artifact that it makes.
    pub product: Product,
}

/// The image that a program's image name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Base {
    /// The one of that name.
    Named,
    /// The one that a generic kernel rule kept for the longest branch which the pushed one's name begins with.
    LongestPrefix,
}

impl Task {
    /// The name of the image that its container is made of; none if it has no container.
    pub fn image(&self) -> Option<&ImageName> {
        match self {
            Self::Hook(hook) => Some(&hook.image),
            Self::Program(program) => Some(&program.image),
            Self::Configuration => None,
        }
    }

    /// The path in the container at which its program leaves the artifact; empty if it makes none.
    pub fn artifact_path(&self) -> String {
        let Self::Program(program) = self else { return String::new() };
        match program.product.path.as_str() {
            "." | "" => program.output.clone(),
            path => format!("{}/{path}", program.output.trim_end_matches('/')),
        }
    }

    /// The artifact that it makes.
    pub fn product(&self) -> Option<&Product> {
        match self {
            Self::Program(program) => Some(&program.product),
            Self::Hook(_) | Self::Configuration => None,
        }
    }
}
