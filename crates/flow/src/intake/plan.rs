//! Plans the jobs of a change: writes a hook, a recipe or a kernel rule down as jobs' specs. Later steps do not need to
//! know where a job came from.

use crate::AutobuildSettings;
use kozmic_model::{
    event::Change,
    git::{GitRef, RefAt},
    hook::{Hook, HookSettings},
    project::Repository,
    recipe::Configuration,
    spec::{HookTask, JobSpec, Origin, Task},
};

/// The job that a hook makes of a change.
pub(crate) fn job(hook: &Hook) -> JobSpec {
    let HookSettings { title, image, script, install, pull, if_interrupted, labels, wake: _ } =
        hook.settings.clone();
    let task = Task::Hook(HookTask { image, script, install, pull });
    JobSpec { title, if_interrupted, origin: Origin::Hook(hook.id), labels, task }
}

/// The jobs that the Auto Builder makes of a push: one for each script that a recipe lists for the branch, and one for
/// a kernel rule of the repository.
pub(crate) fn jobs(
    settings: &AutobuildSettings,
    configuration: &Configuration,
    repository: &Repository,
    change: &Change,
) -> Vec<JobSpec> {
    let full_name = repository.full_name();
    let recipe = match &change.git_ref {
        GitRef::Branch(branch) => configuration.recipe(&full_name, branch),
        GitRef::Tag(_) | GitRef::PullRequest(_) => None,
    };
    let scripts = recipe.map(|recipe| recipe.scripts.as_slice()).unwrap_or_default();
    let at = RefAt { git_ref: &change.git_ref, sha: &change.sha };
    let scripts = scripts.iter().map(|script| script.job(&full_name, at, &configuration.met));
    let rule = settings.kernels.iter().find(|rule| rule.is_for(&full_name));
    // The settings made sure that the repository's name can be part of an image's name.
    let kernel = rule.and_then(|rule| rule.job(&repository.name, &change.git_ref, &change.sha).ok()?);
    scripts.chain(kernel).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use kozmic_model::{
        hook::{DEFAULT_SCRIPT, HookDraft},
        ids::{HookId, ProjectId},
        label::Labels,
    };

    #[test]
    fn a_hooks_job_asks_for_the_labels_of_the_hook() {
        let draft = |labels: &str| HookDraft {
            title: "Tests".into(),
            image: "debian".into(),
            script: DEFAULT_SCRIPT.into(),
            labels: labels.into(),
            ..HookDraft::default()
        };
        for labels in ["", "gpu, arm64"] {
            let settings = draft(labels).check().unwrap();
            let hook =
                Hook { id: HookId(1), project: ProjectId(1), settings, webhook: None, is_unsigned: false };
            assert_eq!(job(&hook).labels, labels.parse::<Labels>().unwrap());
        }
    }
}
