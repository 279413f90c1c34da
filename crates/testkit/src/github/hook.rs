//! Webhooks: where GitHub sends word of a push.

use anyhow::{Context, Result};

use super::{GitHub, stamp};

/// A webhook of a repository.
#[derive(Debug, Clone)]
pub struct Hook {
    /// GitHub's number for it.
    pub id: u64,
    /// Address that deliveries go to.
    pub url: String,
    /// Secret that deliveries are signed with.
    pub secret: Option<String>,
    /// `json` or `form`.
    pub content_type: String,
    /// `"1"` if certificates are not checked.
    pub insecure_ssl: String,
    /// The events that it wants.
    pub events: Vec<String>,
    /// Whether deliveries are sent.
    pub active: bool,
    pub(super) created_at: String,
    pub(super) updated_at: String,
    pub(super) last_response: (Option<u16>, String),
}

impl Hook {
    /// Whether this event is to be delivered to it.
    pub(super) fn wants(&self, event: &str) -> bool {
        self.active && self.events.iter().any(|one| one == event || one == "*")
    }
}

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
