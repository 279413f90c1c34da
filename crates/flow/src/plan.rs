//! What a change makes run: a hook is written down as a job's spec, and from then on nobody asks where it came from.

use kozmic_model::{
    hook::{Hook, HookRecipe},
    spec::{JobSpec, Origin},
};

/// The job that a hook makes of a change.
pub(crate) fn job(hook: &Hook) -> JobSpec {
    let HookRecipe { title, image, script, install, pull } = hook.recipe.clone();
    JobSpec { title, image, script, install, pull, origin: Origin::Hook(hook.id) }
}
