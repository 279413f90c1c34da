//! The spec of a job: everything that it needs to run, fixed when the job is planned. A restart runs the same spec.

mod stored;
mod task;

pub use task::{Base, HookTask, Program, Task};

use crate::{
    artifact::ArtifactName,
    git::RefAt,
    ids::HookId,
    interruption::IfInterrupted,
    kernel_image::is_certain,
    label::Labels,
    names::{NameOwner, Wish},
};
use serde::{Deserialize, Serialize};
use stored::Stored;

/// The snapshot of everything a job needs. A hook is one source of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub struct JobSpec {
    /// The name on the job's tab.
    pub title: String,
    /// The rule for the job if it is interrupted.
    pub if_interrupted: IfInterrupted,
    /// The source from which the spec was written; it matches the task's kind.
    pub origin: Origin,
    /// The labels that its runner must have.
    pub labels: Labels,
    /// The work, with everything that it needs.
    pub task: Task,
}

/// The end of a generic kernel's link. A dependent kernel whose branch ended so would have the same link.
const GENERIC: &str = "-generic";

impl JobSpec {
    /// The names to request if other artifacts may have the same: the stable name and the series. `name` has the
    /// artifact's names at one destination.
    pub fn wishes(&self, full_name: &str, at: RefAt<'_>, name: &ArtifactName) -> [Wish; 2] {
        let git_ref = at.git_ref;
        let of_both = |own: NameOwner| [own.clone(), own];
        let (owners, is_plain) = match (&self.origin, &self.task) {
            (Origin::Kernel(KernelKind::Generic), _) => {
                (of_both(NameOwner::kernel(full_name, git_ref)), is_certain(git_ref))
            }
            (Origin::Kernel(KernelKind::Dependent), Task::Program(program)) => {
                let of_link = NameOwner::kernels_on(program.image.repository(), git_ref);
                let is_plain = is_certain(git_ref) && !git_ref.label().ends_with(GENERIC);
                ([of_link, NameOwner::kernel_part(full_name, git_ref)], is_plain)
            }
            (_, task) => {
                let is_plain = task.product().is_none_or(|product| !product.is_met);
                (of_both(NameOwner::recipe(full_name, git_ref)), is_plain)
            }
        };
        name.wishes(owners, at, is_plain)
    }
}

/// The name under which a forge lists the statuses of hooks' builds.
pub const CONTEXT: &str = "Kozmic-CI";

/// The source from which a job's spec was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// A hook that a delivery started.
    Hook(HookId),
    /// A build script that a recipe lists.
    Recipe {
        /// The script's path in the repository.
        script: String,
        /// The word that tells its artifact apart from others.
        tag: Option<String>,
    },
    /// A kernel rule.
    Kernel(KernelKind),
    /// A change of the configuration repository.
    Configuration,
}

impl Origin {
    /// True if the job is the Auto Builder's: the monitor shows it, and it has a commit status of its own.
    pub fn is_automatic(&self) -> bool {
        !matches!(self, Self::Hook(_))
    }

    /// The word for the kind in the database and in JSON.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Hook(_) => "hook",
            Self::Recipe { .. } => "recipe",
            Self::Kernel(_) => "kernel",
            Self::Configuration => "configuration",
        }
    }

    /// The word that tells its artifact apart from others.
    pub fn tag(&self) -> Option<&str> {
        match self {
            Self::Recipe { tag, .. } => tag.as_deref(),
            Self::Hook(_) | Self::Kernel(_) | Self::Configuration => None,
        }
    }

    /// The name under which the forge lists a job of the Auto Builder, in full: `kozmic/<script>[ <tag>]`.
    pub fn context(&self) -> String {
        match self {
            Self::Hook(_) => CONTEXT.to_owned(),
            Self::Recipe { script, tag: None } => format!("kozmic/{script}"),
            Self::Recipe { script, tag: Some(tag) } => format!("kozmic/{script} {tag}"),
            Self::Kernel(kind) => format!("kozmic/kernel {}", kind.word()),
            Self::Configuration => "kozmic/configuration".to_owned(),
        }
    }
}

/// The kind of a kernel rule, by the part that it builds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KernelKind {
    /// Everything, on a fresh image; the build's container is kept as an image.
    Generic,
    /// One part, on an image that a generic build kept.
    Dependent,
}

impl KernelKind {
    /// The word in settings and on pages.
    pub fn word(self) -> &'static str {
        match self {
            Self::Generic => "generic",
            Self::Dependent => "dependent",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_source_has_its_word_and_only_hooks_are_not_the_auto_builders() {
        let recipe = Origin::Recipe { script: "build.sh".into(), tag: Some("arm".into()) };
        let kernel = Origin::Kernel(KernelKind::Generic);
        let all = [Origin::Hook(HookId(7)), recipe, kernel, Origin::Configuration];
        assert_eq!(all.each_ref().map(Origin::word), ["hook", "recipe", "kernel", "configuration"]);
        assert_eq!(all.each_ref().map(Origin::is_automatic), [false, true, true, true]);
        assert_eq!(all.each_ref().map(Origin::tag), [None, Some("arm"), None, None]);
        let contexts = all.each_ref().map(Origin::context);
        assert_eq!(
            contexts,
            [CONTEXT, "kozmic/build.sh arm", "kozmic/kernel generic", "kozmic/configuration"]
        );
    }
}
