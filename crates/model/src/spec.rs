//! The spec of a job: everything that it needs to run, fixed when the job is planned. A restart runs the same spec.

mod stored;
mod task;

pub use task::{Base, HookTask, Program, Task};

use crate::{
    artifact::ArtifactName,
    event::{Author, Trigger},
    git::{GitRef, RefAt, Sha},
    ids::{BuildId, HookId},
    interruption::IfInterrupted,
    job::Attempt,
    kernel::{self, KernelKind},
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
                (of_both(NameOwner::kernel(full_name, git_ref)), kernel::is_certain(git_ref))
            }
            (Origin::Kernel(KernelKind::Dependent), Task::Program(program)) => {
                let of_link = NameOwner::kernels_on(program.image.repository(), git_ref);
                let is_plain = kernel::is_certain(git_ref) && !git_ref.label().ends_with(GENERIC);
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

/// The facts of a build that its scripts get.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuildFacts<'a> {
    /// `owner/name` of the project.
    pub project: &'a str,
    /// Kozmic's id of the build.
    pub build: BuildId,
    /// The number that people see.
    pub number: i64,
    /// The build's page.
    pub url: &'a str,
    /// The branch or pull request.
    pub git_ref: &'a GitRef,
    /// The commit.
    pub sha: &'a Sha,
    /// The commit's author.
    pub author: &'a Author,
    /// The commit's message, as far as it is known when the job starts.
    pub message: &'a str,
    /// The event that brought the change.
    pub trigger: &'a Trigger,
}

/// The variables that a job's script finds in its environment (all but `HOME`, which the image decides).
pub fn environment(facts: &BuildFacts<'_>, attempt: Attempt, title: &str) -> Vec<(String, String)> {
    // All variables are always set: an image that an install script made has the variables of the job that made it.
    let pull_request = match facts.trigger {
        Trigger::PullRequest { number, .. } => number.to_string(),
        Trigger::Push => String::new(),
    };
    let variables = vec![
        ("CI", "true".to_owned()),
        ("TERM", "xterm".to_owned()),
        ("KOZMIC", "true".to_owned()),
        ("KOZMIC_PROJECT", facts.project.to_owned()),
        ("KOZMIC_BUILD_ID", facts.build.to_string()),
        ("KOZMIC_BUILD_NUMBER", facts.number.to_string()),
        ("KOZMIC_BUILD_URL", facts.url.to_owned()),
        ("KOZMIC_JOB_ID", attempt.job.to_string()),
        ("KOZMIC_ATTEMPT", attempt.number.to_string()),
        ("KOZMIC_JOB_TITLE", title.to_owned()),
        ("KOZMIC_REF", facts.git_ref.to_string()),
        ("KOZMIC_REF_NAME", facts.git_ref.label()),
        ("KOZMIC_SHA", facts.sha.to_string()),
        ("KOZMIC_AUTHOR", facts.author.name.clone()),
        ("KOZMIC_AUTHOR_EMAIL", facts.author.email.clone().unwrap_or_default()),
        ("KOZMIC_MESSAGE", facts.message.to_owned()),
        ("KOZMIC_EVENT", facts.trigger.word().to_owned()),
        ("KOZMIC_PULL_REQUEST", pull_request),
    ];
    variables.into_iter().map(|(name, value)| (name.to_owned(), for_the_environment(value))).collect()
}

/// Removes NUL bytes, which end a variable, and shortens long values: the kernel does not start a script with a
/// variable of more than 128 KiB.
fn for_the_environment(value: String) -> String {
    const LIMIT: usize = 64 * 1024;
    let clean = value.replace('\0', "");
    let cut = clean.floor_char_boundary(LIMIT);
    clean[..cut].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::JobId;

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

    #[test]
    fn a_script_is_told_all_that_is_known_of_its_build() {
        let (git_ref, sha) = (GitRef::PullRequest(12), "a".repeat(40).parse().unwrap());
        let author = Author { name: "Anna".into(), email: None };
        let trigger = Trigger::PullRequest { number: 12, title: "Fix".into() };
        let facts = BuildFacts {
            project: "anna/hello",
            build: BuildId(5),
            number: 3,
            url: "https://ci.example.org/b",
            git_ref: &git_ref,
            sha: &sha,
            author: &author,
            message: "Fix it",
            trigger: &trigger,
        };
        let attempt = Attempt { job: JobId(9), number: 2 };
        let told = environment(&facts, attempt, "Tests");
        let lines = told.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>();
        let sha = format!("KOZMIC_SHA={sha}");
        let wanted = [
            "CI=true",
            "TERM=xterm",
            "KOZMIC=true",
            "KOZMIC_PROJECT=anna/hello",
            "KOZMIC_BUILD_ID=5",
            "KOZMIC_BUILD_NUMBER=3",
            "KOZMIC_BUILD_URL=https://ci.example.org/b",
            "KOZMIC_JOB_ID=9",
            "KOZMIC_ATTEMPT=2",
            "KOZMIC_JOB_TITLE=Tests",
            "KOZMIC_REF=refs/pull/12/head",
            "KOZMIC_REF_NAME=#12",
            &sha,
            "KOZMIC_AUTHOR=Anna",
            "KOZMIC_AUTHOR_EMAIL=",
            "KOZMIC_MESSAGE=Fix it",
            "KOZMIC_EVENT=pull_request",
            "KOZMIC_PULL_REQUEST=12",
        ];
        assert_eq!(lines, wanted);
        let pushed = environment(&BuildFacts { trigger: &Trigger::Push, ..facts }, attempt, "Tests");
        let last = [("KOZMIC_EVENT", "push"), ("KOZMIC_PULL_REQUEST", "")];
        assert_eq!(pushed[16..], last.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }

    #[test]
    fn hostile_messages_fit_into_the_environment() {
        let value = for_the_environment(format!("a\0b{}", "ü".repeat(100_000)));
        assert!(value.starts_with("abü") && value.len() <= 64 * 1024);
    }
}
