//! Repositories that tests add and remove.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};

use super::world::{Permission, Repository, World};
use super::{GitHub, stamp};

/// A repository to be added.
#[derive(Debug, Clone)]
pub struct NewRepository {
    full_name: String,
    private: bool,
    permissions: BTreeMap<String, Permission>,
}

impl NewRepository {
    /// A public repository `owner/name`; the owner has all permissions.
    pub fn public(full_name: &str) -> Self {
        Self { full_name: full_name.to_owned(), private: false, permissions: BTreeMap::new() }
    }

    /// A repository `owner/name` that only its owner and those allowed may see.
    pub fn private(full_name: &str) -> Self {
        Self { private: true, ..Self::public(full_name) }
    }

    /// Gives one more person a permission.
    #[must_use]
    pub fn allow(mut self, login: &str, permission: Permission) -> Self {
        self.permissions.insert(login.to_owned(), permission);
        self
    }
}

impl GitHub {
    /// Adds an empty repository; the answer is its id.
    pub fn add_repository(&self, new: NewRepository) -> Result<u64> {
        let (owner, name) = new.full_name.split_once('/').unwrap_or(("", &new.full_name));
        let known = self.double.read(|world| world.account(owner).is_some());
        ensure!(known, "nobody is called {owner:?}: add the owner of {} first", new.full_name);
        let id = self.double.change(World::fresh_id);
        self.double.git_of(id).init()?;
        self.double.change(|world| {
            world.repositories.push(Repository {
                id,
                owner: owner.to_owned(),
                name: name.to_owned(),
                private: new.private,
                fork_of: None,
                default_branch: "main".to_owned(),
                created_at: stamp::now(),
                permissions: new.permissions,
                announced: BTreeMap::new(),
                hooks: Vec::new(),
                keys: Vec::new(),
                pulls: Vec::new(),
                statuses: Vec::new(),
            });
        });
        Ok(id)
    }

    /// Adds `count` public repositories `owner/<prefix>-001` and so on, to have several pages of them.
    pub fn add_repositories(&self, owner: &str, prefix: &str, count: usize) -> Result<()> {
        (1..=count).try_for_each(|number| {
            self.add_repository(NewRepository::public(&format!("{owner}/{prefix}-{number:03}"))).map(drop)
        })
    }

    /// The repository as it is now.
    pub fn repository(&self, full_name: &str) -> Option<Repository> {
        self.double.read(|world| world.repository(full_name).cloned())
    }

    /// Removes a repository, as its owner may do at any time.
    pub fn delete_repository(&self, full_name: &str) {
        self.double.change(|world| {
            let id = world.repository(full_name).map(|repository| repository.id);
            world.repositories.retain(|one| Some(one.id) != id);
        });
    }
}
