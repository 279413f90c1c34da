//! Webhooks, seen and changed from outside of Kozmic.

use anyhow::{Context, Result};

use super::world::Hook;
use super::{GitHub, stamp};

impl GitHub {
    /// The webhooks of a repository.
    pub fn hooks(&self, repository: &str) -> Vec<Hook> {
        self.double
            .read(|world| world.repository(repository).map(|one| one.hooks.clone()).unwrap_or_default())
    }

    /// Changes a webhook behind Kozmic's back: its address, secret, events, or whether it is active.
    pub fn change_hook(&self, repository: &str, id: u64, change: impl FnOnce(&mut Hook)) -> Result<()> {
        self.double.change(|world| {
            let hooks = world.repository_mut(repository).map(|one| &mut one.hooks);
            let hook = hooks.and_then(|hooks| hooks.iter_mut().find(|hook| hook.id == id));
            let hook = hook.with_context(|| format!("{repository} has no webhook {id}"))?;
            change(hook);
            hook.updated_at = stamp::now();
            Ok(())
        })
    }

    /// Removes a webhook behind Kozmic's back, as a person can at GitHub's pages.
    pub fn delete_hook(&self, repository: &str, id: u64) {
        self.double.change(|world| {
            if let Some(repository) = world.repository_mut(repository) {
                repository.hooks.retain(|hook| hook.id != id);
            }
        });
    }
}
