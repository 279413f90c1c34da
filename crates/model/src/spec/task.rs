//! The task of a job: the part of its spec that tells a runner what to do. Each task has exactly the data that it
//! needs.

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
    /// The configuration repository is read and checked, without a container.
    Configuration,
}

/// A hook's script. It is the file `/kozmic/script.sh`, and starts in `/kozmic/src` as user `kozmic`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HookTask {
    /// The image in which the script runs.
    pub image: ImageName,
    /// The script, starting with its shebang.
    pub script: String,
    /// The install script, whose result is kept as an image; none: the script runs in the image itself.
    pub install: Option<Install>,
    /// The rule for pulling a newer image first.
    pub pull: PullPolicy,
}

/// A program in the container, with the repository beside it at `/<repository name>`. It starts in `/` as root, with a
/// terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// The name of the image in which it runs; `base` tells how to find the image.
    pub image: ImageName,
    /// The way from the name to the engine's image.
    pub base: Base,
    /// The repository's directory, such as `/0-core`.
    pub source: String,
    /// Commands that a shell runs first, such as installing packages; none if empty.
    pub before: String,
    /// The program's path; inside `source` if it comes with the repository.
    pub path: String,
    /// The program's arguments.
    pub arguments: Vec<String>,
    /// The directory in which the program leaves its results; empty at the start.
    pub output: String,
    /// The artifact that the program makes.
    pub product: Product,
}

/// The way from a program's image name to the engine's image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Base {
    /// The image with that name.
    Named,
    /// The image that a generic kernel rule kept for the longest branch that is a prefix of the pushed branch's name.
    LongestPrefix,
}

impl Task {
    /// The name of the image of its container; none if it has no container.
    pub fn image(&self) -> Option<&ImageName> {
        match self {
            Self::Hook(hook) => Some(&hook.image),
            Self::Program(program) => Some(&program.image),
            Self::Configuration => None,
        }
    }

    /// The path in the container at which its program leaves the artifact; empty if there is none.
    pub fn artifact_path(&self) -> String {
        let Self::Program(program) = self else { return String::new() };
        match program.product.path.as_str() {
            "." | "" => program.output.clone(),
            path => format!("{}/{path}", program.output.trim_end_matches('/')),
        }
    }

    /// The artifact that it makes, if any.
    pub fn product(&self) -> Option<&Product> {
        match self {
            Self::Program(program) => Some(&program.product),
            Self::Hook(_) | Self::Configuration => None,
        }
    }
}
