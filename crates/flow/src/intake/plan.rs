//! Plans the Auto Builder's jobs of a change: writes recipes and a kernel rule down as jobs' specs. Later steps do not
//! need to know where a job came from.

use crate::AutobuildSettings;
use kozmic_model::{
    event::Change,
    git::{GitRef, RefAt},
    project::Repository,
    recipe::Configuration,
    spec::JobSpec,
};

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
