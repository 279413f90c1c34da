//! Deploy keys, seen and changed from outside of Kozmic.

use super::GitHub;
use super::world::{DeployKey, RefusedType};

impl GitHub {
    /// The deploy keys of a repository, oldest first.
    pub fn deploy_keys(&self, repository: &str) -> Vec<DeployKey> {
        self.double.read(|world| world.repository(repository).map(|one| one.keys.clone()).unwrap_or_default())
    }

    /// Removes a deploy key behind Kozmic's back, as a person can at GitHub's pages.
    pub fn remove_deploy_key(&self, repository: &str, id: u64) {
        self.double.change(|world| {
            if let Some(repository) = world.repository_mut(repository) {
                repository.keys.retain(|key| key.id != id);
            }
        });
    }

    /// Takes no more keys of this type, such as `ssh-ed25519`, at one repository or (`None`) at all of them.
    pub fn refuse_key_type(&self, repository: Option<&str>, key_type: &str) {
        self.double.change(|world| {
            let repository = match repository {
                Some(name) => world.repository(name).map(|one| Some(one.id)),
                None => Some(None),
            };
            let key_type = key_type.to_owned();
            world.refused_types.extend(repository.map(|repository| RefusedType { repository, key_type }));
        });
    }
}
